package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

const bothUp = `service 192.168.36.1:80/TCP rr
  1.1.1.1:80 DSR weight 1
  1.1.1.2:80 DSR weight 1
`

// From the config to the kernel and back through every layer, as health changes.
func TestHealthReachesTheKernel(t *testing.T) {
	r := started(t, nodeText, head+web+dns)
	r.tableIs(dnsUp) // it has no checks
	hc := r.join(healthy)
	r.tableIs(bothUp + dnsUp)
	hc.say(without("1.1.1.2"))
	r.tableIs("service 192.168.36.1:80/TCP rr 1.1.1.1:80 DSR weight 1 " + dnsUp)
	hc.say(func(lb.Check) lb.Health { return lb.Unhealthy })
	r.tableIs(dnsUp)
	hc.say(healthy)
	r.tableIs(bothUp + dnsUp)
	hc.leave()
	r.write(head + web)
	if err := r.client.ConfigReload(r.ctx()); err != nil {
		t.Fatal(err)
	}
	r.tableIs(bothUp) // its last verdicts hold
}

func TestRoleMovesTheLink(t *testing.T) {
	r := started(t, nodeText, head+web)
	ha := r.joinHA()
	if d := ha.next(t); d.Led || !d.Config.Enabled || !d.Config.Peer || d.Config.Priority != 254 || d.Config.Interface != "eth0" {
		t.Errorf("first directive %+v", d)
	}
	up := func() bool { return r.kernel.LinkUp("eth1") }
	down := func() bool { return !r.kernel.LinkUp("eth1") }
	for _, step := range []struct {
		role lb.Role
		want func() bool
	}{{lb.RoleLeader, up}, {lb.RoleBackup, down}, {lb.RoleLeader, up}, {lb.RoleShutdown, down}} {
		ha.report(t, step.role)
		r.eventually(fmt.Sprintf("the link follows %v", step.role), step.want)
	}
	v, err := r.client.HAStatus(r.ctx())
	if err != nil || v.State != lb.RoleShutdown || v.Reason != "says the test" {
		t.Errorf("status %+v, %v", v, err)
	}
}

func TestSilentHAGivesUpTheLead(t *testing.T) {
	r := started(t, nodeText, head+web)
	ha := r.joinHA()
	ha.report(t, lb.RoleLeader)
	r.eventually("the link is up", func() bool { return r.kernel.LinkUp("eth1") })
	r.eventually("the link is down again", func() bool { return !r.kernel.LinkUp("eth1") })
	if v, err := r.client.HAStatus(r.ctx()); err != nil || v.State != lb.RoleUnknown || !strings.Contains(v.Reason, "ha is silent") {
		t.Errorf("status %+v, %v", v, err)
	}
}

func TestFailover(t *testing.T) {
	r := started(t, nodeText, head+web)
	ha := r.joinHA()
	if err := r.client.Failover(r.ctx()); err == nil || !strings.Contains(err.Error(), "this node is UNKNOWN") {
		t.Errorf("before ha has a role: %v", err)
	}
	ha.report(t, lb.RoleLeader)
	r.eventually("we lead", func() bool { return r.kernel.LinkUp("eth1") })
	if err := r.client.Failover(r.ctx()); err != nil {
		t.Fatal(err)
	}
	for !ha.next(t).Failover {
	}
	if d := ha.next(t); d.Failover {
		t.Error("asked twice")
	}
}

// ncc goes and comes back: what has changed meanwhile reaches the kernel, and
// one line says each.
func TestNCCAwayAndBack(t *testing.T) {
	r := started(t, nodeText, head+web)
	hc := r.join(healthy)
	r.tableIs(bothUp)
	r.stopNCC()
	hc.say(without("1.1.1.1"))
	r.wire.take()
	r.eventually("several tries", func() bool { r.wire.mu.Lock(); defer r.wire.mu.Unlock(); return len(r.wire.updates) > 3 })
	for i, u := range r.wire.take() {
		if i > 0 && !u.Full {
			t.Errorf("try %d is a delta: what ncc has is not known", i)
		}
	}
	if s := r.service("web"); !strings.Contains(s.Destinations[0].Reason, "says the test") {
		t.Errorf("the view does not go on without ncc: %+v", s.Destinations[0])
	}
	r.startNCC()
	r.tableIs("service 192.168.36.1:80/TCP rr 1.1.1.2:80 DSR weight 1")
	r.eventually("the log says so", func() bool { return strings.Contains(r.log.String(), "ncc answers again") })
	if n := strings.Count(r.log.String(), "ncc did not take the wanted network"); n != 1 {
		t.Errorf("%d lines say that ncc is away, want 1", n)
	}
}

// A restarted ncc that the engine has not missed asks for everything.
func TestNCCRestartedUnseen(t *testing.T) {
	r := started(t, nodeText, head+web)
	r.join(healthy)
	r.tableIs(bothUp)
	r.stopNCC()
	r.kernel.TakeOps()
	r.startNCC()
	r.wire.take()
	r.eventually("a full update", func() bool {
		return slices.ContainsFunc(r.wire.take(), func(u lb.Update) bool { return u.Full })
	})
	r.tableIs(bothUp)
	for _, op := range r.kernel.TakeOps() {
		if strings.Contains(op, "1.1.1.") || strings.Contains(op, "192.168.36.1") {
			t.Errorf("traffic was touched: %s", op)
		}
	}
}

// A restarted engine leaves the table as it is until it knows better.
func TestEngineRestartKeepsTheTable(t *testing.T) {
	r := started(t, nodeText, head+web)
	r.join(without("1.1.1.2"))
	const half = "service 192.168.36.1:80/TCP rr 1.1.1.1:80 DSR weight 1"
	r.tableIs(half)
	ha := r.joinHA()
	ha.report(t, lb.RoleLeader)
	r.eventually("we lead", func() bool { return r.kernel.LinkUp("eth1") })
	r.stop()
	r.kernel.TakeOps()

	r.start()
	if d := r.joinHA().next(t); !d.Led {
		t.Errorf("ha is told %+v, want that this node led", d)
	}
	r.eventually("the service is seen", func() bool { return r.service("web").Active })
	if ops := r.kernel.TakeOps(); len(ops) > 0 {
		t.Errorf("the restart did %v", ops)
	}
	if !r.kernel.LinkUp("eth1") {
		t.Error("the link went down")
	}
	r.tableIs(half)
	r.join(healthy)
	r.tableIs(bothUp)
}

// service reads a vserver's only service.
func (r *rig) service(vserver string) lb.ServiceView {
	r.t.Helper()
	list, err := r.client.Vservers(r.ctx())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range list {
		if v.Name == vserver && len(v.Services) == 1 {
			return v.Services[0]
		}
	}
	return lb.ServiceView{}
}

func TestViews(t *testing.T) {
	r := started(t, nodeText, head+`vlan < vlan_id: 116 host < fqdn: "vlan116" ipv4: "192.168.36.9/24" > >`+web+dns)
	r.join(healthy)
	r.tableIs(bothUp + "\nservice 192.168.36.2:53/UDP rr 1.1.1.3:53 DSR weight 1")
	cluster, err := r.client.ClusterStatus(r.ctx())
	if err != nil || cluster.Site != "test" || cluster.Version != "test" || len(cluster.Nodes) != 2 || !cluster.Nodes[0].Local {
		t.Errorf("cluster %+v, %v", cluster, err)
	}
	vlans, err := r.client.VLANs(r.ctx())
	if err != nil || len(vlans) != 1 || vlans[0].ID != 116 || vlans[0].IPv4VIPs != 2 {
		t.Errorf("VLANs %+v, %v", vlans, err)
	}
	if list, err := r.client.BGPNeighbors(r.ctx()); err != nil || len(list) != 0 {
		t.Errorf("BGP neighbours %+v, %v", list, err)
	}
	conf, err := r.client.ConfigStatus(r.ctx())
	if err != nil || conf.Source != "disk" || conf.InUse != "disk" || conf.Reason != "" || conf.LoadedAt.IsZero() {
		t.Errorf("config %+v, %v", conf, err)
	}
	r.eventually("all is active", func() bool {
		s := r.service("web")
		return s.Active && s.Healthy && s.Reason == "" && s.Destinations[0].Active && s.Destinations[1].Active
	})
}

func TestCountersReachTheView(t *testing.T) {
	r := started(t, nodeText, head+dns)
	r.eventually("the service is there", func() bool { return r.table() != "" })
	list, err := r.client.Vservers(r.ctx())
	if err != nil {
		t.Fatal(err)
	}
	vip, d := list[0].IPv4.Addr(), list[0].Services[0].Destinations[0]
	r.kernel.SetStatistics(lb.ServiceStatistics{
		Key:          lb.ServiceKey{Family: lb.IPv4, Protocol: lb.UDP, Addr: vip, Port: 53},
		Counters:     lb.Counters{Connections: 7},
		Destinations: []lb.DestinationStatistics{{Addr: d.Addr, Port: 53, Active: 3}},
	})
	r.eventually("counters are shown, a second old at most", func() bool {
		s := r.service("dns")
		return s.Counters.Connections == 7 && s.Destinations[0].ActiveConn == 3
	})
	r.stopNCC()
	r.eventually("without ncc there are no counters but a view", func() bool {
		s := r.service("dns")
		return s.Port == 53 && s.Counters.Connections == 0
	})
}

func TestOverrides(t *testing.T) {
	r := started(t, nodeText, head+dns)
	const up = "service 192.168.36.2:53/UDP rr 1.1.1.3:53 DSR weight 1"
	r.tableIs(up)
	if err := r.client.OverrideVserver(r.ctx(), "dns", lb.OverrideDisabled); err != nil {
		t.Fatal(err)
	}
	r.tableIs("")
	r.stop()
	if data, err := os.ReadFile(filepath.Join(r.node.StateDir, overridesFile)); err != nil || !strings.Contains(string(data), `"vserver": "dns"`) {
		t.Errorf("saved %s, %v", data, err)
	}
	r.start()
	if s := r.service("dns"); s.Enabled || s.Reason != "disabled by an override" {
		t.Errorf("after a restart: %+v", s)
	}
	if err := r.client.OverrideVserver(r.ctx(), "dns", lb.OverrideDefault); err != nil {
		t.Fatal(err)
	}
	r.tableIs(up)
}

func TestOverridesThatAreRefused(t *testing.T) {
	r := started(t, nodeText, head+dns)
	r.eventually("the service is there", func() bool { return r.table() != "" })
	for name, tc := range map[string]struct {
		vserver string
		state   lb.Override
		want    string
	}{
		"unknown vserver": {"nobody", lb.OverrideDisabled, `no vserver "nobody"`},
		"no name":         {"", lb.OverrideDisabled, `no vserver ""`},
		"odd name":        {"dns\x00\n", lb.OverrideDisabled, `no vserver "dns\x00\n"`},
		"unknown state":   {"dns", 3, "override state 3"},
		"far state":       {"dns", 255, "override state 255"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.client.OverrideVserver(r.ctx(), tc.vserver, tc.state); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if s := r.service("dns"); !s.Enabled {
		t.Errorf("something was overridden: %+v", s)
	}
}

// A healthcheck that joins again is told the whole set.
func TestHealthcheckJoinsAgain(t *testing.T) {
	r := started(t, nodeText, head+web)
	for range 3 {
		hc := r.join(healthy)
		r.eventually("the whole set", func() bool { checks, full := hc.count(); return checks == 2 && full == 1 })
		hc.leave()
	}
	r.eventually("the engine forgets who has left", func() bool {
		left := -1
		r.engine.on(r.ctx(), func(time.Time) { left = len(r.engine.checks) })
		return left == 0
	})
}

func TestChangesReachHealthcheck(t *testing.T) {
	r := started(t, nodeText, head+web)
	hc := r.join(healthy)
	r.eventually("the whole set", func() bool { checks, _ := hc.count(); return checks == 2 })
	r.write(head + web + strings.NewReplacer(`"web"`, `"web2"`, "192.168.36.1", "192.168.36.3", "1.1.1.2", "1.1.1.4").Replace(web))
	if err := r.client.ConfigReload(r.ctx()); err != nil {
		t.Fatal(err)
	}
	r.eventually("one more", func() bool { checks, full := hc.count(); return checks == 3 && full == 1 })
	r.write(head)
	if err := r.client.ConfigReload(r.ctx()); err != nil {
		t.Fatal(err)
	}
	r.eventually("none left", func() bool { checks, full := hc.count(); return checks == 0 && full == 1 })
}

func TestNewRefuses(t *testing.T) {
	r := newRig(t, nodeText, "")
	for name, tc := range map[string]func() (*Engine, error){
		"no node config": func() (*Engine, error) { return New(Config{}, r.wire, r.log.logger()) },
		"no ncc":         func() (*Engine, error) { return New(Config{Node: r.node}, nil, r.log.logger()) },
		"no log":         func() (*Engine, error) { return New(Config{Node: r.node}, r.wire, nil) },
	} {
		if e, err := tc(); err == nil || e != nil {
			t.Errorf("%s: got %v, %v", name, e, err)
		}
	}
}

// A listener that breaks ends the engine with the reason.
func TestRunEndsWithItsListener(t *testing.T) {
	r := started(t, nodeText, head+dns)
	e, err := New(Config{Node: r.node, ClusterFile: r.file()}, r.wire, r.log.logger())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context(), brokenListener{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}
