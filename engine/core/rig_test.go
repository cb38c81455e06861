package core

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// aloneText and pairedText are seesaw.cfg of a lone node and of one with a peer.
const (
	aloneText = `[cluster]
name = test
node_ipv4 = 192.168.10.2
node_ipv6 = 2012::2
vip_ipv4 = 192.168.10.1
vip_ipv6 = 2012::100
[interface]
node = eth0
lb = eth1
`
	pairedText = aloneText + `[cluster]
peer_ipv4 = 192.168.10.3
`
	// clusterHead begins a cluster file in which the node has the first priority.
	clusterHead = `
seesaw_vip < fqdn: "vip.example.com" ipv4: "192.168.10.1/24" status: PRODUCTION >
node < fqdn: "node1.example.com" ipv4: "192.168.10.2/24" ipv6: "2012::2/64" status: PRODUCTION >
node < fqdn: "node2.example.com" ipv4: "192.168.10.3/24" status: PRODUCTION >
`
)

// parser is what the helpers need of a test, a property or a benchmark.
type parser interface {
	Helper()
	Fatalf(format string, args ...any)
}

func parseNode(t parser, text string) *config.Node {
	t.Helper()
	n, err := config.ParseNode("seesaw.cfg", []byte(text))
	if err != nil {
		t.Fatalf("node config of the test: %v", err)
	}
	return n
}

// parseCluster reads clusterHead with more text after it, which must be without
// a fault.
func parseCluster(t parser, text string) *config.Cluster {
	t.Helper()
	c, err := config.ParseCluster("cluster.pb", []byte(clusterHead+text))
	if err != nil {
		t.Fatalf("cluster config of the test: %v", err)
	}
	if len(c.Faulty) > 0 {
		t.Fatalf("cluster config of the test: %v", c.Faulty)
	}
	return c
}

// rig is a core with a model of everything round it: a host that does what ncc
// is told, a healthcheck that takes in the set of checks, and what was saved.
type rig struct {
	t         parser
	core      *Core
	now       time.Time
	host      *host
	checks    map[lb.CheckID]lb.Check
	marks     Marks
	overrides []lb.OverrideRecord
	log       []string
	directed  int  // Direct effects
	applying  bool // an Apply effect has not been followed yet
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newRig(t parser, nodeText string) *rig {
	return &rig{
		t: t, now: begin, host: newHost(), checks: map[lb.CheckID]lb.Check{},
		core: New(Config{Node: parseNode(t, nodeText), Version: "test", Epoch: 1000}),
	}
}

// restart replaces the core by a new one that has what the old one has saved.
func (r *rig) restart() {
	node := r.core.cfg.Node
	r.core = New(Config{Node: node, Version: "test", Epoch: r.core.net.last + 1000, Marks: r.marks, Overrides: r.overrides})
	r.checks = map[lb.CheckID]lb.Check{}
	r.applying = false
}

// step feeds an event and takes in the effects, Apply excepted.
func (r *rig) step(ev Event) []Effect {
	effects := r.core.Step(r.now, ev)
	r.take(effects)
	return effects
}

func (r *rig) take(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Apply:
			r.applying = true
		case SetChecks:
			for _, id := range e.Update.Removed {
				delete(r.checks, id)
			}
			for _, def := range e.Update.Changed {
				r.checks[def.ID] = def
			}
		case Direct:
			r.directed++
		case SaveMarks:
			r.marks = e.Marks
		case SaveOverrides:
			r.overrides = e.Overrides
		case Log:
			r.log = append(r.log, fmt.Sprintln(append([]any{e.Text}, e.Args...)...))
		}
	}
}

// settle lets ncc do what it is told until there is nothing more to tell.
func (r *rig) settle() {
	r.t.Helper()
	for range 10 {
		if !r.applying {
			return
		}
		r.applying = false
		u, ok := r.core.Update()
		if !ok {
			return
		}
		r.step(Applied{r.host.apply(u)})
	}
	r.t.Fatalf("the core never has enough: an Apply after every Applied")
}

// do is step and settle.
func (r *rig) do(ev Event) {
	r.t.Helper()
	r.step(ev)
	r.settle()
}

func (r *rig) load(text string) {
	r.t.Helper()
	r.do(Load{Cluster: parseCluster(r.t, text)})
}

// say reports one health for all checks that a filter lets pass, and returns
// how many they are.
func (r *rig) say(h lb.Health, filter func(lb.Check) bool) int {
	r.t.Helper()
	var report lb.VerdictReport
	for _, id := range slices.Sorted(maps.Keys(r.checks)) {
		if filter(r.checks[id]) {
			report.Verdicts = append(report.Verdicts, lb.Verdict{ID: id, State: h, Message: h.String() + " by test"})
		}
	}
	r.do(Verdicts{report})
	return len(report.Verdicts)
}

// pass lets time pass, with the deadlines that fall into it.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	end := r.now.Add(d)
	for range 10000 {
		at := r.core.Deadline()
		if at.IsZero() || at.After(end) {
			r.now = end
			return
		}
		if at.After(r.now) {
			r.now = at
		}
		r.do(Deadline{})
	}
	r.t.Fatalf("deadline %v stays although it was given", r.core.Deadline())
}

func all(lb.Check) bool { return true }

// port filters checks by port.
func port(ports ...uint16) func(lb.Check) bool {
	return func(c lb.Check) bool { return slices.Contains(ports, c.Port) }
}

// of filters checks by backend.
func of(backends ...string) func(lb.Check) bool {
	return func(c lb.Check) bool { return slices.Contains(backends, c.Backend.String()) }
}

func both(a, b func(lb.Check) bool) func(lb.Check) bool {
	return func(c lb.Check) bool { return a(c) && b(c) }
}

// service finds a service in the views, by its name as operators see it.
func (r *rig) service(vserver, name string) lb.ServiceView {
	r.t.Helper()
	for _, v := range r.core.Vservers(nil) {
		for _, s := range v.Services {
			if v.Name == vserver && s.Name() == name {
				return s
			}
		}
	}
	r.t.Fatalf("no service %q of %q", name, vserver)
	return lb.ServiceView{}
}

// host is ncc and kernel in one: it holds what is there.
type host struct {
	version uint64
	wanted  map[string]lb.Vserver
	node    lb.Node
	vips    map[netip.Addr]bool
	there   map[lb.ServiceKey]map[netip.AddrPort]uint32
	foundUp bool
	linkUp  bool
	log     []string
}

func newHost() *host {
	return &host{wanted: map[string]lb.Vserver{}, vips: map[netip.Addr]bool{}, there: map[lb.ServiceKey]map[netip.AddrPort]uint32{}}
}

// apply does what an update wants, as ncc would, and reports all that is true.
func (h *host) apply(u lb.Update) lb.Report {
	if !u.Full && u.Base != h.version {
		return lb.Report{Resend: true}
	}
	if u.Full {
		clear(h.wanted)
	}
	for _, v := range u.Changed {
		h.wanted[v.Name] = v
	}
	for _, name := range u.Removed {
		delete(h.wanted, name)
	}
	h.version, h.node = u.Version, u.Node
	h.make()
	return h.report()
}

func (h *host) make() {
	if h.node.Link != lb.AsFound {
		h.linkUp = h.node.Link == lb.Present
	}
	vips, there := map[netip.Addr]bool{}, map[lb.ServiceKey]map[netip.AddrPort]uint32{}
	for _, v := range h.wanted {
		for _, vip := range v.VIPs {
			if vip.Want == lb.Present || h.vips[vip.Addr] {
				vips[vip.Addr] = true
			}
		}
		for _, s := range v.Services {
			before, was := h.there[s.Key]
			if s.Want != lb.Present && !was {
				continue
			}
			there[s.Key] = map[netip.AddrPort]uint32{}
			for _, d := range s.Destinations {
				if _, was := before[d.Key()]; d.Want == lb.Present || was {
					there[s.Key][d.Key()] = d.Weight
				}
			}
		}
	}
	h.vips, h.there = vips, there
}

func (h *host) report() lb.Report {
	r := lb.Report{Version: h.version, Node: lb.NodeReport{LinkUp: h.linkUp, LinkFoundUp: h.foundUp}}
	for _, name := range slices.Sorted(maps.Keys(h.wanted)) {
		vr := lb.VserverReport{Name: name}
		for _, vip := range h.wanted[name].VIPs {
			if h.vips[vip.Addr] {
				vr.VIPs = append(vr.VIPs, vip.Addr)
			}
		}
		for _, s := range h.wanted[name].Services {
			dests, there := h.there[s.Key]
			if !there {
				continue
			}
			sr := lb.ServiceReport{Key: s.Key}
			for key, weight := range dests {
				sr.Destinations = append(sr.Destinations, lb.DestinationReport{Addr: key.Addr(), Port: key.Port(), Weight: weight})
			}
			vr.Services = append(vr.Services, sr)
		}
		r.Vservers = append(r.Vservers, vr)
	}
	return r
}

// String prints what is there, one object a line.
func (h *host) String() string {
	var b strings.Builder
	for _, vip := range slices.SortedFunc(maps.Keys(h.vips), netip.Addr.Compare) {
		fmt.Fprintf(&b, "vip %v\n", vip)
	}
	for _, key := range slices.SortedFunc(maps.Keys(h.there), lb.ServiceKey.Compare) {
		fmt.Fprintf(&b, "%v\n", key)
		for _, d := range slices.SortedFunc(maps.Keys(h.there[key]), netip.AddrPort.Compare) {
			fmt.Fprintf(&b, "  %v\n", d)
		}
	}
	return b.String()
}

// same fails a test with the difference, if there is one.
func same(t *testing.T, what string, got, want any, opts ...cmp.Option) {
	t.Helper()
	opts = append(opts, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }))
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// text is a transcript in a test's source: no blank line at its ends, no common
// indent.
func text(s string) string {
	lines := strings.Split(strings.Trim(s, "\n\t"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimLeft(l, "\t")
	}
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
