package nccfake

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

var (
	vip  = netip.MustParseAddr("192.0.2.1")
	web  = lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: vip, Port: 80}
	host = netip.MustParseAddr("10.0.0.1")
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestDo carries out operations one after another on one kernel.
func TestDo(t *testing.T) {
	k := New()
	service := lb.Service{Key: web, Scheduler: "sh", Flags: lb.HashPort, Persistence: time.Minute}
	dest := lb.Destination{Addr: host, Port: 80, Mode: lb.NAT, Weight: 3, Upper: 9, Lower: 2}
	steps := []struct {
		op   plan.Op
		want error
	}{
		{plan.AddService{Service: service}, plan.ErrNoModule},
		{plan.SetSysctl{Name: "net/ipv4/vs/conntrack", Value: "1"}, plan.ErrNoSysctl},
		{plan.LoadModules{Names: []string{"ip_vs"}}, nil},
		{plan.AddService{Service: service}, plan.ErrNoModule}, // the scheduler's
		{plan.LoadModules{Names: []string{"ip_vs_sh"}}, nil},
		{plan.SetService{Service: service}, syscall.ESRCH},
		{plan.AddDestination{Service: web, Destination: dest}, syscall.ESRCH},
		{plan.DelDestination{Service: web, Destination: dest.Key()}, nil},
		{plan.AddService{Service: service}, nil},
		{plan.AddService{Service: lb.Service{Key: web, Scheduler: "sh"}}, nil}, // there: stays
		{plan.AddDestination{Service: web, Destination: dest}, nil},
		{plan.SetDestination{Service: web, Destination: dest}, nil},
		{plan.AddDestination{Service: web, Destination: lb.Destination{Addr: host, Port: 81, Mode: lb.DSR}}, nil},
		{plan.DelDestination{Service: web, Destination: netip.AddrPortFrom(host, 81)}, nil},
		{plan.SetSysctl{Name: "net/ipv4/vs/conntrack", Value: "1"}, nil},
		{plan.AddDummy{Link: "seesaw0"}, plan.ErrNoModule},
		{plan.AddVLAN{Link: "eth1.5", Parent: "eth1", ID: 5}, plan.ErrNoModule},
		{plan.LoadModules{Names: []string{"dummy", "8021q"}}, nil},
		{plan.AddDummy{Link: "seesaw0"}, nil},
		{plan.AddVLAN{Link: "eth1.5", Parent: "eth7", ID: 5}, plan.ErrNoLink},
		{plan.AddVLAN{Link: "eth1.5", Parent: "eth1", ID: 5}, nil},
		{plan.AddVLAN{Link: "eth1.6", Parent: "eth1", ID: 6}, nil},
		{plan.SetLink{Link: "eth1.5", Up: true}, syscall.ENETDOWN},
		{plan.AddAddr{Link: "eth1.5", Prefix: prefix("192.0.2.1/32")}, nil},
		{plan.AddAddr{Link: "eth1.5", Prefix: prefix("2001:db8::1/128")}, nil},
		{plan.AddAddr{Link: "eth1.5", Prefix: prefix("2001:db8::2/64"), Node: true}, nil},
		{plan.AddAddr{Link: "eth1.6", Prefix: prefix("192.0.2.2/32")}, nil},
		{plan.AddAddr{Link: "eth7", Prefix: prefix("192.0.2.1/32")}, plan.ErrNoLink},
		{plan.AddAddr{Link: "eth1", Prefix: prefix("192.0.2.3/32")}, nil},
		{plan.DelAddr{Link: "eth1", Prefix: prefix("192.0.2.3/24")}, nil}, // another one: stays
		{plan.Announce{Link: "eth1.5", Addr: vip}, syscall.ENETDOWN},
		{plan.Announce{Link: "eth7", Addr: vip}, plan.ErrNoLink},
		{plan.SetMAC{Link: "eth1", MAC: "00:00:5e:00:01:3c"}, nil},
		{plan.SetMAC{Link: "eth7", MAC: "00:00:5e:00:01:3c"}, plan.ErrNoLink},
		{plan.SetLink{Link: "eth1", Up: true}, nil},
		{plan.SetLink{Link: "eth7", Up: true}, plan.ErrNoLink},
		{plan.Announce{Link: "eth1.5", Addr: vip}, nil},
		{plan.DelLink{Link: "eth1.6"}, nil},
		{plan.DelLink{Link: "eth1.6"}, nil},
	}
	for _, s := range steps {
		if err := k.Do(t.Context(), []plan.Op{s.op})[0]; !errors.Is(err, s.want) || (err == nil) != (s.want == nil) {
			t.Errorf("%v: %v, want %v", s.op, err, s.want)
		} else if err != nil && !strings.HasPrefix(err.Error(), s.op.String()+": ") {
			t.Errorf("%v: error %q does not say what was done", s.op, err)
		}
	}
	k.Edit(func(f *plan.Found) { f.Addrs[plan.AddrKey{Link: "eth0", Addr: host}] = plan.AddrState{Bits: 24} })
	want := `module 8021q
module dummy
module ip_vs
module ip_vs_sh
sysctl net/ipv4/vs/conntrack=1
link eth0 up 52:54:00:00:00:01
  address 10.0.0.1/24 foreign
link eth1 up 00:00:5e:00:01:3c
  address 192.0.2.3/32
link eth1.5 up 52:54:00:00:00:02 vlan 5 on eth1
  address 192.0.2.1/32
  address 2001:db8::1/128 deprecated
  address 2001:db8::2/64
link seesaw0 up 02:00:00:00:00:01
service 192.0.2.1:80/TCP sh flags 4 persistent 60
  destination 10.0.0.1:80 NAT weight 3 thresholds 2/9
`
	if diff := cmp.Diff(want, k.String()); diff != "" {
		t.Errorf("kernel (-want +got):\n%s", diff)
	}
	k.Do(t.Context(), []plan.Op{plan.DelService{Key: web}, plan.DelAddr{Link: "eth1", Prefix: prefix("192.0.2.3/32")}, plan.SetLink{Link: "eth1"}})
	if s := k.String(); strings.Contains(s, "service") || strings.Contains(s, "192.0.2.3") || k.LinkUp("eth1") || k.LinkUp("eth1.5") {
		t.Errorf("left over:\n%s", s)
	}
}

type unknownOp struct{ plan.SetMAC }

func TestUnknownOperation(t *testing.T) {
	if err := New().Do(t.Context(), []plan.Op{unknownOp{}})[0]; !errors.Is(err, syscall.ENOSYS) {
		t.Errorf("error %v, want %v", err, syscall.ENOSYS)
	}
}

func TestReadIsACopy(t *testing.T) {
	k := New("lan0")
	k.Do(t.Context(), []plan.Op{
		plan.LoadModules{Names: []string{"ip_vs", "ip_vs_rr"}},
		plan.AddService{Service: lb.Service{Key: web, Scheduler: "rr"}},
		plan.AddDestination{Service: web, Destination: lb.Destination{Addr: host, Port: 80, Weight: 1}},
	})
	before := k.String()
	found, err := k.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found.Services[web].Destinations[0].Weight = 9
	clear(found.Links)
	clear(found.Sysctls)
	if diff := cmp.Diff(before, k.String()); diff != "" {
		t.Errorf("changed through a copy:\n%s", diff)
	}
}

func TestFaultsHookAndJournal(t *testing.T) {
	k := New()
	var hooked []string
	k.Hook(func(op plan.Op) { hooked = append(hooked, op.String()) })
	k.Fail("eth1", syscall.EPERM)
	k.Fail("eth0", syscall.EIO)
	raise := func(link string) error { return k.Do(t.Context(), []plan.Op{plan.SetLink{Link: link, Up: true}})[0] }
	if err := raise("eth1"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("error %v, want the injected one", err)
	}
	k.Heal("eth1")
	if err := raise("eth1"); err != nil {
		t.Error(err)
	}
	if err := raise("eth0"); !errors.Is(err, syscall.EIO) {
		t.Errorf("error %v, want the other injected one", err)
	}
	k.Heal("")
	if err := raise("eth0"); err != nil {
		t.Error(err)
	}
	want := []string{"raise interface eth1", "raise interface eth1", "raise interface eth0", "raise interface eth0"}
	if k.Ops() != len(want) {
		t.Errorf("%d operations counted, want %d", k.Ops(), len(want))
	}
	if diff := cmp.Diff(want, k.TakeOps()); diff != "" || k.Ops() != 0 {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, hooked); diff != "" {
		t.Errorf("hook (-want +got):\n%s", diff)
	}
	k.FailRead(syscall.ENOBUFS)
	if _, err := k.Read(t.Context()); !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("read: %v", err)
	}
	k.FailRead(nil)
	if _, err := k.Read(t.Context()); err != nil || k.Reads() != 2 {
		t.Errorf("read: %v, %d reads", err, k.Reads())
	}
}

func TestStatistics(t *testing.T) {
	k := New()
	other := web
	other.Port = 81
	k.Edit(func(f *plan.Found) {
		f.Services[other] = lb.Service{Key: other}
		f.Services[web] = lb.Service{Key: web, Destinations: []lb.Destination{{Addr: host, Port: 80}}}
	})
	k.SetStatistics(lb.ServiceStatistics{Key: other, Counters: lb.Counters{Connections: 7}})
	got, err := k.Statistics(t.Context())
	want := []lb.ServiceStatistics{
		{Key: web, Destinations: []lb.DestinationStatistics{{Addr: host, Port: 80}}},
		{Key: other, Counters: lb.Counters{Connections: 7}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
