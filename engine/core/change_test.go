package core

import (
	"fmt"
	"strings"
	"testing"

	"seesaw/internal/lb"
)

// disabled is a vserver with another status.
func status(cluster, status string) string {
	return strings.Replace(cluster, "status: PRODUCTION >", "status: "+status+" >", 1)
}

// The effective state of a vserver: what an operator says is above its config.
func TestEnabledBy(t *testing.T) {
	for name, tc := range map[string]struct {
		status   string
		override lb.Override
		enabled  bool
		reason   string
	}{
		"production":            {"PRODUCTION", lb.OverrideDefault, true, ""},
		"testing":               {"TESTING", lb.OverrideDefault, true, ""},
		"config off":            {"DISABLED", lb.OverrideDefault, false, "its address has status DISABLED in the config"},
		"building":              {"BUILDING", lb.OverrideDefault, false, "its address has status BUILDING in the config"},
		"override off":          {"PRODUCTION", lb.OverrideDisabled, false, "disabled by an override"},
		"override on":           {"PRODUCTION", lb.OverrideEnabled, true, ""},
		"config off, on by us":  {"DISABLED", lb.OverrideEnabled, true, ""},
		"config off, off by us": {"DISABLED", lb.OverrideDisabled, false, "disabled by an override"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, aloneText)
			r.load(status(web("TCP/80", "b1=1.1.1.1"), tc.status))
			r.do(Override{"web", tc.override})
			r.say(lb.Healthy, all)
			v := r.core.Vservers(nil)[0]
			s := v.Services[0]
			if v.Enabled != tc.enabled || s.Enabled != tc.enabled || s.Active != tc.enabled || s.Destinations[0].Active != tc.enabled {
				t.Errorf("got %+v, want enabled %v", v, tc.enabled)
			}
			if s.Reason != tc.reason || v.Override != tc.override {
				t.Errorf("reason %q, override %v; want %q, %v", s.Reason, v.Override, tc.reason, tc.override)
			}
			if on := len(r.host.vips) == 1; on != tc.enabled {
				t.Errorf("address is there: %v", on)
			}
		})
	}
}

func TestDisableAndOverrideSequence(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(resolver)
	r.say(lb.Healthy, all)
	up := r.host.String()
	check := func(step, want string, checks int) {
		t.Helper()
		same(t, step, r.host.String(), want)
		if len(r.checks) != checks {
			t.Errorf("%s: %d checks, want %d", step, len(r.checks), checks)
		}
		if n := len(r.core.Vservers(nil)[0].Services); n != 4 {
			t.Errorf("%s: %d services to see, want 4", step, n)
		}
	}
	r.load(status(resolver, "DISABLED"))
	check("config disabled", "", 0)
	r.say(lb.Healthy, all) // nothing is checked: nothing to say
	check("verdicts while disabled", "", 0)
	r.load(resolver)
	r.say(lb.Healthy, all)
	check("config enabled", up, 20)
	r.do(Override{resolverName, lb.OverrideDisabled})
	check("override disabled", "", 0)
	r.do(Override{resolverName, lb.OverrideDefault})
	r.say(lb.Healthy, all)
	check("override removed", up, 20)
	r.load(status(resolver, "DISABLED"))
	r.do(Override{resolverName, lb.OverrideEnabled})
	r.say(lb.Healthy, all)
	check("config disabled, override enabled", up, 20)
	r.load(resolver)
	check("config enabled too", up, 20)
	r.do(Override{resolverName, lb.OverrideDefault})
	check("override no longer needed", up, 20)
}

// One vserver through a series of configs: only what changed changes. Health of
// what stays is kept, so nothing that can go on is taken down.
func TestUpdateSequence(t *testing.T) {
	const (
		b1  = `backend < host < fqdn: "dns1-1" ipv4: "192.168.37.2/26" status: PRODUCTION > >`
		b2  = `backend < host < fqdn: "dns1-2" ipv4: "192.168.37.3/26" status: PRODUCTION > >`
		hc  = `healthcheck < type: HTTP mode: DSR >`
		udp = `vserver_entry < protocol: UDP port: 53 persistence: 100 ` + hc + ` >`
		tcp = `vserver_entry < protocol: TCP port: 53 persistence: 100 ` + hc + ` >`
	)
	vserver := func(ip string, parts ...string) string {
		return fmt.Sprintf(`vserver < name: "dns" rp: "x" entry_address < fqdn: "dns" ipv4: %q status: PRODUCTION > %s >`, ip, strings.Join(parts, "\n"))
	}
	long := strings.NewReplacer("persistence: 100", "persistence: 1000")
	off := strings.NewReplacer("PRODUCTION", "DISABLED")
	notTCP2 := func(c lb.Check) bool { return !both(of("192.168.37.3"), port(53))(c) }

	r := newRig(t, aloneText)
	for _, step := range []struct {
		name   string
		config string
		health func(lb.Check) bool // those that are now healthy
		checks int
		want   string
	}{
		{"one service", vserver("192.168.255.1/24", udp, b1), all, 1, `
			vip 192.168.255.1
			192.168.255.1:53/UDP
			  192.168.37.2:53
		`},
		// The probe of both ports is the same, so it is run once. The new
		// destinations wait for their verdict, and with them the new service.
		{"second port and backend", vserver("192.168.255.1/24", udp, tcp, b1, b2), nil, 2, `
			vip 192.168.255.1
			192.168.255.1:53/UDP
			  192.168.37.2:53
			192.168.255.1:53/TCP
			  192.168.37.2:53
		`},
		{"the same, first backend healthy", "", notTCP2, 2, `
			vip 192.168.255.1
			192.168.255.1:53/TCP
			  192.168.37.2:53
			192.168.255.1:53/UDP
			  192.168.37.2:53
		`},
		{"all healthy", "", all, 2, `
			vip 192.168.255.1
			192.168.255.1:53/TCP
			  192.168.37.2:53
			  192.168.37.3:53
			192.168.255.1:53/UDP
			  192.168.37.2:53
			  192.168.37.3:53
		`},
		{"persistence, other host name for the address", vserver("192.168.255.1/24", long.Replace(udp), long.Replace(tcp),
			strings.Replace(b2, "dns1-2", "dns1-9", 1)), nil, 1, `
			vip 192.168.255.1
			192.168.255.1:53/TCP
			  192.168.37.3:53
			192.168.255.1:53/UDP
			  192.168.37.3:53
		`},
		// The probe goes to the address, so its verdict cannot be known yet.
		{"other address", vserver("192.168.255.99/24", udp, tcp, b2), nil, 1, ``},
		{"other address, healthy", "", all, 1, `
			vip 192.168.255.99
			192.168.255.99:53/TCP
			  192.168.37.3:53
			192.168.255.99:53/UDP
			  192.168.37.3:53
		`},
		// Checks change: all stay as found until there are verdicts.
		{"other checks", vserver("192.168.255.99/24", strings.Replace(udp, hc, `healthcheck < type: DNS send: "a" receive: "1.1.1.1" >`, 1),
			strings.Replace(tcp, hc, "", 1), b2, `healthcheck < type: HTTPS port: 16767 >`), nil, 2, `
			vip 192.168.255.99
			192.168.255.99:53/TCP
			  192.168.37.3:53
			192.168.255.99:53/UDP
			  192.168.37.3:53
		`},
		{"unicast, one port", vserver("192.168.36.1/26", udp, b1), all, 1, `
			vip 192.168.36.1
			192.168.36.1:53/UDP
			  192.168.37.2:53
		`},
		{"all backends disabled", vserver("192.168.36.1/26", udp, tcp, off.Replace(b1), off.Replace(b2)), all, 0, `
			vip 192.168.36.1
		`},
		{"one back", vserver("192.168.36.1/26", udp, tcp, b1), all, 1, `
			vip 192.168.36.1
			192.168.36.1:53/TCP
			  192.168.37.2:53
			192.168.36.1:53/UDP
			  192.168.37.2:53
		`},
		{"other mode", vserver("192.168.36.1/26", udp, strings.Replace(tcp, "port: 53", "port: 53 mode: NAT", 1), b1), nil, 1, `
			vip 192.168.36.1
			192.168.36.1:53/TCP
			  192.168.37.2:53
			192.168.36.1:53/UDP
			  192.168.37.2:53
		`},
	} {
		if step.config != "" {
			r.load(step.config)
		}
		if step.health != nil {
			r.say(lb.Healthy, step.health)
		}
		t.Run(step.name, func(t *testing.T) {
			if len(r.checks) != step.checks {
				t.Errorf("%d checks, want %d", len(r.checks), step.checks)
			}
			got, want := strings.Split(r.host.String(), "\n"), strings.Split(text(step.want), "\n")
			same(t, "host", sortedBlocks(got), sortedBlocks(want))
		})
	}
	for _, s := range r.host.wanted["dns"].Services {
		if want := map[lb.Protocol]lb.Mode{lb.TCP: lb.NAT, lb.UDP: lb.DSR}[s.Key.Protocol]; s.Destinations[0].Mode != want {
			t.Errorf("mode of %v is %v, want %v", s.Key, s.Destinations[0].Mode, want)
		}
	}
}

// sortedBlocks makes one string of each service with its destinations, by key.
func sortedBlocks(lines []string) map[string]string {
	blocks, last := map[string]string{}, ""
	for _, l := range lines {
		if strings.HasPrefix(l, " ") {
			blocks[last] += l
		} else if l != "" {
			last = l
			blocks[last] = ""
		}
	}
	return blocks
}

// Which addresses are there as one vserver moves.
func TestReIP(t *testing.T) {
	at := func(ip string) string {
		return strings.Replace(web("TCP/80", "b1=1.1.1.1"), "192.168.36.1", ip, 1)
	}
	r := newRig(t, aloneText)
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"unicast", func() { r.load(at("192.168.36.1")) }, "vip 192.168.36.1"},
		{"moved", func() { r.load(at("192.168.36.5")) }, "vip 192.168.36.5"},
		{"unhealthy", func() { r.say(lb.Unhealthy, all) }, "vip 192.168.36.5"},
		{"disabled", func() { r.load(status(at("192.168.36.5"), "DISABLED")) }, ""},
		{"to anycast, not known", func() { r.load(at("192.168.255.1")) }, ""},
		{"unhealthy", func() { r.say(lb.Unhealthy, all) }, ""},
		{"healthy", func() { r.say(lb.Healthy, all) }, "vip 192.168.255.1"},
		{"disabled", func() { r.load(status(at("192.168.255.1"), "DISABLED")) }, ""},
		{"back", func() { r.load(at("192.168.36.1")) }, "vip 192.168.36.1"},
	} {
		step.do()
		got, _, _ := strings.Cut(r.host.String(), "\n")
		if got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

// A plain probe goes to the backend: its verdict holds when the service moves.
func TestPlainVerdictOutlivesAMove(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.say(lb.Healthy, all)
	r.load(strings.Replace(web("TCP/80", "b1=1.1.1.1"), "192.168.36.1", "192.168.36.5", 1))
	same(t, "host", r.host.String(), text(`
		vip 192.168.36.5
		192.168.36.5:80/TCP
		  1.1.1.1:80
	`))
}

// The same config again tells nobody anything about vservers.
func TestSameConfigAgain(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(resolver)
	r.say(lb.Healthy, all)
	directed, before := r.directed, r.host.String()
	effects := r.step(Load{Cluster: parseCluster(t, resolver)})
	for _, e := range effects {
		switch e.(type) {
		case SetChecks, SaveMarks, Direct:
			t.Errorf("effect %+v of a config that says the same", e)
		}
	}
	if u, _ := r.core.Update(); len(u.Changed)+len(u.Removed) > 0 || u.Full {
		t.Errorf("update %+v, want the node part alone", u)
	}
	if r.directed != directed || r.host.String() != before {
		t.Error("something changed")
	}
}

// A node whose own status keeps it from serving serves nothing.
func TestNodeThatDoesNotServe(t *testing.T) {
	r := newRig(t, aloneText)
	cluster := parseCluster(t, web("TCP/80", "b1=1.1.1.1"))
	r.do(Load{Cluster: cluster})
	r.say(lb.Healthy, all)
	standby, err := parseClusterText(strings.Replace(clusterHead, `"2012::2/64" status: PRODUCTION`, `"2012::2/64" status: STANDBY`, 1) + web("TCP/80", "b1=1.1.1.1"))
	if err != nil {
		t.Fatal(err)
	}
	r.do(Load{Cluster: standby})
	if v := r.core.Vservers(nil)[0]; v.Enabled || r.host.String() != "" || !strings.Contains(v.Services[0].Reason, "this node has status STANDBY") {
		t.Errorf("standby: %+v, host %s", v, r.host)
	}
	if d, ok := r.core.Directive(r.now); !ok || d.Config.Enabled {
		t.Errorf("directive %+v, want the election off", d)
	}
	r.do(Load{Cluster: cluster})
	r.say(lb.Healthy, all)
	if !r.core.Vservers(nil)[0].Services[0].Active {
		t.Error("does not serve in production again")
	}
}

func TestClusterWithoutThisNode(t *testing.T) {
	r := newRig(t, aloneText)
	stranger, err := parseClusterText(strings.ReplaceAll(strings.ReplaceAll(clusterHead, "192.168.10.2/", "192.168.10.99/"), "2012::2/", "2012::99/"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.core.Accept(stranger); err == nil || !strings.Contains(err.Error(), "192.168.10.2") {
		t.Errorf("got %v, want a refusal that names our address", err)
	}
	if err := r.core.Accept(parseCluster(t, "")); err != nil {
		t.Error(err)
	}
}
