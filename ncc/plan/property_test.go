package plan_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

// A small universe, so that random wants and random finds often meet.
var (
	someVIPs = []netip.Addr{addr("10.0.0.200"), addr("10.0.0.201"), addr("10.1.0.200"), addr("2001:db8::200"), addr("192.168.255.1")}
	someDest = []netip.Addr{addr("10.0.0.10"), addr("10.0.0.11"), addr("10.0.0.12"), addr("10.0.0.13")}
	vlanHost = lb.Host{IPv4: netip.MustParsePrefix("10.1.0.2/24")}
	anycast  = addr("192.168.255.1")
)

func drawWant(t *rapid.T, wants []lb.Want) lb.Want { return rapid.SampledFrom(wants).Draw(t, "want") }

func drawService(t *rapid.T, key lb.ServiceKey, wants []lb.Want) lb.Service {
	s := lb.Service{
		Key: key, Want: drawWant(t, wants),
		Scheduler: rapid.SampledFrom([]string{"rr", "wlc"}).Draw(t, "scheduler"),
		Flags:     rapid.SampledFrom([]lb.Flags{0, lb.OnePacket}).Draw(t, "flags"),
	}
	for _, a := range someDest {
		if rapid.Bool().Draw(t, "has destination") {
			s.Destinations = append(s.Destinations, lb.Destination{
				Addr: a, Port: 80, Weight: uint32(rapid.IntRange(0, 2).Draw(t, "weight")),
				Mode: rapid.SampledFrom([]lb.Mode{lb.DSR, lb.NAT}).Draw(t, "mode"), Want: drawWant(t, wants),
			})
		}
	}
	return s
}

func drawVserver(t *rapid.T, name string, wants []lb.Want) lb.Vserver {
	v := lb.Vserver{Name: name}
	for _, a := range someVIPs {
		if !rapid.Bool().Draw(t, "has VIP") {
			continue
		}
		kind := lb.Unicast
		if a == anycast {
			kind = lb.Anycast
		}
		v.VIPs = append(v.VIPs, lb.VIP{Addr: a, Kind: kind, Want: drawWant(t, wants)})
		for port := uint16(80); port < 82; port++ {
			if rapid.Bool().Draw(t, "has service") {
				v.Services = append(v.Services, drawService(t, tcp(a.String(), port), wants))
			}
		}
	}
	lb.SortVserver(&v)
	return v
}

func drawNode(t *rapid.T) lb.Node {
	n := node()
	n.Peer = rapid.Bool().Draw(t, "peer")
	n.Link = rapid.SampledFrom([]lb.Want{lb.Present, lb.Absent, lb.AsFound}).Draw(t, "link")
	n.VirtualMAC = rapid.Bool().Draw(t, "virtual MAC")
	if rapid.Bool().Draw(t, "shared") {
		n.LBInterface = n.NodeInterface
	}
	if rapid.Bool().Draw(t, "VLAN") {
		n.VLANs = []lb.VLAN{{ID: 100, Host: vlanHost}}
	}
	if rapid.Bool().Draw(t, "cluster VIP") {
		n.ClusterVIPs = []netip.Addr{addr("10.0.0.1")}
	}
	if rapid.Bool().Draw(t, "probe") {
		n.Probes = []lb.ProbeMark{{Mark: 65536, Backend: someDest[0], Mode: lb.DSR}}
	}
	return n
}

func drawUpdate(t *rapid.T, wants []lb.Want) lb.Update {
	u := lb.Update{Full: true, Version: 1, Node: drawNode(t)}
	for _, name := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, "has vserver") {
			u.Changed = append(u.Changed, drawVserver(t, name, wants))
		}
	}
	return u
}

// drawHost is a host with things that are wanted, ours of old, or foreign.
func drawHost(t *rapid.T) (*nccfake.Kernel, plan.Owned) {
	k, owned := nccfake.New(), plan.Owned{}
	drawn := func(name string) {
		if rapid.Bool().Draw(t, "owned") {
			owned[name] = ""
		}
	}
	k.Edit(func(f *plan.Found) {
		for _, a := range someVIPs {
			for port := uint16(80); port < 83; port++ {
				if key := tcp(a.String(), port); rapid.Bool().Draw(t, "service found") {
					f.Services[key] = drawService(t, key, []lb.Want{lb.Present})
					drawn("service " + key.String())
				}
			}
			for _, link := range []string{"eth0", "eth1"} {
				if rapid.Bool().Draw(t, "address found") {
					f.Addrs[plan.AddrKey{Link: link, Addr: a}] = plan.AddrState{Bits: a.BitLen(), Ours: rapid.Bool().Draw(t, "ours")}
					drawn(fmt.Sprintf("address %v on %s", a, link))
				}
			}
		}
		f.Addrs[plan.AddrKey{Link: "eth0", Addr: addr("10.0.0.2")}] = plan.AddrState{Bits: 24}
		l := f.Links["eth1"]
		l.Up = rapid.Bool().Draw(t, "eth1 up")
		f.Links["eth1"] = l
		if rapid.Bool().Draw(t, "VLAN found") {
			f.Links["eth1.100"] = plan.Link{Name: "eth1.100", Parent: "eth1", VLAN: 100, Up: l.Up}
			drawn("interface eth1.100")
		}
	})
	drawn("raised eth1")
	return k, owned
}

// expected works out, by the words of internal/lb alone, what services and VIP
// addresses the host should have in the end.
type expected struct {
	services map[lb.ServiceKey]lb.Service
	addrs    map[plan.AddrKey]bool
}

func expect(u lb.Update, found plan.Found, owned plan.Owned) expected {
	e := expected{map[lb.ServiceKey]lb.Service{}, map[plan.AddrKey]bool{}}
	named := map[lb.ServiceKey]bool{}
	for key, s := range found.Services {
		if _, ours := owned["service "+key.String()]; !ours {
			e.services[key] = s
		}
	}
	all := u.Changed
	for _, p := range u.Node.Probes {
		d := lb.Destination{Addr: p.Backend, Mode: p.Mode, Weight: 1, Want: lb.Present}
		s := lb.Service{Key: lb.ServiceKey{Family: lb.IPv4, Mark: p.Mark}, Scheduler: "rr", Want: lb.Present, Destinations: []lb.Destination{d}}
		all = append([]lb.Vserver{{Services: []lb.Service{s}}}, all...)
	}
	for _, v := range all {
		for _, s := range v.Services {
			if named[s.Key] {
				continue // the first by name has it
			}
			named[s.Key] = true
			e.expectService(s, found)
		}
	}
	e.expectAddrs(u, found, owned)
	return e
}

func (e expected) expectService(s lb.Service, found plan.Found) {
	delete(e.services, s.Key)
	old, there := found.Services[s.Key]
	if s.Want == lb.Absent || s.Want == lb.AsFound && !there {
		return
	}
	var dests []lb.Destination
	for _, d := range s.Destinations {
		was := slices.ContainsFunc(old.Destinations, func(o lb.Destination) bool { return o.Key() == d.Key() })
		if d.Want == lb.Present || d.Want == lb.AsFound && was {
			d.Want = lb.Present
			dests = append(dests, d)
		}
	}
	s.Want, s.Destinations = lb.Present, dests
	e.services[s.Key] = s
}

func (e expected) expectAddrs(u lb.Update, found plan.Found, owned plan.Owned) {
	for key, a := range found.Addrs {
		if _, ours := owned[fmt.Sprintf("address %v on %s", key.Addr, key.Link)]; !ours && !a.Ours {
			e.addrs[key] = true
		}
	}
	wants := map[netip.Addr]lb.Want{}
	for _, v := range u.Changed {
		for _, x := range v.VIPs {
			old, named := wants[x.Addr]
			if !named || x.Want == lb.Present || x.Want == lb.AsFound && old == lb.Absent {
				wants[x.Addr] = x.Want
			}
		}
	}
	for _, a := range u.Node.ClusterVIPs {
		wants[a] = lb.Present
	}
	for _, v := range u.Node.VLANs {
		e.addrs[plan.AddrKey{Link: fmt.Sprintf("%s.%d", u.Node.LBInterface, v.ID), Addr: v.Host.IPv4.Addr()}] = true
	}
	for a, want := range wants {
		key := plan.AddrKey{Link: u.Node.LBInterface, Addr: a}
		switch {
		case a == anycast:
			key.Link = plan.DummyName
		case len(u.Node.VLANs) > 0 && vlanHost.IPv4.Contains(a):
			key.Link += ".100"
		}
		if want == lb.Present && key.Link == u.Node.NodeInterface {
			want = u.Node.Link // shared: VIPs follow the role
		}
		_, was := found.Addrs[key]
		if delete(e.addrs, key); want == lb.Present || want == lb.AsFound && was {
			e.addrs[key] = true
		}
	}
}

// check compares the host with what is expected.
func (e expected) check(t *rapid.T, got plan.Found) {
	t.Helper()
	if diff := cmp.Diff(texts(e.services), texts(got.Services)); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(keys(e.addrs), keys(got.Addrs)); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func texts(services map[lb.ServiceKey]lb.Service) []string {
	var all []string
	for _, s := range services {
		all = append(all, fmt.Sprintf("%v %v %v %v", s.Key, s.Scheduler, s.Flags, append([]lb.Destination{}, s.Destinations...)))
	}
	slices.Sort(all)
	return all
}

func keys[V any](addrs map[plan.AddrKey]V) []string {
	var all []string
	for k := range addrs {
		all = append(all, fmt.Sprint(k))
	}
	slices.Sort(all)
	return all
}

// guard watches every operation: what is foreign is not named, and what was
// serving and is to serve on never stops.
type guard struct {
	t       *rapid.T
	k       *nccfake.Kernel
	mine    map[string]bool // keys of services and addresses that may be named
	serving map[lb.ServiceKey]bool
}

func newGuard(t *rapid.T, k *nccfake.Kernel, u lb.Update, found plan.Found, owned plan.Owned, e expected) guard {
	g := guard{t, k, map[string]bool{}, map[lb.ServiceKey]bool{}}
	for name := range owned {
		g.mine[name] = true
	}
	for key, a := range found.Addrs {
		if a.Ours {
			g.mine[fmt.Sprintf("address %v on %s", key.Addr, key.Link)] = true
		}
	}
	for _, v := range u.Changed {
		for _, s := range v.Services {
			g.mine["service "+s.Key.String()] = true
		}
		for _, x := range v.VIPs {
			for _, link := range []string{"eth0", "eth1", "eth0.100", "eth1.100", plan.DummyName} {
				g.mine[fmt.Sprintf("address %v on %s", x.Addr, link)] = true
			}
		}
	}
	hasAddr := map[netip.Addr]bool{}
	for key := range e.addrs {
		hasAddr[key.Addr] = true
	}
	for key, s := range found.Services {
		if hasAddr[key.Addr] && slices.Contains(slices.Collect(maps.Keys(e.services)), key) && len(e.services[key].Destinations) > 0 &&
			len(s.Destinations) > 0 && isPresent(found, key.Addr) {
			g.serving[key] = true
		}
	}
	return g
}

func isPresent(found plan.Found, a netip.Addr) bool {
	for key := range found.Addrs {
		if key.Addr == a {
			return true
		}
	}
	return false
}

func (g guard) before(op plan.Op) {
	name := ""
	switch op := op.(type) {
	case plan.SetService:
		name = "service " + op.Service.Key.String()
	case plan.DelService:
		name = "service " + op.Key.String()
	case plan.SetDestination:
		name = "service " + op.Service.String()
	case plan.DelDestination:
		name = "service " + op.Destination.String()
		name = "service " + op.Service.String()
	case plan.DelAddr:
		name = fmt.Sprintf("address %v on %s", op.Prefix.Addr(), op.Link)
	case plan.DelLink:
		name = "interface " + op.Link
	case plan.SetLink:
		if op.Link == "eth0" && !op.Up {
			g.t.Errorf("%v: the node lives there", op)
		}
	}
	if name != "" && !g.mine[name] {
		g.t.Errorf("%v: foreign", op)
	}
	g.check(op)
}

func (g guard) check(at any) {
	found, err := g.k.Read(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	for key := range g.serving {
		if len(found.Services[key].Destinations) == 0 || !isPresent(found, key.Addr) {
			g.t.Errorf("%v has stopped serving before: %v", key, at)
		}
	}
}

// TestPlanReachesWanted: from any host to any wanted network, whatever fails on
// the way, with nothing left to do and nothing foreign touched.
func TestPlanReachesWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, owned := drawHost(t)
		u := drawUpdate(t, []lb.Want{lb.Present, lb.Present, lb.Absent, lb.AsFound})
		found, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e := expect(u, found, owned)
		g := newGuard(t, k, u, found, owned, e)
		faults := rapid.SliceOfN(rapid.SampledFrom([]string{
			"add ", "remove ", "change ", "raise", "lower", "load", "sysctl", "MAC", "destination 10.0.0.10", ":80/TCP", "address", "announce", "interface",
		}), 0, 2).Draw(t, "faults")
		for _, match := range faults {
			k.Fail(match, syscall.EIO)
		}
		if len(faults) > 0 {
			clear(g.serving) // what cannot be added cannot serve
		}
		k.Hook(g.before)

		table, now := plan.New(found, owned), zero
		settle := func() (ops []string) {
			for {
				next := table.Next(now)
				if len(next) == 0 {
					return k.TakeOps()
				}
				table.Done(now, k.Do(t.Context(), next))
			}
		}
		table.Apply(now, u)
		settle()
		now = now.Add(time.Second)
		settle()
		k.Heal("")
		now = now.Add(time.Minute)
		settle()
		g.check("the end")

		after, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e.check(t, after)
		report := table.Report()
		checkReport(t, u, report, after)

		table.Refresh(now, after)
		if again := settle(); len(again) > 0 {
			t.Errorf("a second plan has %q", again)
		}
		restarted := plan.New(after, table.Owned())
		restarted.Apply(now, u)
		for {
			next := restarted.Next(now)
			if len(next) == 0 {
				break
			}
			restarted.Done(now, k.Do(t.Context(), next))
		}
		if again := steady(k.TakeOps()); len(again) > 0 {
			t.Errorf("after a restart: %q", again)
		}
		if diff := cmp.Diff(table.Owned(), restarted.Owned()); diff != "" {
			t.Errorf("record after a restart (-before +after):\n%s", diff)
		}
	})
}

// checkReport: the report names what is there, and has no problems but
// contended services.
func checkReport(t *rapid.T, u lb.Update, r lb.Report, found plan.Found) {
	if len(r.Vservers) != len(u.Changed) {
		t.Fatalf("%d vservers in the report of %d", len(r.Vservers), len(u.Changed))
	}
	for _, v := range r.Vservers {
		for _, s := range v.Services {
			if have := found.Services[s.Key].Destinations; len(have) != len(s.Destinations) {
				t.Errorf("report of %v has %d destinations, the host %d", s.Key, len(s.Destinations), len(have))
			}
		}
		for _, p := range v.Problems {
			if !strings.Contains(p.Reason, "has the same address") {
				t.Errorf("problem in the end: %v", p)
			}
		}
	}
	if len(r.Node.Problems) > 0 {
		t.Errorf("problems of the node in the end: %v", r.Node.Problems)
	}
}

// TestDeltasEqualFull: any walk of deltas, with failures and restarts on the
// way, ends where the last wanted network alone would have led.
func TestDeltasEqualFull(t *testing.T) {
	known := []lb.Want{lb.Present, lb.Absent}
	rapid.Check(t, func(t *rapid.T) {
		k := nccfake.New()
		found, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		table, now := plan.New(found, nil), zero
		settle := func() {
			for {
				next := table.Next(now)
				if len(next) == 0 {
					return
				}
				table.Done(now, k.Do(t.Context(), next))
			}
		}
		state := map[string]lb.Vserver{}
		u := lb.Update{Full: true, Version: 1, Node: node()}
		for step := range rapid.IntRange(1, 6).Draw(t, "steps") {
			u.Changed, u.Removed = nil, nil
			for _, name := range []string{"a", "b", "c"} {
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					delete(state, name)
					u.Removed = append(u.Removed, name)
				case 1, 2:
					state[name] = drawVserver(t, name, known)
					u.Changed = append(u.Changed, state[name])
				}
			}
			if rapid.Bool().Draw(t, "node changes") {
				u.Node = drawNode(t)
			}
			if u.Node.Link == lb.AsFound {
				u.Node.Link = lb.Absent
			}
			if u.Full = step == 0 || rapid.IntRange(0, 5).Draw(t, "full") == 0; u.Full {
				u.Changed, u.Removed = slices.Collect(maps.Values(state)), nil
				slices.SortFunc(u.Changed, func(a, b lb.Vserver) int { return strings.Compare(a.Name, b.Name) })
			}
			k.Heal("")
			if rapid.Bool().Draw(t, "fault") {
				k.Fail(rapid.SampledFrom([]string{"add ", "remove ", "service", "destination 10.0.0.10"}).Draw(t, "what fails"), syscall.EIO)
			}
			if !table.Apply(now, u) {
				t.Fatal("resend")
			}
			u.Base = 1
			settle()
			now = now.Add(time.Second)
			if rapid.Bool().Draw(t, "drift") {
				k.Edit(func(f *plan.Found) { clear(f.Services) })
				after, err := k.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				table.Refresh(now, after)
			}
		}
		k.Heal("")
		now = now.Add(time.Minute)
		settle()
		after, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u.Changed = slices.Collect(maps.Values(state))
		slices.SortFunc(u.Changed, func(a, b lb.Vserver) int { return strings.Compare(a.Name, b.Name) })
		expect(u, found, nil).check(t, after)
		if len(table.Owned()) > 100 {
			t.Errorf("record grows: %v", table.Owned())
		}
	})
}
