//go:build lab

package ncc

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
	"seesaw/internal/nettest"
	"seesaw/ncc/kernel"
	"seesaw/ncc/plan"
)

// everything is an update with objects of every kind and each attribute that a
// kernel could read back otherwise than it was told.
func everything() lb.Update {
	key := func(p lb.Protocol, a string, port uint16) lb.ServiceKey {
		addr := netip.MustParseAddr(a)
		return lb.ServiceKey{Family: lb.FamilyOf(addr), Protocol: p, Addr: addr, Port: port}
	}
	dest := func(a string, port uint16, m lb.Mode) lb.Destination {
		return lb.Destination{Addr: netip.MustParseAddr(a), Port: port, Mode: m, Weight: 7, Upper: 100, Lower: 10, Want: lb.Present}
	}
	u := lb.Update{Full: true, Version: 1, Node: lb.Node{
		NodeInterface: "node0", LBInterface: "lb0", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.5")},
		ClusterVIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		VRID:        60, VirtualMAC: true, Link: lb.Present, AnnounceEvery: time.Minute,
		VLANs: []lb.VLAN{{ID: 100, Host: lb.Host{IPv4: netip.MustParsePrefix("10.1.0.2/24"), IPv6: netip.MustParsePrefix("2001:db8:1::2/64")}}},
		Probes: []lb.ProbeMark{
			{Mark: 65536, Backend: netip.MustParseAddr("192.0.2.71"), Mode: lb.DSR},
			{Mark: 65537, Backend: netip.MustParseAddr("2001:db8::71"), Mode: lb.TUN},
		},
	}}
	v := lb.Vserver{Name: "all", Services: []lb.Service{
		{Key: key(lb.TCP, "192.0.2.200", 80), Scheduler: "wrr", Destinations: []lb.Destination{dest("192.0.2.71", 80, lb.DSR), dest("192.0.2.72", 80, lb.TUN)}},
		{Key: key(lb.UDP, "192.0.2.200", 53), Scheduler: "rr", Flags: lb.OnePacket, Destinations: []lb.Destination{dest("192.0.2.71", 53, lb.NAT)}},
		{Key: key(lb.TCP, "2001:db8::200", 443), Scheduler: "mh", Flags: lb.Fallback | lb.HashPort, Persistence: 5 * time.Minute,
			Destinations: []lb.Destination{dest("2001:db8::71", 443, lb.DSR)}},
		{Key: lb.ServiceKey{Family: lb.IPv4, Mark: 256}, Scheduler: "sh", Persistence: time.Minute, Destinations: []lb.Destination{dest("192.0.2.71", 0, lb.DSR)}},
		{Key: lb.ServiceKey{Family: lb.IPv6, Mark: 256}, Scheduler: "wlc", Destinations: []lb.Destination{dest("2001:db8::72", 0, lb.TUN)}},
	}}
	for i := range v.Services {
		v.Services[i].Want = lb.Present
	}
	for a, kind := range map[string]lb.VIPKind{"192.0.2.200": lb.Unicast, "2001:db8::200": lb.Unicast, "10.1.0.200": lb.Unicast,
		"2001:db8:1::200": lb.Unicast, "192.168.255.1": lb.Anycast, "198.51.100.1": lb.Dedicated} {
		v.VIPs = append(v.VIPs, lb.VIP{Addr: netip.MustParseAddr(a), Kind: kind, Want: lb.Present})
	}
	lb.SortVserver(&v)
	u.Changed = []lb.Vserver{v}
	return u
}

// TestLabKernelReadsBackWhatWasWanted: on a real kernel a plan reaches what was
// wanted, nothing is left to do after reading back, after a restart, or without
// a record; and all of it goes when it is no longer wanted.
func TestLabKernelReadsBackWhatWasWanted(t *testing.T) {
	ns, peer := nettest.New(t), nettest.New(t)
	for _, name := range []string{"node0", "lb0"} {
		nettest.Veth(t, ns, name, peer, name)
		peer.Up(name)
	}
	ns.Address("node0", "192.0.2.5/24")
	ns.Up("node0")
	k, err := kernel.New(kernel.Config{Namespace: ns.Path()}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	read := func() plan.Found {
		found, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	bare := read()
	settle := func(table *plan.Table) (changes []string) {
		for ops := table.Next(time.Now()); len(ops) > 0; ops = table.Next(time.Now()) {
			for _, err := range table.Done(time.Now(), k.Do(t.Context(), ops)) {
				t.Error(err)
			}
			for _, op := range ops {
				if s := op.String(); !strings.HasPrefix(s, "announce") && !strings.HasPrefix(s, "load") {
					changes = append(changes, s)
				}
			}
		}
		return changes
	}

	table := plan.New(bare, nil)
	table.Apply(time.Now(), everything())
	t.Logf("%d operations", len(settle(table)))
	report := table.Report()
	if len(report.Node.Problems)+len(report.Vservers[0].Problems) > 0 || !report.Node.LinkUp {
		t.Errorf("report %+v", report)
	}
	table.Refresh(time.Now(), read())
	if ops := settle(table); len(ops) > 0 {
		t.Errorf("read back, and there is still to do: %q", ops)
	}
	for name, owned := range map[string]plan.Owned{"with its record": table.Owned(), "without a record": nil} {
		again := plan.New(read(), owned)
		again.Apply(time.Now(), everything())
		if ops := settle(again); len(ops) > 0 {
			t.Errorf("restarted %s: %q", name, ops)
		}
	}

	last := everything()
	last.Changed, last.Node.ClusterVIPs, last.Node.Probes, last.Node.VLANs, last.Node.Link = nil, nil, nil, nil, lb.Absent
	table.Apply(time.Now(), last)
	settle(table)
	after := read()
	delete(after.Links, plan.DummyName) // stays, empty
	if len(after.Services) > 0 || len(after.Links) != len(bare.Links) {
		t.Errorf("left over: %+v %+v", after.Services, after.Links)
	}
	for key, a := range after.Addrs {
		if a.Ours {
			t.Errorf("left over: %v", key)
		}
	}
}
