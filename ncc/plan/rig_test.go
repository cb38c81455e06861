package plan_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

var (
	addr = netip.MustParseAddr
	zero = time.Unix(1_800_000_000, 0)
)

// rig is a table on a kernel in memory, with a clock that stands still.
type rig struct {
	t     testing.TB
	k     *nccfake.Kernel
	table *plan.Table
	now   time.Time
	sent  lb.Update
}

func newRig(t testing.TB, k *nccfake.Kernel, owned plan.Owned) *rig {
	t.Helper()
	return &rig{t: t, k: k, table: plan.New(read(t, k), owned), now: zero}
}

func read(t testing.TB, k *nccfake.Kernel) plan.Found {
	t.Helper()
	found, err := k.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// apply sends an update, settles, and returns the operations that it took.
func (r *rig) apply(u lb.Update) []string {
	r.t.Helper()
	if !r.table.Apply(r.now, u) {
		r.t.Fatal("table asks for a full update")
	}
	r.sent = u
	return r.settle()
}

// settle carries out what is due.
func (r *rig) settle() []string {
	r.t.Helper()
	for range 1000 {
		ops := r.table.Next(r.now)
		if len(ops) == 0 {
			return r.k.TakeOps()
		}
		r.table.Done(r.now, r.k.Do(r.t.Context(), ops))
	}
	r.t.Fatal("plan does not come to an end")
	return nil
}

// later lets time pass.
func (r *rig) later(d time.Duration) []string {
	r.t.Helper()
	r.now = r.now.Add(d)
	return r.settle()
}

func (r *rig) refresh() []string {
	r.t.Helper()
	r.table.Refresh(r.now, read(r.t, r.k))
	return r.settle()
}

// steady is without what every first plan has: modules and settings.
func steady(ops []string) []string {
	var rest []string
	for _, op := range ops {
		if !strings.HasPrefix(op, "load ") && !strings.HasPrefix(op, "set sysctl") && !strings.HasPrefix(op, "announce ") {
			rest = append(rest, op)
		}
	}
	return rest
}

func wantOps(t testing.TB, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func wantProblems(t testing.TB, got []lb.Problem, want ...string) {
	t.Helper()
	var texts []string
	for _, p := range got {
		texts = append(texts, p.String())
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// node is a node as in most tests: leader, alone.
func node() lb.Node {
	return lb.Node{
		NodeInterface: "eth0", LBInterface: "eth1", Addrs: []netip.Addr{addr("10.0.0.2")},
		VRID: 60, VirtualMAC: true, Link: lb.Present,
	}
}

func full(n lb.Node, vservers ...lb.Vserver) lb.Update {
	return lb.Update{Full: true, Version: 1, Node: n, Changed: vservers}
}

func delta(n lb.Node, vservers ...lb.Vserver) lb.Update {
	return lb.Update{Base: 1, Version: 1, Node: n, Changed: vservers}
}

func tcp(vip string, port uint16) lb.ServiceKey {
	a := addr(vip)
	return lb.ServiceKey{Family: lb.FamilyOf(a), Protocol: lb.TCP, Addr: a, Port: port}
}

func dest(a string, weight uint32) lb.Destination {
	return lb.Destination{Addr: addr(a), Port: 80, Mode: lb.DSR, Weight: weight, Want: lb.Present}
}

// vserver has one VIP and one service on its port 80.
func vserver(name, vip string, dests ...lb.Destination) lb.Vserver {
	return lb.Vserver{
		Name:     name,
		VIPs:     []lb.VIP{{Addr: addr(vip), Kind: lb.Unicast, Want: lb.Present}},
		Services: []lb.Service{{Key: tcp(vip, 80), Scheduler: "rr", Want: lb.Present, Destinations: dests}},
	}
}
