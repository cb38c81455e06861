//go:build lab

package pair_test

import (
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// grain is what a measurement by a connection every so often adds to a gap: the
// wait for the next one, and the time of an answer here.
const grain = 50 * time.Millisecond

// TestFailover: the lead goes to the other node on request, ten times in a row,
// and nobody waits for longer than an advert interval.
func TestFailover(t *testing.T) {
	p := newPair(t, standard)
	var gaps []time.Duration
	for i := range 10 {
		leader, backup := p.roles(t)
		began := time.Now()
		r := p.UnderLoad(t, lab.Every, func() {
			began = time.Now()
			if out, diag, code := leader.CLI(t, "failover"); code != 0 {
				t.Fatalf("failover: exit %d: %s%s", code, out, diag)
			}
			p.waitLeader(t, backup)
		})
		s := p.leads.Since(began)
		t.Logf("failover %d from %s: %v; %v", i, leader.Name, r, s)
		if r.Gap > p.interval+grain && !r.Disturbed() {
			t.Errorf("failover %d: gap %v, want at most an interval of %v and the measurement's grain of %v", i, r.Gap, p.interval, grain)
		}
		if s.TakeOver != 1 || s.GaveUp != 1 {
			t.Errorf("failover %d: %v, want one take-over", i, s)
		}
		gaps = append(gaps, r.Gap)
		leader.WaitRole(t, "BACKUP")
		backup.WaitRole(t, "LEADER")
	}
	t.Logf("failover at %v adverts: %s of %v", p.interval, longest(gaps), gaps)
}

// TestFailoverOfTheBackup is refused and changes nothing.
func TestFailoverOfTheBackup(t *testing.T) {
	p := newPair(t, standard)
	_, backup := p.roles(t)
	began := time.Now()
	_, diag, code := backup.CLI(t, "failover")
	if code != 1 || diag == "" {
		t.Errorf("failover on the backup: exit %d, %q; want a refusal with its reason", code, diag)
	}
	p.WaitFor(t, site.Patience, "backend01", "backend02")
	if s := p.leads.Since(began); s.TakeOver+s.GaveUp != 0 {
		t.Errorf("failover on the backup: %v", s)
	}
}
