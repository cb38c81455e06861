package core

import (
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

func TestBeforeAnyConfig(t *testing.T) {
	c := New(Config{Node: parseNode(t, pairedText), Version: "1.2"})
	if _, ok := c.Update(); ok {
		t.Error("there is something to tell ncc")
	}
	if v := c.ClusterView(); v.Version != "1.2" || v.Site != "test" || v.Nodes != nil {
		t.Errorf("cluster %+v", v)
	}
	if v := c.ConfigView(); len(v.Warnings) > 0 || !v.LastUpdate.IsZero() {
		t.Errorf("config %+v", v)
	}
	if c.VLANs() != nil || len(c.Vservers(nil)) > 0 || !c.Deadline().IsZero() {
		t.Error("something is there before any config")
	}
	// News that comes too early is kept or harmless.
	c.Step(begin, HAReported{lb.HAReport{Role: lb.RoleLeader}})
	c.Step(begin, Verdicts{})
	c.Step(begin, Deadline{})
	c.Step(begin, Load{Cluster: parseCluster(t, "")})
	if u, ok := c.Update(); !ok || !u.Full || u.Node.Link != lb.Present {
		t.Errorf("first update %+v, want a full one with the role that was reported", u)
	}
}

func TestClusterView(t *testing.T) {
	r := newRig(t, pairedText)
	r.load("")
	got := r.core.ClusterView()
	if len(got.Nodes) != 2 {
		t.Fatalf("nodes %+v", got.Nodes)
	}
	one, two := got.Nodes[0], got.Nodes[1]
	if one.Hostname != "node1.example.com" || !one.Local || one.Priority != 254 || !one.HAEnabled || !one.VserversEnabled || one.AnycastEnabled != r.core.cfg.Node.AnycastEnabled {
		t.Errorf("first node %+v", one)
	}
	if two.Local || two.Priority != 253 || two.Problems != nil {
		t.Errorf("second node %+v", two)
	}
}

// What ncc cannot do for the node is a problem of the local node and a warning
// of the config.
func TestNodeProblems(t *testing.T) {
	r := newRig(t, pairedText)
	r.load("")
	report := r.host.report()
	report.Node.Problems = []lb.Problem{{Object: "link eth1", Reason: "no such interface"}}
	r.step(Applied{report})
	const want = "link eth1: no such interface"
	if v := r.core.ClusterView(); len(v.Nodes[0].Problems) != 1 || v.Nodes[0].Problems[0] != want || len(v.Nodes[1].Problems) != 0 {
		t.Errorf("nodes %+v", v.Nodes)
	}
	if v := r.core.ConfigView(); len(v.Warnings) != 1 || v.Warnings[0] != want {
		t.Errorf("warnings %q", v.Warnings)
	}
}

func TestConfigView(t *testing.T) {
	r := newRig(t, pairedText)
	c, err := parseClusterText(clusterHead + `
		metadata < last_updated: 1447906527 attribute < name: "checksum" value: "abc" > >
		misconfigured_vserver < name: "left out" error_message: "by the generator" >
		vserver < name: "bad" rp: "x" entry_address < fqdn: "x" ipv4: "192.168.36.300/26" status: PRODUCTION > >`)
	if err != nil {
		t.Fatal(err)
	}
	r.do(Load{Cluster: c, View: lb.ConfigView{Source: "disk", InUse: "disk", LoadedAt: begin, Warnings: []string{"own"}}})
	v := r.core.ConfigView()
	if !v.LastUpdate.Equal(time.Unix(1447906527, 0)) || v.Source != "disk" || v.InUse != "disk" || v.LoadedAt != begin {
		t.Errorf("view %+v", v)
	}
	same(t, "attributes", v.Attributes, []lb.Attribute{{Name: "checksum", Value: "abc"}})
	all := strings.Join(v.Warnings, "\n")
	for _, want := range []string{"own", "left out: by the generator", "192.168.36.300/26"} {
		if !strings.Contains(all, want) {
			t.Errorf("warnings lack %q:\n%s", want, all)
		}
	}
}

func TestVLANs(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(`vlan < vlan_id: 116 host < fqdn: "vlan116" ipv4: "192.168.36.9/24" > >` + web("TCP/80", "b1=192.168.36.2", "b2=192.168.36.3"))
	got := r.core.VLANs()
	if len(got) != 1 || got[0].ID != 116 || got[0].Hostname != "vlan116" || got[0].IPv4Backends != 2 || got[0].IPv4VIPs != 1 || got[0].IPv6Backends != 0 {
		t.Errorf("got %+v", got)
	}
	if n := r.host.node.VLANs; len(n) != 1 || n[0].ID != 116 {
		t.Errorf("ncc is told %+v", n)
	}
}

// Why something does not serve, as an operator reads it.
func TestReasons(t *testing.T) {
	anycast := strings.Replace(web("TCP/80 TCP/81", "b1=1.1.1.1"), "192.168.36.1", "192.168.255.1", 1)
	for name, tc := range map[string]struct {
		cluster           string
		do                func(*rig)
		service, backend1 string
	}{
		"no verdict yet": {web("TCP/80", "b1=1.1.1.1"), func(*rig) {},
			"0 of 1 backends healthy, 1 not known yet", "check TCP/80_0: waiting for the first verdict"},
		"unhealthy": {web("TCP/80", "b1=1.1.1.1"), func(r *rig) { r.say(lb.Unhealthy, all) },
			"0 of 1 backends healthy, want one", "check TCP/80_0: unhealthy by test"},
		"below the watermark": {web("TCP/80:high=0.8", "b1=1.1.1.1", "b2=1.1.1.2"), func(r *rig) { r.say(lb.Healthy, of("1.1.1.1")); r.say(lb.Unhealthy, of("1.1.1.2")) },
			"1 of 2 backends healthy, want 0.80", "1 of 2 backends healthy, want 0.80"},
		"serving": {web("TCP/80", "b1=1.1.1.1"), func(r *rig) { r.say(lb.Healthy, all) }, "", ""},
		"anycast neighbour": {anycast, func(r *rig) { r.say(lb.Healthy, port(80)) },
			"IPv4 TCP/81 on the same anycast address is not healthy", "IPv4 TCP/81 on the same anycast address is not healthy"},
		"ncc is away": {web("TCP/80", "b1=1.1.1.1"), func(r *rig) {
			for id := range r.checks {
				r.step(Verdicts{lb.VerdictReport{Verdicts: []lb.Verdict{{ID: id, State: lb.Healthy}}}})
			}
		}, "ncc has not reported it yet", "ncc has not reported it yet"},
		"the kernel refuses the service": {web("TCP/80", "b1=1.1.1.1"), func(r *rig) {
			for id := range r.checks {
				r.step(Verdicts{lb.VerdictReport{Verdicts: []lb.Verdict{{ID: id, State: lb.Healthy}}}})
			}
			r.refuse("service 192.168.36.1:80/TCP", "no such scheduler")
		}, "service 192.168.36.1:80/TCP: no such scheduler", "service 192.168.36.1:80/TCP: no such scheduler"},
		"the kernel refuses the destination": {web("TCP/80", "b1=1.1.1.1"), func(r *rig) {
			for id := range r.checks {
				r.step(Verdicts{lb.VerdictReport{Verdicts: []lb.Verdict{{ID: id, State: lb.Healthy}}}})
			}
			r.refuse("destination 1.1.1.1:80", "table full", lb.ServiceReport{Key: key("192.168.36.1:80/TCP")})
		}, "", "destination 1.1.1.1:80: table full"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, aloneText)
			r.load(tc.cluster)
			tc.do(r)
			s := r.service("web", "IPv4 TCP/80")
			if s.Reason != tc.service || s.Destinations[0].Reason != tc.backend1 {
				t.Errorf("service %q, backend %q; want %q, %q", s.Reason, s.Destinations[0].Reason, tc.service, tc.backend1)
			}
		})
	}
}

// refuse answers the update that is due with a problem.
func (r *rig) refuse(object, reason string, there ...lb.ServiceReport) {
	u, _ := r.core.Update()
	problem := lb.Problem{Object: object, Reason: reason}
	r.step(Applied{lb.Report{Version: u.Version, Vservers: []lb.VserverReport{{Name: "web", Services: there, Problems: []lb.Problem{problem}}}}})
}

// A problem is logged when it is new, and shown as long as it lasts.
func TestProblemsAreLoggedOnce(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	before := len(r.log)
	for range 3 {
		r.refuse("service x", "because")
	}
	if lines := r.log[before:]; len(lines) != 1 || !strings.Contains(lines[0], "because") {
		t.Errorf("logged %q, want one line", lines)
	}
	if v := r.core.Vservers(nil)[0]; len(v.Warnings) != 1 || v.Warnings[0] != "service x: because" {
		t.Errorf("warnings %q", v.Warnings)
	}
	r.step(Applied{r.host.report()})
	if v := r.core.Vservers(nil)[0]; len(v.Warnings) != 0 {
		t.Errorf("mended, but warnings are %q", v.Warnings)
	}
}

func TestCounters(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80 TCP/81", "b2=1.1.1.1", "b1=1.1.1.2"))
	stats := Statistics{key("192.168.36.1:80/TCP"): {
		Counters: lb.Counters{Connections: 7},
		Destinations: []lb.DestinationStatistics{
			{Addr: addr("1.1.1.1"), Port: 80, Counters: lb.Counters{Connections: 3}, Active: 2, Inactive: 1},
			{Addr: addr("1.1.1.2"), Port: 81, Counters: lb.Counters{Connections: 99}},
		},
	}}
	v := r.core.Vservers(stats)[0]
	if s := v.Services[0]; s.Port != 80 || s.Counters.Connections != 7 {
		t.Errorf("service %+v", s)
	}
	d := v.Services[0].Destinations
	if d[0].Backend != "b1" || d[1].Backend != "b2" {
		t.Errorf("destinations %+v are not sorted by backend", d)
	}
	if d[1].Counters.Connections != 3 || d[1].ActiveConn != 2 || d[1].Inactive != 1 || d[0].Counters.Connections != 0 {
		t.Errorf("destinations %+v", d)
	}
	if v.Services[1].Counters.Connections != 0 {
		t.Errorf("counters of another service: %+v", v.Services[1])
	}
}
