package kernel

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

// target is what has to behave as the kernel does. It has two raised Ethernet
// interfaces, lan and side, and IPVS.
type target interface {
	Read(context.Context) (plan.Found, error)
	Do(context.Context, []plan.Op) []error
}

// step is one operation and what it makes of the host.
type step struct {
	op   plan.Op
	want func(*plan.Found)
}

// conform carries out every kind of operation, each twice, and reads the host
// back after each: it must be as wanted, and nothing else may have changed.
func conform(t *testing.T, k target) {
	want := tidied(t, k)
	for _, s := range slices.Concat(hostSteps(), ipvsSteps(), undoSteps()) {
		s.want(&want)
		for _, time := range []string{"first", "second"} {
			if err := k.Do(t.Context(), []plan.Op{s.op})[0]; err != nil {
				t.Errorf("%v, %s time: %v", s.op, time, err)
			}
			got := tidied(t, k)
			// A new link brings settings of its own.
			maps.DeleteFunc(got.Sysctls, func(name, _ string) bool { _, ok := want.Sysctls[name]; return !ok })
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%v, %s time (-want +got):\n%s", s.op, time, diff)
			}
		}
	}
}

// tidied reads the host and leaves out what the operations do not decide:
// carrier, the hardware addresses of what is made, link-local addresses, and
// the setting that lowering a link may change.
func tidied(t *testing.T, k target) plan.Found {
	t.Helper()
	found, err := k.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range found.Links {
		l.Carrier = false
		if l.Dummy || l.VLAN != 0 {
			l.MAC = ""
		}
		found.Links[name] = l
	}
	maps.DeleteFunc(found.Addrs, func(k plan.AddrKey, _ plan.AddrState) bool { return k.Addr.IsLinkLocalUnicast() })
	maps.DeleteFunc(found.Sysctls, func(name, _ string) bool { return strings.HasSuffix(name, "/keep_addr_on_down") })
	return found
}

func hostSteps() []step {
	const vmac = "00:00:5e:00:01:3c"
	nothing := func(*plan.Found) {}
	up := func(up bool, links ...string) func(*plan.Found) {
		return func(f *plan.Found) {
			for _, name := range links {
				l := f.Links[name]
				l.Up = up
				f.Links[name] = l
			}
		}
	}
	steps := []step{
		{plan.LoadModules{Names: []string{"ip_vs", "dummy", "8021q"}}, nothing},
		{plan.LoadModules{Names: []string{"ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh"}}, nothing},
		{plan.SetSysctl{Name: "net/ipv4/conf/lan/arp_ignore", Value: "1"}, func(f *plan.Found) {
			f.Sysctls["net/ipv4/conf/lan/arp_ignore"] = "1"
		}},
		{plan.AddDummy{Link: plan.DummyName}, func(f *plan.Found) {
			f.Links[plan.DummyName] = plan.Link{Name: plan.DummyName, Up: true, Dummy: true}
		}},
		{plan.AddVLAN{Link: "lan.100", Parent: "lan", ID: 100}, func(f *plan.Found) {
			f.Links["lan.100"] = plan.Link{Name: "lan.100", Parent: "lan", VLAN: 100}
		}},
		{plan.SetLink{Link: "lan.100", Up: true}, up(true, "lan.100")},
		{plan.SetMAC{Link: "side", MAC: vmac}, func(f *plan.Found) {
			l := f.Links["side"]
			l.MAC = vmac
			f.Links["side"] = l
		}},
	}
	for _, a := range suiteAddrs() {
		p := a.Prefix
		steps = append(steps, step{a, func(f *plan.Found) {
			f.Addrs[plan.AddrKey{Link: a.Link, Addr: p.Addr()}] = plan.AddrState{Bits: p.Bits(), Deprecated: p.Addr().Is6() && !a.Node, Ours: true}
		}}, step{plan.Announce{Link: "side", Addr: p.Addr()}, nothing})
	}
	// VLANs follow their parent, and all keep their addresses.
	return append(steps,
		step{plan.SetLink{Link: "side"}, up(false, "side")},
		step{plan.SetLink{Link: "side", Up: true}, up(true, "side")},
		step{plan.SetLink{Link: "lan"}, up(false, "lan", "lan.100")},
		step{plan.SetLink{Link: "lan", Up: true}, up(true, "lan", "lan.100")})
}

func suiteAddrs() []plan.AddAddr {
	return []plan.AddAddr{
		{Link: "side", Prefix: netip.MustParsePrefix("192.0.2.80/32")},
		{Link: "side", Prefix: netip.MustParsePrefix("2001:db8::80/128")},
		{Link: plan.DummyName, Prefix: netip.MustParsePrefix("192.0.2.81/32")},
		{Link: plan.DummyName, Prefix: netip.MustParsePrefix("2001:db8::81/128")},
		{Link: "lan.100", Prefix: netip.MustParsePrefix("10.100.0.2/24"), Node: true},
		{Link: "lan.100", Prefix: netip.MustParsePrefix("2001:db8:100::2/64"), Node: true},
	}
}

// ipvsSteps makes every kind of service with every kind of destination, changes
// all that can be changed and takes one destination away.
func ipvsSteps() []step {
	var steps []step
	for _, s := range sampleServices() {
		s.Want = lb.Present
		key := s.Key
		steps = append(steps, step{plan.AddService{Service: s}, func(f *plan.Found) { f.Services[key] = s }})
		var have []lb.Destination
		set := func(op plan.Op, now []lb.Destination) {
			have = now
			steps = append(steps, step{op, func(f *plan.Found) {
				s := f.Services[key]
				s.Destinations = now
				f.Services[key] = s
			}})
		}
		for _, d := range suiteDestinations(key) {
			set(plan.AddDestination{Service: key, Destination: d}, append(slices.Clone(have), d))
		}
		for i, d := range have {
			d.Mode = have[(i+1)%len(have)].Mode
			d.Weight, d.Upper, d.Lower = d.Weight+7, 20, 10
			now := slices.Clone(have)
			now[i] = d
			set(plan.SetDestination{Service: key, Destination: d}, now)
		}
		set(plan.DelDestination{Service: key, Destination: have[1].Key()}, slices.Delete(slices.Clone(have), 1, 2))

		changed := s
		changed.Scheduler, changed.Flags = "wrr", 0
		if key.Port != 0 || key.Mark != 0 { // without persistence port 0 is refused
			changed.Persistence = 0
		}
		if s.Persistence == 0 {
			changed.Persistence = 2 * 60 * 1e9
		}
		changed.Destinations = have
		steps = append(steps, step{plan.SetService{Service: changed}, func(f *plan.Found) { f.Services[key] = changed }})
	}
	return steps
}

func suiteDestinations(key lb.ServiceKey) []lb.Destination {
	addr := "10.0.0.7"
	if key.Family == lb.IPv6 {
		addr = "2001:db8:7::7"
	}
	list := sampleDestinations(addr, key.Port)
	for i := range list {
		list[i].Want = lb.Present
	}
	return list
}

// undoSteps takes away what the others made, services with their destinations.
func undoSteps() []step {
	var steps []step
	for _, s := range sampleServices() {
		d := suiteDestinations(s.Key)[0].Key()
		steps = append(steps,
			step{plan.DelService{Key: s.Key}, func(f *plan.Found) { delete(f.Services, s.Key) }},
			// Its service is gone and so is it.
			step{plan.DelDestination{Service: s.Key, Destination: d}, func(*plan.Found) {}})
	}
	for _, a := range suiteAddrs() {
		steps = append(steps, step{plan.DelAddr{Link: a.Link, Prefix: a.Prefix}, func(f *plan.Found) {
			delete(f.Addrs, plan.AddrKey{Link: a.Link, Addr: a.Prefix.Addr()})
		}})
	}
	for _, name := range []string{"lan.100", plan.DummyName} {
		steps = append(steps, step{plan.DelLink{Link: name}, func(f *plan.Found) { delete(f.Links, name) }})
	}
	return steps
}

// refuse carries out what has to fail, and checks that nothing changed.
func refuse(t *testing.T, k target) {
	before := tidied(t, k)
	vip := netip.MustParsePrefix("192.0.2.80/32")
	key := lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: vip.Addr(), Port: 9}
	dest := sampleDestinations("10.0.0.7", 9)[0]
	for _, test := range []struct {
		op   plan.Op
		want error // what it wraps; nil = no matter
	}{
		{plan.AddAddr{Link: "zebra", Prefix: vip}, plan.ErrNoLink},
		{plan.SetLink{Link: "zebra", Up: true}, plan.ErrNoLink},
		{plan.SetLink{Link: "zebra"}, plan.ErrNoLink},
		{plan.SetMAC{Link: "zebra", MAC: "00:00:5e:00:01:3c"}, plan.ErrNoLink},
		{plan.Announce{Link: "zebra", Addr: vip.Addr()}, plan.ErrNoLink},
		{plan.AddVLAN{Link: "zebra.1", Parent: "zebra", ID: 1}, plan.ErrNoLink},
		{plan.SetSysctl{Name: "net/ipv4/conf/zebra/arp_ignore", Value: "1"}, plan.ErrNoSysctl},
		{plan.SetSysctl{Name: "net/ipv4/zebra", Value: "1"}, plan.ErrNoSysctl},
		{plan.SetService{Service: lb.Service{Key: key, Scheduler: "rr"}}, nil},
		{plan.AddService{Service: lb.Service{Key: key, Scheduler: "zebra"}}, nil},
		{plan.AddDestination{Service: key, Destination: dest}, nil},
		{plan.SetDestination{Service: key, Destination: dest}, nil},
	} {
		err := k.Do(t.Context(), []plan.Op{test.op})[0]
		if err == nil || (test.want != nil && !errors.Is(err, test.want)) {
			t.Errorf("%v: got %v, want an error that wraps %v", test.op, err, test.want)
		}
	}
	if diff := cmp.Diff(before, tidied(t, k), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("refused and yet changed (-before +after):\n%s", diff)
	}
}
