package plan_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

func TestFailureIsQuarantined(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.k.Fail("service 10.0.0.200:80", syscall.ENOMEM)
	good := vserver("good", "10.0.0.201", dest("10.0.0.10", 1))
	bad := vserver("bad", "10.0.0.200", dest("10.0.0.10", 1), dest("10.0.0.11", 1))
	ops := steady(r.apply(full(node(), bad, good)))
	wantOps(t, ops[3:], "add service 10.0.0.200:80/TCP", "add service 10.0.0.201:80/TCP",
		"add destination 10.0.0.10:80 to 10.0.0.201:80/TCP", "raise interface eth1")
	report := r.table.Report()
	wantProblems(t, report.Vservers[0].Problems, "service 10.0.0.200:80/TCP: add service 10.0.0.200:80/TCP: cannot allocate memory")
	wantProblems(t, report.Vservers[1].Problems)
	wantProblems(t, report.Node.Problems)
	if got := report.Vservers[0].Problems[0].Since; got != zero {
		t.Errorf("since %v, want %v", got, zero)
	}

	// Tried again at growing distances, at the moment that Deadline names.
	var tries []time.Duration
	for r.now.Sub(zero) < 3*time.Minute {
		at := r.table.Deadline()
		if ops := steady(r.later(at.Sub(r.now))); len(ops) > 0 {
			wantOps(t, ops, "add service 10.0.0.200:80/TCP")
			tries = append(tries, at.Sub(zero))
		}
	}
	want := []time.Duration{100, 300, 700, 1500, 3100, 6300, 12700, 25500, 51100, 81100, 111100, 141100, 171100, 201100}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if diff := cmp.Diff(want, tries); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	if report := r.table.Report(); len(report.Vservers) != 1 || report.Vservers[0].Problems[0].Since != zero {
		t.Errorf("a problem that goes on keeps its beginning: %+v", report.Vservers)
	}

	// Healed: its destinations follow, and the report says so unasked.
	r.k.Heal("")
	wantOps(t, r.later(30*time.Second), "add service 10.0.0.200:80/TCP",
		"add destination 10.0.0.10:80 to 10.0.0.200:80/TCP", "add destination 10.0.0.11:80 to 10.0.0.200:80/TCP")
	report = r.table.Report()
	if len(report.Vservers) != 1 || report.Vservers[0].Name != "bad" || len(report.Vservers[0].Services) != 1 {
		t.Fatalf("report %+v, want the healed vserver", report.Vservers)
	}
	wantProblems(t, report.Vservers[0].Problems)
	if at := r.table.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v with nothing left to do", at)
	}
}

func TestFailuresAreNewsOnce(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.table.Apply(zero, full(node()))
	fail := func(err error) int {
		ops := r.table.Next(r.now)
		r.now = r.now.Add(time.Minute)
		outcomes := make([]error, len(ops))
		for i := range outcomes {
			outcomes[i] = err
		}
		return len(r.table.Done(r.now, outcomes))
	}
	if got := fail(syscall.EPERM); got != 1 {
		t.Errorf("%d news of the first failure, want 1", got)
	}
	for range 3 { // phases that do not depend on modules, then the same again
		fail(syscall.EPERM)
	}
	if got := fail(syscall.EPERM); got != 0 {
		t.Errorf("%d news of a failure that goes on", got)
	}
	if got := fail(syscall.ENOMEM); got == 0 {
		t.Error("no news of another reason")
	}
}

func TestOutcomeMissing(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.table.Apply(zero, full(node()))
	if ops, news := r.table.Next(zero), r.table.Done(zero, nil); len(news) != len(ops) {
		t.Errorf("%d news of %d operations without an outcome", len(news), len(ops))
	}
}

func TestNewWishIsTriedAtOnce(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.k.Fail("destination 10.0.0.10:80", syscall.EINVAL)
	r.apply(full(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))
	wantProblems(t, r.table.Report().Vservers[0].Problems,
		"destination 10.0.0.10:80 of 10.0.0.200:80/TCP: add destination 10.0.0.10:80 to 10.0.0.200:80/TCP: invalid argument")
	r.k.Heal("")
	wantOps(t, r.apply(delta(node())))
	wantOps(t, r.apply(delta(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 2)))), "add destination 10.0.0.10:80 to 10.0.0.200:80/TCP")
	// Unwanted while in quarantine: nothing is left of it.
	r.k.Fail("destination 10.0.0.11:80", syscall.EINVAL)
	r.later(2 * time.Second)
	r.later(2 * time.Second) // both repeated announcements are behind us
	r.apply(delta(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 2), dest("10.0.0.11", 1))))
	wantOps(t, r.apply(delta(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 2)))))
	wantProblems(t, r.table.Report().Vservers[0].Problems)
	if at := r.table.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v with nothing left to do", at)
	}
	wantOps(t, steady(r.later(time.Hour)))
}

func TestMissingModule(t *testing.T) {
	r := newRig(t, nccfake.New(), nil)
	r.k.Fail("load kernel modules [ip_vs_rr]", plan.ErrNoModule)
	wlc := vserver("wlc", "10.0.0.201", dest("10.0.0.10", 1))
	wlc.Services[0].Scheduler = "wlc"
	r.apply(full(node(), vserver("rr", "10.0.0.200", dest("10.0.0.10", 1)), wlc))
	report := r.table.Report()
	wantProblems(t, report.Node.Problems, "kernel module ip_vs_rr: load kernel modules [ip_vs_rr]: kernel module missing")
	wantProblems(t, report.Vservers[0].Problems,
		"service 10.0.0.200:80/TCP: waits for kernel module ip_vs_rr: load kernel modules [ip_vs_rr]: kernel module missing")
	wantProblems(t, report.Vservers[1].Problems)
	if len(report.Vservers[1].Services) != 1 {
		t.Error("the scheduler that is there does not serve")
	}
	r.k.Heal("")
	wantOps(t, steady(r.later(time.Second)), "add service 10.0.0.200:80/TCP", "add destination 10.0.0.10:80 to 10.0.0.200:80/TCP")
}

func TestMissingSysctlDegrades(t *testing.T) {
	k := nccfake.New()
	k.Edit(func(f *plan.Found) { delete(f.Sysctls, "net/ipv4/conf/eth1/arp_ignore") })
	r := newRig(t, k, nil)
	r.apply(full(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))
	report := r.table.Report()
	wantProblems(t, report.Node.Problems,
		"sysctl net/ipv4/conf/eth1/arp_ignore: set sysctl net/ipv4/conf/eth1/arp_ignore to 1: no such setting in this kernel")
	if !report.Node.LinkUp || len(report.Vservers[0].Services) != 1 {
		t.Errorf("a missing setting keeps us from serving: %+v", report)
	}
}

func TestMissingInterface(t *testing.T) {
	r := newRig(t, nccfake.New("eth0"), nil)
	r.apply(full(node(), vserver("web", "10.0.0.200", dest("10.0.0.10", 1))))
	report := r.table.Report()
	wantProblems(t, report.Node.Problems, "interface eth1: no such interface (is it named right in section [interface] of seesaw.cfg?)")
	wantProblems(t, report.Vservers[0].Problems,
		"address 10.0.0.200 on eth1: waits for interface eth1: no such interface (is it named right in section [interface] of seesaw.cfg?)")
	if !r.table.IsMissingLink() || report.Node.Problems[0].Since != zero {
		t.Errorf("missing since %v, want %v", report.Node.Problems[0].Since, zero)
	}
	r.k.Edit(func(f *plan.Found) { f.Links["eth1"] = plan.Link{Name: "eth1", MAC: "52:54:00:00:00:09"} })
	wantOps(t, steady(r.refresh()), "set MAC of eth1 to 00:00:5e:00:01:3c", "add address 10.0.0.200/32 to eth1", "raise interface eth1")
	if r.table.IsMissingLink() {
		t.Error("interface still missing")
	}
	report = r.table.Report()
	wantProblems(t, report.Node.Problems)
	wantProblems(t, report.Vservers[0].Problems)

	// It goes and comes back with the defaults of a new interface.
	r.k.Edit(func(f *plan.Found) {
		delete(f.Links, "eth1")
		delete(f.Addrs, plan.AddrKey{Link: "eth1", Addr: addr("10.0.0.200")})
	})
	r.refresh()
	if report := r.table.Report(); report.Node.LinkUp || len(report.Vservers) != 1 || len(report.Vservers[0].VIPs) != 0 {
		t.Errorf("report after the interface went: %+v", report)
	}
	r.k.Edit(func(f *plan.Found) {
		f.Links["eth1"] = plan.Link{Name: "eth1", MAC: "52:54:00:00:00:09"}
		f.Sysctls["net/ipv4/conf/eth1/arp_ignore"] = "0"
	})
	wantOps(t, r.refresh(), "set sysctl net/ipv4/conf/eth1/arp_ignore to 1", "set MAC of eth1 to 00:00:5e:00:01:3c",
		"add address 10.0.0.200/32 to eth1", "raise interface eth1", "announce 10.0.0.200 on eth1")
}

func TestUnplaceableVIPs(t *testing.T) {
	n := node()
	n.VLANs = []lb.VLAN{{ID: 9, Host: lb.Host{IPv6: netip.MustParsePrefix("2001:db8::2/64")}}}
	tests := []struct {
		name string
		node lb.Node
		vip  lb.VIP
		want string
	}{
		{"own address", n, lb.VIP{Addr: addr("10.0.0.2"), Want: lb.Present}, "VIP 10.0.0.2: this is the node's own address: give the vserver another one"},
		{"own address in a VLAN", n, lb.VIP{Addr: addr("2001:db8::2"), Want: lb.Present}, "VIP 2001:db8::2: this is the node's own address: give the vserver another one"},
		{"no interface", lb.Node{}, lb.VIP{Addr: addr("10.0.0.9"), Want: lb.Present}, "VIP 10.0.0.9: no LB interface is configured (lb in seesaw.cfg, section [interface])"},
		{"no address", n, lb.VIP{Want: lb.Present}, "VIP invalid IP: this is not an address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nccfake.New(), nil)
			r.k.Edit(func(f *plan.Found) {
				f.Addrs[plan.AddrKey{Link: "eth0", Addr: addr("10.0.0.2")}] = plan.AddrState{Bits: 24}
			})
			u := full(tt.node, lb.Vserver{Name: "web", VIPs: []lb.VIP{tt.vip}})
			r.apply(u)
			report := r.table.Report()
			wantProblems(t, report.Vservers[0].Problems, tt.want)
			if len(report.Vservers[0].VIPs) != 0 {
				t.Errorf("VIPs %v of one that cannot be", report.Vservers[0].VIPs)
			}
			wantOps(t, r.apply(full(tt.node)))
		})
	}
}

func TestDrift(t *testing.T) {
	web, service := vserver("web", "10.0.0.200", dest("10.0.0.10", 1), dest("10.0.0.11", 1)), tcp("10.0.0.200", 80)
	tests := []struct {
		name string
		edit func(*plan.Found)
		want []string
	}{
		{"table flushed", func(f *plan.Found) { clear(f.Services) },
			[]string{"add service 10.0.0.200:80/TCP", "add destination 10.0.0.10:80 to 10.0.0.200:80/TCP", "add destination 10.0.0.11:80 to 10.0.0.200:80/TCP"}},
		{"weight and scheduler changed, destination gone and another come", func(f *plan.Found) {
			other, stray := dest("10.0.0.10", 9), dest("10.0.0.66", 1)
			f.Services[service] = lb.Service{Key: service, Scheduler: "wlc", Destinations: []lb.Destination{other, stray}}
		}, []string{"change service 10.0.0.200:80/TCP", "change destination 10.0.0.10:80 of 10.0.0.200:80/TCP",
			"add destination 10.0.0.11:80 to 10.0.0.200:80/TCP", "remove destination 10.0.0.66:80 from 10.0.0.200:80/TCP"}},
		{"address removed", func(f *plan.Found) { delete(f.Addrs, plan.AddrKey{Link: "eth1", Addr: addr("10.0.0.200")}) },
			[]string{"add address 10.0.0.200/32 to eth1", "announce 10.0.0.200 on eth1"}},
		{"link lowered", func(f *plan.Found) { f.Links["eth1"] = plan.Link{Name: "eth1", MAC: "00:00:5e:00:01:3c"} },
			[]string{"raise interface eth1", "announce 10.0.0.200 on eth1"}},
		{"MAC changed", func(f *plan.Found) { f.Links["eth1"] = plan.Link{Name: "eth1", MAC: "52:54:00:00:00:02", Up: true} },
			[]string{"set MAC of eth1 to 00:00:5e:00:01:3c"}},
		{"setting changed", func(f *plan.Found) { f.Sysctls["net/ipv4/conf/all/arp_ignore"] = "0" },
			[]string{"set sysctl net/ipv4/conf/all/arp_ignore to 1"}},
		{"reverse path filter strict", func(f *plan.Found) { f.Sysctls["net/ipv4/conf/eth1/rp_filter"] = "1" },
			[]string{"set sysctl net/ipv4/conf/eth1/rp_filter to 2"}},
		{"reverse path filter loose", func(f *plan.Found) { f.Sysctls["net/ipv4/conf/eth1/rp_filter"] = "2" }, nil},
		{"somebody else's objects", func(f *plan.Found) {
			key := tcp("10.0.0.250", 80)
			f.Services[key] = lb.Service{Key: key, Scheduler: "rr"}
			f.Addrs[plan.AddrKey{Link: "eth1", Addr: addr("10.0.0.250")}] = plan.AddrState{Bits: 24}
			f.Links["docker0"] = plan.Link{Name: "docker0"}
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nccfake.New(), nil)
			r.apply(full(node(), web))
			r.k.Edit(tt.edit)
			wantOps(t, r.refresh(), tt.want...)
			wantOps(t, r.refresh())
		})
	}
}
