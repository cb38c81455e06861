//go:build lab

package pair_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// unmoved runs f under load and demands that nothing is lost and that the lead
// stays where it is.
func (p *pair) unmoved(t *testing.T, what string, f func()) {
	t.Helper()
	began := time.Now()
	r := p.UnderLoad(t, lab.Every, f)
	t.Logf("%s: %v", what, r)
	if r.Lost != 0 && !r.Disturbed() {
		t.Errorf("%s: %d of %d connections lost", what, r.Lost, r.Sent)
	}
	if s := p.leads.Since(began); s.TakeOver+s.GaveUp != 0 {
		t.Errorf("%s: %v; want no change", what, s)
	}
}

// eachDaemon does f for every daemon of the leader, then of the backup.
func (p *pair) eachDaemon(t *testing.T, f func(n *site.Node, role, daemon string)) {
	t.Helper()
	leader, backup := p.roles(t)
	for _, daemon := range site.Daemons {
		f(leader, "LEADER", daemon)
	}
	for _, daemon := range site.Daemons {
		f(backup, "BACKUP", daemon)
	}
}

// TestKillEachDaemon: neither traffic nor the lead notices that a daemon dies on
// either node.
func TestKillEachDaemon(t *testing.T) {
	p := newPair(t, standard)
	p.eachDaemon(t, func(n *site.Node, role, daemon string) {
		p.unmoved(t, fmt.Sprintf("kill -9 of %s on the %s", daemon, role), func() {
			n.KillAndWait(t, daemon)
			n.WaitRole(t, role)
		})
	})
}

// pause stops a daemon for a second.
func pause(t *testing.T, n *site.Node, daemon string) {
	t.Helper()
	pid := n.PID(t, daemon)
	n.Run(t, "sh", "-c", "kill -STOP "+pid+"; sleep 1; kill -CONT "+pid)
}

// TestPauseEachDaemon: nor that one is not scheduled for a second. The leader's ha
// and engine, which hold the lead, have tests of their own.
func TestPauseEachDaemon(t *testing.T) {
	p := newPair(t, standard)
	p.eachDaemon(t, func(n *site.Node, role, daemon string) {
		if role == "LEADER" && (daemon == "ha" || daemon == "engine") {
			return
		}
		p.unmoved(t, fmt.Sprintf("%s paused on the %s", daemon, role), func() {
			pause(t, n, daemon)
			n.WaitRole(t, role)
		})
	})
}

// TestPauseTheLeadersHA: a second is longer than the master-down interval, so the
// other node takes over, once, and the paused one finds itself backup.
func TestPauseTheLeadersHA(t *testing.T) {
	p := newPair(t, standard)
	leader, backup := p.roles(t)
	began := time.Now()
	r := p.UnderLoad(t, lab.Every, func() {
		pause(t, leader, "ha")
		p.waitLeader(t, backup)
		leader.WaitRole(t, "BACKUP")
	})
	s := p.leads.Since(began)
	t.Logf("the leader's ha paused: %v; %v", r, s)
	if r.Gap > p.interval+grain && !r.Disturbed() {
		t.Errorf("gap %v, want at most an interval of %v and the measurement's grain of %v", r.Gap, p.interval, grain)
	}
	if s.TakeOver != 1 || s.GaveUp != 1 {
		t.Errorf("%v; want one take-over", s)
	}
}

// How long an engine may be gone before its node stops serving.
const (
	grace  = 3 * time.Second // ha keeps the lead
	lease  = 5 * time.Second // ncc keeps the LB interface up
	leeway = time.Second
)

// TestEngineHeldDown: a leader whose engine does not come back gives the lead to
// its peer, and its LB interface goes down when the lease ends.
func TestEngineHeldDown(t *testing.T) {
	p := newPair(t, standard)
	leader, backup := p.roles(t)
	var died time.Time
	r := p.UnderLoad(t, lab.Every, func() {
		leader.Watchdog.Signal(t, syscall.SIGSTOP) // so that nobody starts another
		leader.Kill(t, "KILL", "engine")
		died = time.Now()
		lab.WaitFor(t, site.Patience, "the peer as LEADER", func() (bool, string) {
			out, diag, _ := backup.CLI(t, "show", "ha")
			return strings.Contains(out, "LEADER"), out + diag
		})
		t.Logf("the peer leads %v after the engine's death", time.Since(died))
		if took := time.Since(died); took < grace || took > grace+leeway {
			t.Errorf("the peer leads after %v, want it %v after the engine's death and at most %v later", took, grace, leeway)
		}
		p.waitLeader(t, backup)
	})
	s := p.leads.Since(died)
	down := s.Settled.Sub(died)
	t.Logf("engine held down: %v; %v; LB interface down after %v", r, s, down)
	if down > lease+leeway {
		t.Errorf("LB interface down after %v, want %v and at most %v", down, lease, leeway)
	}
	if r.Gap > p.interval+grain && !r.Disturbed() {
		t.Errorf("gap %v, want at most an interval of %v and the measurement's grain of %v", r.Gap, p.interval, grain)
	}
	if s.TakeOver != 1 || s.GaveUp != 1 {
		t.Errorf("%v; want one take-over", s)
	}
	// The engine's return is the return of a backup.
	p.unmoved(t, "the engine's return", func() {
		leader.Watchdog.Signal(t, syscall.SIGCONT)
		leader.WaitRole(t, "BACKUP")
	})
}
