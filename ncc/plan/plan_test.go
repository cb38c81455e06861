package plan_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

// everyKind is an update with an object of every kind.
func everyKind() lb.Update {
	n := node()
	n.ClusterVIPs = []netip.Addr{addr("10.0.0.1")}
	n.VLANs = []lb.VLAN{{ID: 100, Host: lb.Host{IPv4: netip.MustParsePrefix("10.1.0.2/24")}}}
	n.Probes = []lb.ProbeMark{{Mark: 65536, Backend: addr("10.0.0.10"), Mode: lb.DSR}}
	anycast := vserver("anycast", "192.168.255.1", dest("10.0.0.10", 1))
	anycast.VIPs[0].Kind = lb.Anycast
	plain := vserver("plain", "10.0.0.200", dest("10.0.0.10", 1))
	tagged := vserver("tagged", "10.1.0.200", dest("10.1.0.10", 1))
	return full(n, anycast, plain, tagged)
}

func TestColdStart(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	ops := r.apply(everyKind())
	wantOps(t, steady(ops),
		"add VLAN interface eth1.100 (id 100) on eth1",
		"add dummy interface seesaw0",
		"set MAC of eth1 to 00:00:5e:00:01:3c",
		"add address 10.0.0.1/32 to eth1",
		"add address 10.0.0.200/32 to eth1",
		"add address 10.1.0.2/24 to eth1.100",
		"add address 10.1.0.200/32 to eth1.100",
		"add address 192.168.255.1/32 to seesaw0",
		"add service 10.0.0.200:80/TCP",
		"add service 10.1.0.200:80/TCP",
		"add service 192.168.255.1:80/TCP",
		"add service IPv4 FWM/65536",
		"add destination 10.0.0.10:80 to 10.0.0.200:80/TCP",
		"add destination 10.1.0.10:80 to 10.1.0.200:80/TCP",
		"add destination 10.0.0.10:80 to 192.168.255.1:80/TCP",
		"add destination 10.0.0.10:0 to IPv4 FWM/65536",
		"raise interface eth1",
	)
	wantOps(t, ops[:5], "load kernel modules [8021q]", "load kernel modules [dummy]",
		"load kernel modules [ip_vs]", "load kernel modules [ip_vs_rr]", "add VLAN interface eth1.100 (id 100) on eth1")
	// The anycast VIP is nobody's neighbour, the node's VLAN address no VIP.
	wantOps(t, ops[len(ops)-3:], "announce 10.0.0.1 on eth1", "announce 10.0.0.200 on eth1", "announce 10.1.0.200 on eth1.100")
	want := `module 8021q
module dummy
module ip_vs
module ip_vs_rr
sysctl net/ipv4/conf/all/arp_announce=2
sysctl net/ipv4/conf/all/arp_ignore=1
sysctl net/ipv4/conf/eth0/accept_local=1
sysctl net/ipv4/conf/eth0/arp_announce=2
sysctl net/ipv4/conf/eth0/arp_ignore=1
sysctl net/ipv4/conf/eth1.100/accept_local=1
sysctl net/ipv4/conf/eth1.100/arp_announce=2
sysctl net/ipv4/conf/eth1.100/arp_ignore=1
sysctl net/ipv4/conf/eth1.100/rp_filter=2
sysctl net/ipv4/conf/eth1/accept_local=1
sysctl net/ipv4/conf/eth1/arp_announce=2
sysctl net/ipv4/conf/eth1/arp_ignore=1
sysctl net/ipv4/ip_forward=1
sysctl net/ipv4/vs/expire_nodest_conn=1
link eth0 up 52:54:00:00:00:01
link eth1 up 00:00:5e:00:01:3c
  address 10.0.0.1/32
  address 10.0.0.200/32
link eth1.100 up 52:54:00:00:00:02 vlan 100 on eth1
  address 10.1.0.2/24
  address 10.1.0.200/32
link seesaw0 up 02:00:00:00:00:01
  address 192.168.255.1/32
service 10.0.0.200:80/TCP rr
  destination 10.0.0.10:80 DSR weight 1
service 10.1.0.200:80/TCP rr
  destination 10.1.0.10:80 DSR weight 1
service 192.168.255.1:80/TCP rr
  destination 10.0.0.10:80 DSR weight 1
service IPv4 FWM/65536 rr
  destination 10.0.0.10:0 DSR weight 1
`
	if diff := cmp.Diff(want, r.k.String()); diff != "" {
		t.Errorf("kernel (-want +got):\n%s", diff)
	}
	wantOps(t, r.apply(everyKind())) // the same again: nothing
	wantOps(t, r.refresh())          // and nothing has drifted
}

func TestRestartChangesNothing(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.apply(everyKind())
	again := newRig(t, r.k, r.table.Owned())
	wantOps(t, steady(again.settle())) // not a word before the engine has spoken
	wantOps(t, steady(again.apply(everyKind())))
	if got := again.table.TakeAdopted(); got != nil {
		t.Errorf("adopted %v: they were ours before", got)
	}
	if diff := cmp.Diff(r.table.Owned(), again.table.Owned()); diff != "" {
		t.Errorf("record changed (-before +after):\n%s", diff)
	}
	if report := again.table.Report(); !report.Node.LinkUp || !report.Node.LinkFoundUp {
		t.Errorf("node report %+v: the link is up and it was us", report.Node)
	}
}

// TestChanges goes from one wanted network to the next.
func TestChanges(t *testing.T) {
	a, b := dest("10.0.0.10", 1), dest("10.0.0.11", 1)
	heavy := dest("10.0.0.10", 5)
	before := vserver("web", "10.0.0.200", a)
	edit := func(f func(*lb.Vserver)) lb.Vserver {
		v := vserver("web", "10.0.0.200", a)
		f(&v)
		return v
	}
	tests := []struct {
		name string
		next lb.Update
		want []string
	}{
		{"weight", delta(node(), vserver("web", "10.0.0.200", heavy)),
			[]string{"change destination 10.0.0.10:80 of 10.0.0.200:80/TCP"}},
		{"backend replaced: new one before old one", delta(node(), vserver("web", "10.0.0.200", b)),
			[]string{"add destination 10.0.0.11:80 to 10.0.0.200:80/TCP", "remove destination 10.0.0.10:80 from 10.0.0.200:80/TCP"}},
		{"scheduler", delta(node(), edit(func(v *lb.Vserver) { v.Services[0].Scheduler = "wlc" })),
			[]string{"load kernel modules [ip_vs_wlc]", "change service 10.0.0.200:80/TCP"}},
		{"persistence", delta(node(), edit(func(v *lb.Vserver) { v.Services[0].Persistence = time.Minute })),
			[]string{"change service 10.0.0.200:80/TCP"}},
		{"port moved: new service serves before the old one goes", delta(node(), edit(func(v *lb.Vserver) { v.Services[0].Key.Port = 81 })),
			[]string{"add service 10.0.0.200:81/TCP", "add destination 10.0.0.10:80 to 10.0.0.200:81/TCP", "remove service 10.0.0.200:80/TCP"}},
		{"address moved", delta(node(), vserver("web", "10.0.0.201", a)),
			[]string{"add address 10.0.0.201/32 to eth1", "add service 10.0.0.201:80/TCP", "add destination 10.0.0.10:80 to 10.0.0.201:80/TCP",
				"announce 10.0.0.201 on eth1", "remove service 10.0.0.200:80/TCP", "remove address 10.0.0.200/32 from eth1"}},
		{"service disabled", delta(node(), edit(func(v *lb.Vserver) { v.Services[0].Want = lb.Absent })),
			[]string{"remove service 10.0.0.200:80/TCP"}},
		{"destination out", delta(node(), edit(func(v *lb.Vserver) { v.Services[0].Destinations[0].Want = lb.Absent })),
			[]string{"remove destination 10.0.0.10:80 from 10.0.0.200:80/TCP"}},
		{"VIP disabled", delta(node(), edit(func(v *lb.Vserver) { v.VIPs[0].Want = lb.Absent })),
			[]string{"remove address 10.0.0.200/32 from eth1"}},
		{"vserver removed", lb.Update{Base: 1, Version: 2, Node: node(), Removed: []string{"web", "never was"}},
			[]string{"remove service 10.0.0.200:80/TCP", "remove address 10.0.0.200/32 from eth1"}},
		{"full without it", full(node()),
			[]string{"remove service 10.0.0.200:80/TCP", "remove address 10.0.0.200/32 from eth1"}},
		{"masquerading brings connection tracking", delta(node(), edit(func(v *lb.Vserver) { v.Services[0].Destinations[0].Mode = lb.NAT })),
			[]string{"load kernel modules [nf_conntrack]", "set sysctl net/ipv4/vs/conntrack to 1", "change destination 10.0.0.10:80 of 10.0.0.200:80/TCP"}},
		{"IPv6 brings its settings", delta(node(), edit(func(v *lb.Vserver) { v.VIPs = append(v.VIPs, lb.VIP{Addr: addr("2001:db8::1"), Want: lb.Present}) })),
			[]string{"set sysctl net/ipv6/conf/eth1/accept_dad to 0", "set sysctl net/ipv6/conf/eth1/keep_addr_on_down to 1",
				"add address 2001:db8::1/128 to eth1", "announce 2001:db8::1 on eth1"}},
		{"renewal of the lease", lb.Update{Base: 1, Version: 1, Node: node()}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nccfake.New(), nil)
			r.apply(full(node(), before))
			wantOps(t, r.apply(tt.next), tt.want...)
			wantOps(t, r.refresh())
			wantProblems(t, r.table.Report().Node.Problems)
		})
	}
}

func TestNodeChanges(t *testing.T) {
	vlan := func(ids ...uint16) []lb.VLAN {
		var v []lb.VLAN
		for _, id := range ids {
			v = append(v, lb.VLAN{ID: id, Host: lb.Host{IPv4: netip.MustParsePrefix("10.0.0.3/24")}})
		}
		return v
	}
	tests := []struct {
		name string
		from lb.Node
		edit func(*lb.Node)
		want []string
	}{
		{"lost the lead", node(), func(n *lb.Node) { n.Link = lb.Absent }, []string{"lower interface eth1"}},
		{"role unknown", node(), func(n *lb.Node) { n.Link = lb.AsFound }, nil},
		{"another virtual router", node(), func(n *lb.Node) { n.VRID = 61 }, []string{"set MAC of eth1 to 00:00:5e:00:01:3d"}},
		{"no virtual MAC leaves the MAC", node(), func(n *lb.Node) { n.VirtualMAC = false }, nil},
		{"cluster VIP", node(), func(n *lb.Node) { n.ClusterVIPs = []netip.Addr{addr("10.0.0.1")} },
			[]string{"add address 10.0.0.1/32 to eth1", "announce 10.0.0.1 on eth1"}},
		{"probe", node(), func(n *lb.Node) { n.Probes = []lb.ProbeMark{{Mark: 70000, Backend: addr("2001:db8::5"), Mode: lb.TUN}} },
			[]string{"add service IPv6 FWM/70000", "add destination [2001:db8::5]:0 to IPv6 FWM/70000"}},
		{"VIP moves into a new VLAN, present all the time", node(), func(n *lb.Node) { n.VLANs = vlan(7) },
			[]string{"add VLAN interface eth1.7 (id 7) on eth1", "add address 10.0.0.3/24 to eth1.7", "add address 10.0.0.200/32 to eth1.7",
				"raise interface eth1.7", "announce 10.0.0.200 on eth1.7", "remove address 10.0.0.200/32 from eth1"}},
		{"VLAN goes, its VIP does not", func() lb.Node { n := node(); n.VLANs = vlan(7); return n }(), func(n *lb.Node) { n.VLANs = nil },
			[]string{"add address 10.0.0.200/32 to eth1", "announce 10.0.0.200 on eth1", "remove address 10.0.0.3/24 from eth1.7",
				"remove address 10.0.0.200/32 from eth1.7", "remove interface eth1.7"}},
		{"VLAN's prefix length", func() lb.Node { n := node(); n.VLANs = vlan(7); return n }(),
			func(n *lb.Node) {
				n.VLANs = []lb.VLAN{{ID: 7, Host: lb.Host{IPv4: netip.MustParsePrefix("10.0.0.3/16")}}}
			},
			[]string{"remove address 10.0.0.3/24 from eth1.7", "add address 10.0.0.3/16 to eth1.7"}},
		{"lowering takes the VLANs along", func() lb.Node { n := node(); n.VLANs = vlan(7); return n }(),
			func(n *lb.Node) { n.Link = lb.Absent }, []string{"lower interface eth1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nccfake.New(), nil)
			r.apply(full(tt.from, vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))
			n := tt.from
			tt.edit(&n)
			ops := slices.DeleteFunc(r.apply(delta(n)), func(op string) bool {
				return strings.HasPrefix(op, "load") || strings.HasPrefix(op, "set sysctl")
			})
			wantOps(t, ops, tt.want...)
			wantOps(t, r.refresh())
			again := newRig(t, r.k, r.table.Owned())
			wantOps(t, steady(again.apply(full(n, vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))))
		})
	}
}

func TestUpdateOfAnotherBaseIsRefused(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	if r.table.Apply(zero, delta(node())) {
		t.Error("a table without wants took a delta")
	}
	r.apply(full(node()))
	if r.table.Apply(zero, lb.Update{Base: 7, Version: 8, Node: node()}) {
		t.Error("a delta on a version that we do not have was taken")
	}
	if got := r.table.Report().Version; got != 1 {
		t.Errorf("version %d, want 1", got)
	}
}

func TestAsFound(t *testing.T) {
	there := vserver("web", "10.0.0.200", dest("10.0.0.10", 1), dest("10.0.0.11", 0))
	kernel := func() *nccfake.Kernel {
		r := newRig(t, nccfake.New(), nil)
		r.apply(full(node(), there))
		return r.k
	}
	unknown := vserver("web", "10.0.0.200", dest("10.0.0.10", 3), dest("10.0.0.12", 1))
	unknown.VIPs[0].Want, unknown.Services[0].Want = lb.AsFound, lb.AsFound
	for i := range unknown.Services[0].Destinations {
		unknown.Services[0].Destinations[i].Want = lb.AsFound
	}
	n := node()
	n.Link = lb.AsFound

	r := newRig(t, kernel(), nil)
	wantOps(t, steady(r.apply(full(n, unknown))),
		"change destination 10.0.0.10:80 of 10.0.0.200:80/TCP",   // there: attributes as wanted
		"remove destination 10.0.0.11:80 from 10.0.0.200:80/TCP") // not named
	bare := newRig(t, nccfake.New(), nil)
	wantOps(t, steady(bare.apply(full(n, unknown))), "set MAC of eth1 to 00:00:5e:00:01:3c")
	// Known at last.
	known := vserver("web", "10.0.0.200", dest("10.0.0.10", 3), dest("10.0.0.12", 1))
	wantOps(t, steady(r.apply(delta(n, known))), "add destination 10.0.0.12:80 to 10.0.0.200:80/TCP")
	wantProblems(t, bare.table.Report().Vservers[0].Problems)
}

func TestSharedVIPAndContendedService(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	web, other := vserver("web", "10.0.0.200", dest("10.0.0.10", 1)), vserver("aaa", "10.0.0.200", dest("10.0.0.99", 1))
	r.apply(full(node(), web))
	r.table.Report()
	// aaa comes later but first by name: it gets the service.
	r.now = r.now.Add(time.Minute)
	wantOps(t, steady(r.apply(delta(node(), other))),
		"add destination 10.0.0.99:80 to 10.0.0.200:80/TCP", "remove destination 10.0.0.10:80 from 10.0.0.200:80/TCP")
	report := r.table.Report()
	if len(report.Vservers) != 2 {
		t.Fatalf("report %+v, want both vservers: the truth about web has changed", report.Vservers)
	}
	web2 := report.Vservers[1]
	wantProblems(t, web2.Problems, "service 10.0.0.200:80/TCP: vserver aaa has the same address, protocol and port: change one of them")
	if len(web2.Services) != 0 || len(web2.VIPs) != 1 || web2.Problems[0].Since != zero {
		t.Errorf("report of web: %+v", web2)
	}
	// The VIP stays while one of them wants it; the service goes back.
	wantOps(t, r.apply(lb.Update{Base: 1, Version: 1, Node: node(), Removed: []string{"aaa"}}),
		"add destination 10.0.0.10:80 to 10.0.0.200:80/TCP", "remove destination 10.0.0.99:80 from 10.0.0.200:80/TCP")
	wantProblems(t, r.table.Report().Vservers[0].Problems)
	wantOps(t, r.apply(lb.Update{Base: 1, Version: 1, Node: node(), Removed: []string{"web"}}),
		"remove service 10.0.0.200:80/TCP", "remove address 10.0.0.200/32 from eth1")
}

func TestAdoptAndForeign(t *testing.T) {
	k := nccfake.New()
	k.Edit(func(f *plan.Found) {
		for _, port := range []uint16{80, 81, 82} {
			key := tcp("10.0.0.200", port)
			f.Services[key] = lb.Service{Key: key, Scheduler: "rr", Destinations: []lb.Destination{dest("10.0.0.77", 1)}}
		}
		f.Addrs[plan.AddrKey{Link: "eth1", Addr: addr("10.0.0.200")}] = plan.AddrState{Bits: 24}
		f.Addrs[plan.AddrKey{Link: "eth1", Addr: addr("10.0.0.222")}] = plan.AddrState{Bits: 24}
		f.Addrs[plan.AddrKey{Link: "eth0", Addr: addr("10.0.0.223")}] = plan.AddrState{Bits: 32, Ours: true}
	})
	// Port 80 is wanted and not on record, 81 is neither, 82 is on record only.
	r := newRig(t, k, plan.Owned{"service 10.0.0.200:82/TCP": "", "service 10.9.9.9:1/TCP": "", "raised eth7": ""})
	wantOps(t, steady(r.apply(full(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))),
		"set MAC of eth1 to 00:00:5e:00:01:3c",
		"add destination 10.0.0.10:80 to 10.0.0.200:80/TCP",
		"raise interface eth1",
		"remove destination 10.0.0.77:80 from 10.0.0.200:80/TCP",
		"remove service 10.0.0.200:82/TCP",
		"remove address 10.0.0.223/32 from eth0")
	wantOps(t, r.table.TakeAdopted(), "address 10.0.0.200 on eth1", "service 10.0.0.200:80/TCP")
	if diff := cmp.Diff([]lb.ServiceKey{tcp("10.0.0.200", 81)}, r.table.Foreign(), cmp.Comparer(func(a, b lb.ServiceKey) bool { return a == b })); diff != "" {
		t.Errorf("foreign services (-want +got):\n%s", diff)
	}
	want := plan.Owned{
		"service 10.0.0.200:80/TCP": "", "address 10.0.0.200 on eth1": "", "raised eth1": "",
		"sysctl net/ipv4/conf/all/arp_announce": "0", "sysctl net/ipv4/conf/all/arp_ignore": "0",
		"sysctl net/ipv4/conf/eth0/accept_local": "0", "sysctl net/ipv4/conf/eth0/arp_announce": "0", "sysctl net/ipv4/conf/eth0/arp_ignore": "0",
		"sysctl net/ipv4/conf/eth1/accept_local": "0", "sysctl net/ipv4/conf/eth1/arp_announce": "0", "sysctl net/ipv4/conf/eth1/arp_ignore": "0",
		"sysctl net/ipv4/ip_forward": "0",
	}
	if diff := cmp.Diff(want, r.table.Owned()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	// What was adopted is ours: it goes when it is no longer wanted, as found.
	wantOps(t, r.apply(full(node())), "remove service 10.0.0.200:80/TCP", "remove address 10.0.0.200/24 from eth1")
}

func TestClaimsComeBeforeOperations(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.table.Apply(zero, everyKind())
	recorded := plan.Owned{}
	for {
		ops := r.table.Next(zero)
		for _, c := range r.table.TakeClaims() {
			if recorded[c.Name] = c.Note; c.Drop {
				delete(recorded, c.Name)
			}
		}
		if len(ops) == 0 {
			break
		}
		for _, op := range ops {
			var name string
			switch op := op.(type) {
			case plan.AddService:
				name = "service " + op.Service.Key.String()
			case plan.AddAddr:
				name = "address " + op.Prefix.Addr().String() + " on " + op.Link
			case plan.AddVLAN:
				name = "interface " + op.Link
			case plan.AddDummy:
				name = "interface " + op.Link
			case plan.SetLink:
				name = "raised " + op.Link
			default:
				continue
			}
			if _, claimed := recorded[name]; !claimed {
				t.Errorf("%v is handed out, and %q is not on record", op, name)
			}
		}
		r.table.Done(zero, r.k.Do(t.Context(), ops))
	}
	if diff := cmp.Diff(r.table.Owned(), recorded); diff != "" {
		t.Errorf("claims do not add up to the record (-record +claims):\n%s", diff)
	}
}
