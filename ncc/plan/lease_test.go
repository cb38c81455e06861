package plan_test

import (
	"net/netip"
	"testing"
	"time"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

func paired() lb.Node {
	n := node()
	n.Peer = true
	return n
}

func TestSilentEngineLowersTheLink(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	if r.table.CanExpire() || r.table.Expire() {
		t.Error("a table without a node has a lease")
	}
	r.apply(full(paired(), vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))
	if !r.table.CanExpire() || !r.table.Expire() || r.table.Expire() {
		t.Error("the lease does not end once")
	}
	wantOps(t, r.settle(), "lower interface eth1")
	if report := r.table.Report().Node; report.LinkUp || report.LinkFoundUp {
		t.Errorf("report %+v after lowering", report)
	}
	wantOps(t, r.settle())
	wantOps(t, r.apply(delta(paired())), "raise interface eth1", "announce 10.0.0.200 on eth1")
}

func TestLoneNodeHasNoLease(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.apply(full(node()))
	if r.table.CanExpire() || r.table.Expire() {
		t.Error("a lone node has a lease")
	}
}

func TestLeaseOutlivesRestart(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.apply(full(paired(), vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))
	again := newRig(t, r.k, r.table.Owned())
	wantOps(t, again.settle())
	if !again.table.Expire() {
		t.Fatal("no lease after a restart")
	}
	wantOps(t, again.settle(), "lower interface eth1")
	// The engine is back and does not know its role yet.
	n := paired()
	n.Link = lb.AsFound
	wantOps(t, steady(again.apply(full(n, vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))))
	if report := again.table.Report().Node; report.LinkUp || report.LinkFoundUp {
		t.Errorf("report %+v: the lead was given up", report)
	}
	// The peer is gone from the configuration: no lease after the next restart.
	r2 := newRig(t, nccfake.New(), nil)
	r2.apply(full(paired()))
	r2.apply(full(node()))
	if newRig(t, r2.k, r2.table.Owned()).table.CanExpire() {
		t.Error("a lease without a peer after a restart")
	}
}

func TestLinkFoundUp(t *testing.T) {
	unknown := node()
	unknown.Link = lb.AsFound
	up := func() *nccfake.Kernel {
		k := nccfake.New()
		k.Edit(func(f *plan.Found) { f.Links["eth1"] = plan.Link{Name: "eth1", Up: true, MAC: "00:00:5e:00:01:3c"} })
		return k
	}
	tests := []struct {
		name  string
		k     *nccfake.Kernel
		owned plan.Owned
		want  bool
	}{
		{"up and on record", up(), plan.Owned{"raised eth1": ""}, true},
		{"up and not on record", up(), nil, false},
		{"up and another on record", up(), plan.Owned{"raised eth2": ""}, false},
		{"on record and down", nccfake.New(), plan.Owned{"raised eth1": ""}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.k, tt.owned)
			r.apply(full(unknown))
			if got := r.table.Report().Node.LinkFoundUp; got != tt.want {
				t.Errorf("found up: %v, want %v", got, tt.want)
			}
		})
	}
	// A restarted engine asks a running ncc.
	r := newRig(t, nccfake.New(), nil)
	r.apply(full(node()))
	r.apply(full(unknown))
	if !r.table.Report().Node.LinkFoundUp {
		t.Error("the engine is not told that this node led")
	}
	lost := node()
	lost.Link = lb.Absent
	r.apply(full(lost))
	r.apply(full(unknown))
	if r.table.Report().Node.LinkFoundUp {
		t.Error("the engine is told that this node led, and it had lost the lead")
	}
}

func TestAnotherLBInterface(t *testing.T) {
	r := newRig(t, nccfake.New("eth0", "eth1", "eth2"), nil)
	r.apply(full(paired(), vserver("web", "10.0.0.200")))
	n := paired()
	n.LBInterface = "eth2"
	wantOps(t, steady(r.apply(delta(n))), "set MAC of eth2 to 00:00:5e:00:01:3c", "add address 10.0.0.200/32 to eth2",
		"raise interface eth2", "remove address 10.0.0.200/32 from eth1")
	owned := r.table.Owned()
	for name, want := range map[string]bool{"raised eth1": false, "lease eth1": false, "raised eth2": true, "lease eth2": true} {
		if _, has := owned[name]; has != want {
			t.Errorf("%q on record: %v, want %v", name, has, want)
		}
	}
}

// TestSharedInterface is a node with one interface: it is never lowered and
// keeps its MAC, so VIPs come and go instead.
func TestSharedInterface(t *testing.T) {
	n := paired()
	n.LBInterface = "eth0"
	n.ClusterVIPs = []netip.Addr{addr("10.0.0.1")}
	n.VLANs = []lb.VLAN{{ID: 100, Host: lb.Host{IPv4: netip.MustParsePrefix("10.1.0.2/24")}}}
	web := vserver("web", "10.0.0.200", dest("10.0.0.10", 1))
	web.VIPs = append(web.VIPs, lb.VIP{Addr: addr("10.1.0.200"), Kind: lb.Unicast, Want: lb.Present})
	r := newRig(t, nccfake.New("eth0"), nil)
	r.k.Edit(func(f *plan.Found) {
		f.Addrs[plan.AddrKey{Link: "eth0", Addr: addr("10.0.0.2")}] = plan.AddrState{Bits: 24}
	})
	ops := r.apply(full(n, web))
	wantOps(t, ops[len(ops)-4:], "raise interface eth0.100", "announce 10.0.0.1 on eth0", "announce 10.0.0.200 on eth0", "announce 10.1.0.200 on eth0.100")
	if !r.table.Report().Node.LinkFoundUp {
		t.Error("not known to have led")
	}
	backup := n
	backup.Link = lb.Absent
	wantOps(t, r.apply(delta(backup)), "lower interface eth0.100", "remove address 10.0.0.1/32 from eth0", "remove address 10.0.0.200/32 from eth0")
	if r.table.Report().Node.LinkFoundUp {
		t.Error("still known to have led")
	}
	wantOps(t, r.apply(delta(n)), "add address 10.0.0.1/32 to eth0", "add address 10.0.0.200/32 to eth0", "raise interface eth0.100",
		"announce 10.0.0.1 on eth0", "announce 10.0.0.200 on eth0", "announce 10.1.0.200 on eth0.100")
	r.table.Expire()
	wantOps(t, r.settle(), "lower interface eth0.100", "remove address 10.0.0.1/32 from eth0", "remove address 10.0.0.200/32 from eth0")
	if !r.k.LinkUp("eth0") {
		t.Error("the node's own interface is down")
	}
}

// announceSoon is when a raised link is announced for the second time.
const announceSoon = 200 * time.Millisecond

func TestAnnouncements(t *testing.T) {
	n := node()
	n.AnnounceEvery = 10 * time.Second
	r := newRig(t, nccfake.New(), nil)
	r.apply(full(n, vserver("web", "10.0.0.200")))
	// A raised link may have no carrier yet: again shortly after, then steadily.
	for _, want := range []time.Duration{200 * time.Millisecond, 1200 * time.Millisecond, 11200 * time.Millisecond, 21200 * time.Millisecond} {
		if got := r.table.Deadline().Sub(zero); got != want {
			t.Fatalf("next announcement after %v, want %v", got, want)
		}
		wantOps(t, r.later(r.table.Deadline().Sub(r.now)), "announce 10.0.0.200 on eth1")
	}
	// One that fails is tried again like anything else.
	r.k.Fail("announce", plan.ErrNoLink)
	wantOps(t, r.later(10*time.Second), "announce 10.0.0.200 on eth1")
	wantProblems(t, r.table.Report().Vservers[0].Problems, "address 10.0.0.200 on eth1: announce 10.0.0.200 on eth1: no such interface")
	r.k.Heal("")
	wantOps(t, r.later(100*time.Millisecond), "announce 10.0.0.200 on eth1")
	wantProblems(t, r.table.Report().Vservers[0].Problems)

	n.AnnounceEvery = time.Second
	r.apply(delta(n))
	wantOps(t, r.later(time.Second), "announce 10.0.0.200 on eth1")
	n.Link = lb.Absent
	wantOps(t, r.apply(delta(n)), "lower interface eth1")
	wantOps(t, r.later(time.Hour))
	if at := r.table.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v while the link is down", at)
	}
	// A restarted ncc on a leader goes on refreshing.
	n.Link = lb.Present
	r.apply(delta(n))
	if got := r.table.Deadline().Sub(r.now); got != announceSoon {
		t.Errorf("raised anew, next announcement after %v, want %v", got, announceSoon)
	}
	again := newRig(t, r.k, r.table.Owned())
	again.apply(full(n, vserver("web", "10.0.0.200")))
	wantOps(t, again.later(time.Second), "announce 10.0.0.200 on eth1")
}

func TestVLANNames(t *testing.T) {
	vlans := []lb.VLAN{{ID: 7}, {ID: 1000}}
	n := node()
	n.NodeInterface, n.LBInterface, n.VLANs = "eno16777728", "eno33554960", vlans
	k := nccfake.New("eno16777728", "eno33554960")
	k.Edit(func(f *plan.Found) { f.Links["prod"] = plan.Link{Name: "prod", Parent: "eno33554960", VLAN: 7} })
	r := newRig(t, k, nil)
	wantOps(t, steady(r.apply(full(n))), "add VLAN interface eno3355496.1000 (id 1000) on eno33554960",
		"set MAC of eno33554960 to 00:00:5e:00:01:3c", "raise interface eno33554960")
	n.VLANs = nil
	wantOps(t, r.apply(full(n)), "remove interface eno3355496.1000") // the host's own stays
}
