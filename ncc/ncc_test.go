package ncc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

var (
	_ Kernel = (*nccfake.Kernel)(nil)

	vip     = netip.MustParseAddr("10.0.0.200")
	backend = netip.MustParseAddr("10.0.0.10")
)

func update(edit ...func(*lb.Update)) lb.Update {
	u := lb.Update{
		Full: true, Version: 1,
		Node: lb.Node{NodeInterface: "eth0", LBInterface: "eth1", VRID: 60, Link: lb.Present},
		Changed: []lb.Vserver{{
			Name: "web", VIPs: []lb.VIP{{Addr: vip, Kind: lb.Unicast, Want: lb.Present}},
			Services: []lb.Service{{
				Key: lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: vip, Port: 80}, Scheduler: "rr", Want: lb.Present,
				Destinations: []lb.Destination{{Addr: backend, Port: 80, Mode: lb.DSR, Weight: 1, Want: lb.Present}},
			}},
		}},
	}
	for _, e := range edit {
		e(&u)
	}
	return u
}

func withPeer(u *lb.Update) { u.Node.Peer = true }

// renewal says nothing but that the engine lives.
func renewal(u lb.Update) lb.Update {
	return lb.Update{Base: u.Version, Version: u.Version, Node: u.Node}
}

// rig is an ncc that runs on a kernel in memory.
type rig struct {
	t    *testing.T
	k    *nccfake.Kernel
	ncc  *NCC
	logs *logged
	stop func()
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, k *nccfake.Kernel, record string) *rig {
	t.Helper()
	logs := &logged{}
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	n, err := New(Config{Record: record}, k, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return &rig{t, k, n, logs, stop}
}

func (r *rig) apply(u lb.Update) lb.Report {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	report, err := r.ncc.Apply(ctx, u)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) wantLog(parts ...string) {
	r.t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.logs.String(), p) {
			r.t.Errorf("no %q in the log:\n%s", p, r.logs)
		}
	}
}

func recordIn(t *testing.T) string { return filepath.Join(t.TempDir(), "ncc", "owned") }

func TestNewRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, f := range map[string]func() (*NCC, error){
		"no kernel":      func() (*NCC, error) { return New(Config{}, nil, log) },
		"no log":         func() (*NCC, error) { return New(Config{}, nccfake.New(), nil) },
		"negative lease": func() (*NCC, error) { return New(Config{Lease: -1}, nccfake.New(), log) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nccfake.New(), recordIn(t))
		if report := r.apply(renewal(update())); !report.Resend {
			t.Error("a delta on nothing was taken")
		}
		if got := r.k.TakeOps(); len(got) > 0 {
			t.Errorf("%q before the first full update", got)
		}
		got := r.apply(update())
		want := lb.Report{
			Version: 1, Node: lb.NodeReport{LinkUp: true, LinkFoundUp: true},
			Vservers: []lb.VserverReport{{
				Name: "web", VIPs: []netip.Addr{vip},
				Services: []lb.ServiceReport{{
					Key:          update().Changed[0].Services[0].Key,
					Destinations: []lb.DestinationReport{{Addr: backend, Port: 80, Weight: 1}},
				}},
			}},
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		r.wantLog(`msg="host changed" change="add service 10.0.0.200:80/TCP"`, `change="raise interface eth1"`)
		if strings.Contains(r.logs.String(), `change="announce`) {
			t.Error("announcements are logged")
		}
		if report := r.apply(renewal(update())); len(report.Vservers) > 0 || report.Resend {
			t.Errorf("report of a renewal: %+v", report)
		}
		stats, err := r.ncc.Statistics(t.Context())
		if err != nil || len(stats) != 1 {
			t.Errorf("statistics %v, %v; want those of one service", stats, err)
		}
	})
}

func TestStopChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nccfake.New(), recordIn(t))
		r.apply(update(withPeer))
		r.k.TakeOps()
		before := r.k.String()
		r.stop()
		time.Sleep(time.Hour)
		if diff := cmp.Diff(before, r.k.String()); diff != "" || r.k.Ops() > 0 {
			t.Errorf("stopping changed the host:\n%s", diff)
		}
		if _, err := r.ncc.Apply(timeout(t, time.Second), update()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("apply to a stopped ncc: %v", err)
		}
	})
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestRestartKnowsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record := recordIn(t)
		r := start(t, nccfake.New(), record)
		r.apply(update())
		r.stop()
		r.k.TakeOps()
		again := start(t, r.k, record)
		report := again.apply(update(func(u *lb.Update) { u.Changed, u.Node.Link = nil, lb.AsFound }))
		if !report.Node.LinkFoundUp {
			t.Error("a restarted ncc does not know that it had raised the link")
		}
		want := []string{"load kernel modules [ip_vs]", "remove service 10.0.0.200:80/TCP", "remove address 10.0.0.200/32 from eth1"}
		if diff := cmp.Diff(want, r.k.TakeOps()); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
	})
}

func TestRecordIsWrittenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record := recordIn(t)
		k := nccfake.New()
		k.Hook(func(op plan.Op) {
			b, err := os.ReadFile(record)
			if err != nil {
				t.Error(err)
			}
			if s, is := op.(plan.AddService); is && !strings.Contains(string(b), "+service "+s.Service.Key.String()+"\t") {
				t.Errorf("%v, and the record says:\n%s", op, b)
			}
		})
		start(t, k, record).apply(update())
	})
}

func TestLease(t *testing.T) {
	tests := []struct {
		name string
		peer bool
		want bool
	}{{"with a peer", true, false}, {"alone", false, true}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				record := recordIn(t)
				r := start(t, nccfake.New(), record)
				u := update(func(u *lb.Update) { u.Node.Peer = tt.peer })
				r.apply(u)
				for range 10 { // as long as it speaks
					time.Sleep(DefaultLease - time.Millisecond)
					r.apply(renewal(u))
				}
				time.Sleep(DefaultLease - time.Millisecond)
				synctest.Wait()
				if !r.k.LinkUp("eth1") {
					t.Fatal("down before the lease ended")
				}
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if got := r.k.LinkUp("eth1"); got != tt.want {
					t.Fatalf("link up after the lease: %v, want %v", got, tt.want)
				}
				if report := r.apply(renewal(u)); !report.Node.LinkUp {
					t.Error("not back as wanted when the engine is heard again")
				}
				// Restarted, and nobody speaks.
				r.stop()
				time.Sleep(time.Hour)
				again := start(t, r.k, record)
				time.Sleep(DefaultLease - time.Millisecond)
				synctest.Wait()
				if !r.k.LinkUp("eth1") {
					t.Fatal("down before the lease of the restarted one ended")
				}
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if got := r.k.LinkUp("eth1"); got != tt.want {
					t.Errorf("link up after restart and lease: %v, want %v", got, tt.want)
				}
				if tt.peer {
					again.wantLog("engine is silent")
				}
			})
		})
	}
}

// TestSlowHostIsNoSilence: while ncc is busy with an update the engine cannot
// renew its lease.
func TestSlowHostIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := nccfake.New()
		k.Hook(func(plan.Op) { time.Sleep(time.Second) })
		r := start(t, k, recordIn(t))
		u := update(withPeer)
		ctx := timeout(t, time.Hour)
		if _, err := r.ncc.Apply(ctx, u); err != nil {
			t.Fatal(err)
		}
		k.TakeOps()
		time.Sleep(DefaultLease / 2)
		r.apply(renewal(u))
		if !k.LinkUp("eth1") {
			t.Errorf("lowered: %q", k.TakeOps())
		}
	})
}

func TestDriftIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nccfake.New(), recordIn(t))
		r.apply(update())
		r.k.TakeOps()
		r.k.Edit(func(f *plan.Found) { clear(f.Services) })
		time.Sleep(DefaultReread + time.Millisecond)
		synctest.Wait()
		if report := r.apply(renewal(update())); len(report.Vservers) != 1 || len(report.Vservers[0].Services) != 1 {
			t.Errorf("report of what has changed: %+v", report.Vservers)
		}
		r.k.FailRead(syscall.ENOBUFS)
		time.Sleep(DefaultReread + time.Millisecond)
		synctest.Wait()
		r.wantLog("add service 10.0.0.200:80/TCP", "host cannot be read")
	})
}

func TestMissingInterfaceIsLookedForSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nccfake.New("eth0"), recordIn(t))
		if report := r.apply(update()); len(report.Node.Problems) != 1 {
			t.Errorf("problems %v, want the missing interface", report.Node.Problems)
		}
		time.Sleep(DefaultReread + time.Millisecond)
		synctest.Wait()
		r.k.Edit(func(f *plan.Found) { f.Links["eth1"] = plan.Link{Name: "eth1"} })
		time.Sleep(lookAgain + time.Millisecond)
		synctest.Wait()
		if !r.k.LinkUp("eth1") {
			t.Error("the interface is there and not used")
		}
	})
}

func TestUnreadableHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := nccfake.New()
		k.FailRead(errors.New("netlink: bad luck"))
		r := start(t, k, recordIn(t))
		if _, err := r.ncc.Apply(t.Context(), update()); err == nil || !strings.Contains(err.Error(), "bad luck") {
			t.Errorf("apply: %v, want the reason", err)
		}
		k.FailRead(nil)
		time.Sleep(lookAgain + time.Millisecond)
		if report := r.apply(update()); !report.Node.LinkUp {
			t.Errorf("report %+v", report)
		}
		k.FailRead(errors.New("again"))
		r2 := start(t, k, recordIn(t))
		synctest.Wait()
		r2.stop() // must not hang
	})
}

func TestFailureIsRetriedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nccfake.New(), recordIn(t))
		r.k.Fail("add service", syscall.ENOMEM)
		report := r.apply(update())
		if len(report.Vservers[0].Problems) != 1 {
			t.Errorf("report %+v", report)
		}
		time.Sleep(10 * time.Second)
		r.k.Heal("")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if report := r.apply(renewal(update())); len(report.Vservers) != 1 || len(report.Vservers[0].Problems) != 0 || len(report.Vservers[0].Services) != 1 {
			t.Errorf("report after healing: %+v", report)
		}
		if got := strings.Count(r.logs.String(), "cannot allocate memory"); got != 1 {
			t.Errorf("the same failure is logged %d times", got)
		}
	})
}

// TestCallerGivesUp: its update is taken in all the same, and nobody hangs.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := nccfake.New()
		k.Hook(func(plan.Op) { time.Sleep(time.Second) })
		r := start(t, k, recordIn(t))
		if _, err := r.ncc.Apply(timeout(t, time.Second), update()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("apply: %v, want a deadline", err)
		}
		second := update(func(u *lb.Update) { u.Version = 2; u.Changed = nil })
		if report, err := r.ncc.Apply(timeout(t, time.Hour), second); err != nil || report.Version != 2 {
			t.Errorf("next apply: %+v, %v", report, err)
		}
		if strings.Contains(k.String(), "service") {
			t.Errorf("the second update took none of the first back:\n%s", k)
		}
	})
}

func TestBulkIsLoggedAsNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nccfake.New(), recordIn(t))
		r.k.Fail("add destination", syscall.ENOMEM)
		r.apply(update(func(u *lb.Update) {
			for i := range 100 {
				v := u.Changed[0]
				key := v.Services[0].Key
				key.Port = uint16(1000 + i)
				v.Name, v.Services = fmt.Sprintf("v%03d", i), []lb.Service{v.Services[0]}
				v.Services[0].Key = key
				u.Changed = append(u.Changed, v)
			}
		}))
		r.wantLog("add service: 101", `msg="more failures like these" count=51`)
		if lines := strings.Count(r.logs.String(), "\n"); lines > maxLines+10 {
			t.Errorf("%d lines for one update", lines)
		}
	})
}

func TestAdoptedAndForeignAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := nccfake.New()
		k.Edit(func(f *plan.Found) {
			ours := update().Changed[0].Services[0].Key
			other := ours
			other.Port = 81
			f.Services[ours], f.Services[other] = lb.Service{Key: ours, Scheduler: "rr"}, lb.Service{Key: other, Scheduler: "rr"}
		})
		r := start(t, k, recordIn(t))
		r.apply(update())
		r.wantLog(`msg=adopted object="service 10.0.0.200:80/TCP"`, `left alone" count=1 first=10.0.0.200:81/TCP`)
	})
}
