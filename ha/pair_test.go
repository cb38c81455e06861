package ha

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
	"seesaw/internal/nettest"
)

// node is a daemon on a real link, with an engine that only repeats itself.
type node struct {
	t     *testing.T
	roles chan lb.HAReport // every change of role, and the first advert heard
	cut   atomic.Bool      // its adverts are lost
	stop  func()           // ends the daemon and waits for it
}

func startNode(t *testing.T, n *nettest.Namespace, conf lb.HAConfig) *node {
	t.Helper()
	nd := &node{t: t, roles: make(chan lb.HAReport, 64)}
	d, err := New(Config{
		Join: func(ctx context.Context) (Session, error) {
			return &repeater{ctx: ctx, dir: lb.HADirective{Config: conf}, roles: nd.roles}, nil
		},
		Open: func(conf lb.HAConfig) (w Wire, err error) {
			n.Do(func() {
				var m *Multicast
				if m, err = OpenMulticast(conf, slog.New(slog.DiscardHandler)); err == nil {
					w = lossy{m, &nd.cut}
				}
			})
			return w, err
		},
		Watch: func(ctx context.Context, names []string, changed func(Link)) {
			n.Do(func() { WatchLinks(ctx, slog.Default(), names, changed) })
		},
		Now: BootTime,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	nd.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
	return nd
}

// becomes waits for a role.
func (n *node) becomes(role lb.Role) lb.HAReport {
	n.t.Helper()
	return n.awaits(role.String(), func(r lb.HAReport) bool { return r.Role == role })
}

// follows waits until the node is backup and has heard its leader.
func (n *node) follows() {
	n.t.Helper()
	n.awaits("a backup that hears", func(r lb.HAReport) bool { return r.Role == lb.RoleBackup && r.Received != 0 })
}

func (n *node) awaits(what string, is func(lb.HAReport) bool) lb.HAReport {
	n.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case r := <-n.roles:
			if is(r) {
				return r
			}
		case <-timer.C:
			n.t.Fatalf("no report of %s", what)
		}
	}
}

// drained is ch, ended.
func drained(ch chan lb.HAReport) <-chan lb.HAReport { close(ch); return ch }

// repeater is an engine's side of a conversation.
type repeater struct {
	ctx   context.Context
	dir   lb.HADirective
	last  lb.HAReport
	roles chan lb.HAReport
	spoke bool
}

func (r *repeater) Send(report lb.HAReport) error {
	if report.Role != r.last.Role || r.last.Received == 0 && report.Received != 0 {
		r.roles <- report
	}
	r.last = report
	return nil
}

func (r *repeater) Recv() (lb.HADirective, error) {
	if r.spoke {
		select {
		case <-time.After(100 * ms):
		case <-r.ctx.Done():
			return lb.HADirective{}, r.ctx.Err()
		}
	}
	r.spoke = true
	return r.dir, nil
}

// lossy loses what is sent while it is cut.
type lossy struct {
	*Multicast
	cut *atomic.Bool
}

func (w lossy) Send(a vrrp.Advert) error {
	if w.cut.Load() {
		return nil
	}
	return w.Multicast.Send(a)
}

// fast is a config for elections at 50 ms.
func fast(conf lb.HAConfig) lb.HAConfig { conf.Interval = 50 * ms; return conf }

func TestPairElectsOneLeader(t *testing.T) {
	a, b := cable(t)
	first := startNode(t, a, fast(pair()))
	first.becomes(lb.RoleLeader)
	second := startNode(t, b, fast(other()))
	second.follows()
	first.cut.Store(true)
	if r := second.becomes(lb.RoleLeader); r.Reason != "no advert within the down interval (192.0.2.1)" {
		t.Errorf("second leads for %q, want silence", r.Reason)
	}
	first.cut.Store(false) // both lead: the better one stays
	if r := second.becomes(lb.RoleBackup); r.Reason != "peer has higher priority (192.0.2.1)" {
		t.Errorf("second yields for %q", r.Reason)
	}
	first.stop()
	for r := range drained(first.roles) {
		if r.Transitions > 2 && r.Role != lb.RoleShutdown {
			t.Errorf("first has become %+v, want it to lead until its end", r)
		}
	}
	if r := second.becomes(lb.RoleLeader); r.Reason != "peer resigned (192.0.2.1)" {
		t.Errorf("second leads for %q, want a resignation", r.Reason)
	}
	second.stop()
}

func TestInterfaceComesAndGoes(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	first := startNode(t, a, fast(pair()))
	if r := first.becomes(lb.RoleBackup); r.Reason == "started" {
		t.Errorf("takes part without an interface")
	}
	nettest.Veth(t, a, "node0", b, "node0")
	a.Address("node0", "192.0.2.1/24")
	b.Address("node0", "192.0.2.2/24")
	first.becomes(lb.RoleLeader)

	b.Down("node0") // takes the carrier from a
	if r := first.becomes(lb.RoleBackup); r.Reason != "no carrier on node interface node0" {
		t.Errorf("backup for %q, want for want of carrier", r.Reason)
	}
	b.Up("node0")
	first.becomes(lb.RoleLeader)

	link, err := a.Netlink().LinkByName("node0")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Netlink().LinkDel(link); err != nil {
		t.Fatal(err)
	}
	first.becomes(lb.RoleBackup)
	nettest.Veth(t, a, "node0", b, "node0")
	a.Address("node0", "192.0.2.1/24")
	b.Address("node0", "192.0.2.2/24")
	first.becomes(lb.RoleLeader)
	second := startNode(t, b, fast(other()))
	second.follows()
	first.cut.Store(true) // the first hears on the new link as well
	second.becomes(lb.RoleLeader)
	second.stop()
	first.stop()
}

func TestWatchLinks(t *testing.T) {
	n := nettest.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	ch, done := make(chan Link), make(chan struct{})
	go func() {
		defer close(done)
		n.Do(func() { WatchLinks(ctx, slog.Default(), []string{"node0", "lb0"}, func(l Link) { ch <- l }) })
	}()
	next := func(want Link) (got Link) {
		t.Helper()
		select {
		case got = <-ch:
		case <-time.After(patience):
			t.Fatalf("nothing is told, want %+v", want)
		}
		index := got.Index
		if got.Index = min(index, 1); got != want {
			t.Fatalf("told %+v, want %+v", got, want)
		}
		got.Index = index
		return got
	}
	next(Link{Name: "node0"})
	next(Link{Name: "lb0"})
	add := func(name string) netlink.Link {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		l := &netlink.Veth{LinkAttrs: attrs, PeerName: name + "-far"}
		if err := n.Netlink().LinkAdd(l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	add("other")
	lb0 := add("lb0")
	was := next(Link{Name: "lb0", Index: 1})
	n.Up("lb0")
	next(Link{Name: "lb0", Index: 1, Up: true})
	n.Up("lb0-far")
	next(Link{Name: "lb0", Index: 1, Up: true, Running: true})
	n.Down("lb0")
	next(Link{Name: "lb0", Index: 1})
	if err := n.Netlink().LinkDel(lb0); err != nil {
		t.Fatal(err)
	}
	next(Link{Name: "lb0"})
	add("lb0")
	if is := next(Link{Name: "lb0", Index: 1}); is.Index == was.Index {
		t.Errorf("the new link has the index of the old one, %d", is.Index)
	}
	cancel()
	<-done
}

func TestBootTimeGoesOn(t *testing.T) {
	a := BootTime()
	if b := BootTime(); b.Before(a) || a.IsZero() || b.Sub(a) > patience {
		t.Errorf("BootTime = %v, then %v", a, b)
	}
}
