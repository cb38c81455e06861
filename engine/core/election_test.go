package core

import (
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// ha reports a role.
func (r *rig) ha(role lb.Role) {
	r.t.Helper()
	r.do(HAReported{lb.HAReport{Role: role, Reason: "test", Transitions: 3, Sent: 4, Received: 5}})
}

// What a role wants of the LB interface.
func TestLinkFollowsRole(t *testing.T) {
	for role, want := range map[lb.Role]lb.Want{
		lb.RoleUnknown: lb.AsFound, lb.RoleLeader: lb.Present, lb.RoleBackup: lb.Absent,
		lb.RoleDisabled: lb.Absent, lb.RoleError: lb.Absent, lb.RoleShutdown: lb.Absent,
		lb.Role(77): lb.AsFound,
	} {
		r := newRig(t, pairedText)
		r.load("")
		r.ha(role)
		if got := r.host.node.Link; got != want {
			t.Errorf("%v: link %v, want %v", role, got, want)
		}
	}
}

// Health and role have nothing to do with each other: a backup has everything
// but the link.
func TestBackupHasTheWholeTable(t *testing.T) {
	r := newRig(t, pairedText)
	r.load(resolver)
	r.ha(lb.RoleBackup)
	r.say(lb.Healthy, all)
	backup := r.host.String()
	r.ha(lb.RoleLeader)
	same(t, "table of the leader", r.host.String(), backup)
	if len(r.host.there) != 4 {
		t.Errorf("host has %s", r.host)
	}
}

// masterDown of the rig's node: 3 adverts of 200 ms and the skew of priority 254.
const masterDown200 = 600*time.Millisecond + 2*200*time.Millisecond/256

func TestSilentHA(t *testing.T) {
	for name, tc := range map[string]struct {
		node string
		role lb.Role
		want lb.Want // long after ha's last word
	}{
		"leader with a peer": {pairedText, lb.RoleLeader, lb.Absent},
		"backup with a peer": {pairedText, lb.RoleBackup, lb.Absent},
		"never heard":        {pairedText, lb.RoleUnknown, lb.AsFound},
		"leader alone":       {aloneText, lb.RoleLeader, lb.Present},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.node)
			r.load("")
			r.ha(tc.role)
			before := r.host.node.Link
			r.pass(2*masterDown200 - 1)
			if got := r.host.node.Link; got != before {
				t.Errorf("before two master-down intervals: link %v, want %v", got, before)
			}
			r.pass(1)
			if got := r.host.node.Link; got != tc.want {
				t.Errorf("after two master-down intervals: link %v, want %v", got, tc.want)
			}
			r.pass(time.Hour)
			if got := r.host.node.Link; got != tc.want {
				t.Errorf("an hour later: link %v, want %v", got, tc.want)
			}
		})
	}
}

func TestSilentHAIsToldAndComesBack(t *testing.T) {
	r := newRig(t, pairedText)
	r.load("")
	r.ha(lb.RoleLeader)
	r.pass(time.Hour)
	if v := r.core.HAView(); v.State != lb.RoleUnknown || !strings.Contains(v.Reason, "ha is silent") || v.LastUpdate != begin {
		t.Errorf("view %+v, want unknown with the reason and ha's last word", v)
	}
	if d, _ := r.core.Directive(r.now); d.Led || d.SinceWord != time.Hour {
		t.Errorf("directive %+v: the lead was given up", d)
	}
	r.ha(lb.RoleUnknown) // restarted, undecided
	if got := r.host.node.Link; got != lb.Absent {
		t.Errorf("undecided after it was lost: link %v, want it down still", got)
	}
	r.ha(lb.RoleLeader)
	if v := r.core.HAView(); r.host.node.Link != lb.Present || v.State != lb.RoleLeader || v.Sent != 4 || v.Received != 5 || v.Transitions != 3 {
		t.Errorf("back: link %v, view %+v", r.host.node.Link, v)
	}
}

// A restarted ha that has not decided yet changes nothing, and is told what it
// needs to resume.
func TestRestartedHAKeepsTheRole(t *testing.T) {
	r := newRig(t, pairedText)
	r.load("")
	r.ha(lb.RoleLeader)
	r.pass(300 * time.Millisecond)
	r.ha(lb.RoleUnknown)
	if r.host.node.Link != lb.Present || r.core.HAView().State != lb.RoleLeader {
		t.Errorf("link %v, view %+v; want the lead kept", r.host.node.Link, r.core.HAView())
	}
	d, ok := r.core.Directive(r.now)
	if !ok || !d.Led || d.SinceWord != 300*time.Millisecond {
		t.Errorf("directive %+v, want led, 300ms since ha's last word", d)
	}
	// Being undecided is no word: silence counts from the last role.
	r.pass(2*masterDown200 - 300*time.Millisecond)
	if r.host.node.Link != lb.Absent {
		t.Errorf("link %v, want it down two master-down intervals after the last role", r.host.node.Link)
	}
}

// Every report in time keeps the role for ever.
func TestSteadyReportsKeepTheRole(t *testing.T) {
	r := newRig(t, pairedText)
	r.load("")
	r.ha(lb.RoleLeader)
	logged := len(r.log)
	for range 100 {
		r.pass(200 * time.Millisecond)
		r.ha(lb.RoleLeader)
		if r.host.node.Link != lb.Present {
			t.Fatalf("link %v after %v", r.host.node.Link, r.now.Sub(begin))
		}
	}
	if len(r.log) != logged {
		t.Errorf("a steady role is logged: %v", r.log[logged:])
	}
}

// After a restart of the engine, who led is read from how ncc found the link.
func TestLedAfterRestartOfTheEngine(t *testing.T) {
	for name, tc := range map[string]struct{ foundUp, up, led bool }{
		"raised by us and up": {true, true, true},
		"down":                {false, false, false},
		"up, not by us":       {false, true, false},
		"lowered since":       {true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, pairedText)
			r.host.foundUp, r.host.linkUp = tc.foundUp, tc.up
			if _, ok := r.core.Directive(r.now); ok || r.core.Ready() {
				t.Error("a directive before any config")
			}
			r.step(Load{Cluster: parseCluster(t, "")})
			if r.core.Ready() {
				t.Error("ready before ncc has said how it found the link")
			}
			directed := r.directed
			r.settle()
			if !r.core.Ready() || r.directed == directed {
				t.Error("ncc's first word makes the core ready, and ha must hear of it")
			}
			d, ok := r.core.Directive(r.now)
			if !ok || d.Led != tc.led || d.SinceWord != time.Hour {
				t.Errorf("directive %+v, want led %v, long ago", d, tc.led)
			}
			if r.host.linkUp != tc.up {
				t.Error("the link was changed before the role is known")
			}
		})
	}
}

func TestHAConfig(t *testing.T) {
	four := lb.HAConfig{
		Enabled: true, Interface: "eth0", LBInterface: "eth1", Local: addr("192.168.10.2"), Group: addr("224.0.0.18"),
		Peer: true, VRID: 60, Priority: 254, Interval: 200 * time.Millisecond, VIPs: nil,
	}
	four.VIPs = append(four.VIPs, addr("192.168.10.1"))
	six := four
	six.Local, six.Group, six.Peer = addr("2012::2"), addr("ff02::12"), false
	six.VIPs = append(six.VIPs[:0:0], addr("2012::100"))
	for name, tc := range map[string]struct {
		node string
		want lb.HAConfig
	}{
		"IPv4 where there is both": {pairedText, four},
		"IPv6 alone":               {strings.NewReplacer("node_ipv4 = 192.168.10.2\n", "", "vip_ipv4 = 192.168.10.1\n", "").Replace(aloneText), six},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.node)
			r.load("")
			d, _ := r.core.Directive(r.now)
			tc.want.VRID, tc.want.Preempt = r.core.cfg.Node.VRID, r.core.cfg.Node.Preempt
			same(t, "config", d.Config, tc.want)
		})
	}
}

// ha hears of a config only if it changes something for it.
func TestDirectWhenTheElectionChanges(t *testing.T) {
	r := newRig(t, pairedText)
	r.load("")
	before := r.directed
	r.load(web("TCP/80", "b1=1.1.1.1"))
	if r.directed != before {
		t.Error("ha is told although nothing changed for it")
	}
	c, err := parseClusterText(strings.Replace(clusterHead, `"2012::2/64" status: PRODUCTION`, `"2012::2/64" status: DISABLED`, 1))
	if err != nil {
		t.Fatal(err)
	}
	r.do(Load{Cluster: c})
	if r.directed != before+1 {
		t.Error("ha is not told that this node takes no part any more")
	}
}

func TestFailover(t *testing.T) {
	for name, tc := range map[string]struct {
		node    string
		role    lb.Role
		refused string
	}{
		"leader":  {pairedText, lb.RoleLeader, ""},
		"backup":  {pairedText, lb.RoleBackup, "this node is BACKUP"},
		"unknown": {pairedText, lb.RoleUnknown, "this node is UNKNOWN"},
		"alone":   {aloneText, lb.RoleLeader, "no peer"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.node)
			r.load("")
			r.ha(tc.role)
			directed := r.directed
			effects, err := r.core.Failover(r.now)
			r.take(effects)
			if tc.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refused) || r.directed != directed {
					t.Errorf("got %v, effects %v; want a refusal with %q", err, effects, tc.refused)
				}
				return
			}
			if err != nil || r.directed != directed+1 {
				t.Fatalf("got %v, directed %d times", err, r.directed-directed)
			}
			if d, _ := r.core.Directive(r.now); !d.Failover {
				t.Error("the directive does not ask for it")
			}
			if d, _ := r.core.Directive(r.now); d.Failover {
				t.Error("the next directive asks again")
			}
		})
	}
}

// A request that nobody has fetched does not strike a later lead.
func TestFailoverIsForThisLeadOnly(t *testing.T) {
	for name, loses := range map[string]func(*rig){
		"backup by itself": func(r *rig) { r.ha(lb.RoleBackup) },
		"silent":           func(r *rig) { r.pass(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, pairedText)
			r.load("")
			r.ha(lb.RoleLeader)
			if _, err := r.core.Failover(r.now); err != nil {
				t.Fatal(err)
			}
			loses(r)
			r.ha(lb.RoleLeader)
			if d, _ := r.core.Directive(r.now); d.Failover {
				t.Error("a later lead is given up for an old request")
			}
		})
	}
}
