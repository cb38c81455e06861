package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"seesaw/internal/lb"
	"seesaw/ipvs"
	"seesaw/ncc/plan"
)

func TestSettled(t *testing.T) {
	errnos := []unix.Errno{unix.EEXIST, unix.ENOENT, unix.ESRCH, unix.EPERM, unix.EINVAL}
	success := map[ipvs.Op][]unix.Errno{
		ipvs.OpNewService:        {unix.EEXIST}, // ENOENT: no such scheduler
		ipvs.OpUpdateService:     nil,
		ipvs.OpDelService:        {unix.ESRCH},
		ipvs.OpNewDestination:    {unix.EEXIST}, // ESRCH: no such service
		ipvs.OpUpdateDestination: nil,
		ipvs.OpDelDestination:    {unix.ENOENT, unix.ESRCH},
	}
	for op, good := range success {
		for _, errno := range errnos {
			want := true
			for _, g := range good {
				want = want && g != errno
			}
			if got := settled(op, fmt.Errorf("x: %w", errno)) != nil; got != want {
				t.Errorf("%v: %v is an error: %v, want %v", op, errno, got, want)
			}
		}
		if settled(op, nil) != nil {
			t.Errorf("%v: success is an error", op)
		}
	}
}

func TestToRequest(t *testing.T) {
	key := lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: netip.MustParseAddr("192.0.2.1"), Port: 80}
	service := lb.Service{Key: key, Scheduler: "rr"}
	dest := lb.Destination{Addr: netip.MustParseAddr("10.0.0.7"), Port: 8080, Mode: lb.DSR, Weight: 1}
	for _, test := range []struct {
		op   plan.Op
		want string
	}{
		{plan.AddService{Service: service}, "add service 192.0.2.1:80/TCP"},
		{plan.SetService{Service: service}, "update service 192.0.2.1:80/TCP"},
		{plan.DelService{Key: key}, "delete service 192.0.2.1:80/TCP"},
		{plan.AddDestination{Service: key, Destination: dest}, "add destination 10.0.0.7:8080 to 192.0.2.1:80/TCP"},
		{plan.SetDestination{Service: key, Destination: dest}, "update destination 10.0.0.7:8080 of 192.0.2.1:80/TCP"},
		{plan.DelDestination{Service: key, Destination: dest.Key()}, "delete destination 10.0.0.7:8080 from 192.0.2.1:80/TCP"},
	} {
		if got := toRequest(test.op).String(); got != test.want || !isIPVS(test.op) {
			t.Errorf("%v: got %q, want %q", test.op, got, test.want)
		}
	}
	for _, op := range []plan.Op{plan.LoadModules{}, plan.SetSysctl{}, plan.AddDummy{}, plan.AddVLAN{}, plan.DelLink{},
		plan.SetMAC{}, plan.SetLink{}, plan.AddAddr{}, plan.DelAddr{}, plan.Announce{}} {
		if isIPVS(op) {
			t.Errorf("%T is taken for IPVS's", op)
		}
	}
}

// without returns a Kernel on a host whose IPVS cannot be opened.
func without(h *host, err error) *Kernel {
	k := h.kernel()
	broken := func() (*ipvs.Handle, error) { return nil, fmt.Errorf("open ipvs: %w", err) }
	k.table, k.stats = &table{open: broken}, &table{open: broken}
	return k
}

func TestHostWithoutIPVS(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := without(h, ipvs.ErrNotLoaded)
	found := read(t, k)
	if found.Services == nil || len(found.Services) != 0 || len(found.Links) != 3 {
		t.Errorf("got services %v and %d links, want none and 3", found.Services, len(found.Links))
	}
	if all, err := k.Statistics(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("statistics: %v, %v", all, err)
	}
	vip := netip.MustParsePrefix("192.0.2.1/32")
	key := lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: vip.Addr(), Port: 80}
	errs := k.Do(t.Context(), []plan.Op{
		plan.AddAddr{Link: "eth0", Prefix: vip},
		plan.AddService{Service: lb.Service{Key: key, Scheduler: "rr"}},
		plan.AddDestination{Service: key, Destination: lb.Destination{Addr: netip.MustParseAddr("10.0.0.7"), Port: 80, Mode: lb.DSR}},
		plan.DelAddr{Link: "eth0", Prefix: vip},
	})
	if errs[0] != nil || errs[3] != nil {
		t.Errorf("the addresses: %v, %v", errs[0], errs[3])
	}
	for i, start := range map[int]string{1: "add service 192.0.2.1:80/TCP: ", 2: "add destination 10.0.0.7:80 to 192.0.2.1:80/TCP: "} {
		if errs[i] == nil || !errors.Is(errs[i], plan.ErrNoModule) ||
			!strings.HasPrefix(errs[i].Error(), start) || !strings.Contains(errs[i].Error(), "modprobe ip_vs") {
			t.Errorf("got %v, want %s…", errs[i], start)
		}
	}
}

func TestIPVSOutOfReach(t *testing.T) {
	k := without(newHost(t), unix.EMFILE)
	if _, err := k.Read(t.Context()); !errors.Is(err, unix.EMFILE) || !strings.HasPrefix(err.Error(), "read IPVS table: ") {
		t.Errorf("read: %v", err)
	}
	if _, err := k.Statistics(t.Context()); !errors.Is(err, unix.EMFILE) || !strings.HasPrefix(err.Error(), "read IPVS counters: ") {
		t.Errorf("statistics: %v", err)
	}
	if err := fails(t, k, plan.DelService{}); !errors.Is(err, unix.EMFILE) {
		t.Errorf("got %v", err)
	}
}

func TestDoIsCancelled(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := h.kernel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ops := []plan.Op{
		plan.SetLink{Link: "eth0"},
		plan.DelService{},
		plan.LoadModules{Names: []string{"ip_vs_zebra"}},
	}
	for i, err := range k.Do(ctx, ops) {
		if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), ops[i].String()+": ") {
			t.Errorf("%v: got %v", ops[i], err)
		}
	}
	if h.link("eth0").Attrs().RawFlags&unix.IFF_UP == 0 {
		t.Error("the link was lowered all the same")
	}
}

func TestNewRefused(t *testing.T) {
	_, err := New(Config{Namespace: "/run/netns/zebra"}, slog.New(slog.DiscardHandler))
	if err == nil || err.Error() != "open network namespace /run/netns/zebra: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

// TestOwnNamespace: without a namespace in Config it is the process's own.
func TestOwnNamespace(t *testing.T) {
	k, err := New(Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, ok := read(t, k).Links["lo"]; !ok {
		t.Error("no lo")
	}
	if err := fails(t, k, plan.SetSysctl{Name: "net/zebra", Value: "1"}); !errors.Is(err, plan.ErrNoSysctl) {
		t.Errorf("got %v", err)
	}
}
