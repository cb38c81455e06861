//go:build lab

package pair_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// measurementSlack is what detection by lost adverts may cost beside the
// protocol's own time: announcing, and the measurement's grain.
const measurementSlack = 50 * time.Millisecond

// TestLeaderCutOff: the leader loses both its cables, and later they are back,
// again and again; the same for keepalived on the same wire.
func TestLeaderCutOff(t *testing.T) {
	for _, tc := range []struct {
		interval time.Duration
		cuts     int
	}{{50 * time.Millisecond, 10}, {standard, 10}, {500 * time.Millisecond, 3}} {
		t.Run(tc.interval.String(), func(t *testing.T) {
			p := newPair(t, tc.interval)
			p.LAN.StopCapture() // it takes time from what is measured
			limit := p.masterDown() + measurementSlack
			var ours []time.Duration
			for i := range tc.cuts {
				ours = append(ours, p.cutLeader(t, i, limit))
			}
			theirs := newKeepalived(t, p).cutMaster(t, 3)
			t.Logf("cut off at %v adverts: ours %s of %v; keepalived %s of %v; limit %v", tc.interval,
				longest(ours), ours, longest(theirs), theirs, limit)
		})
	}
}

// longest of several gaps, for people.
func longest(gaps []time.Duration) string { return fmt.Sprintf("at most %v", slices.Max(gaps)) }

// cutLeader cuts the leader off and lets it return, and returns the gap that the
// client saw at the cut. What was disturbed proves nothing and is repeated.
func (p *pair) cutLeader(t *testing.T, round int, limit time.Duration) time.Duration {
	t.Helper()
	for range 3 {
		gap, disturbed := p.cutOnce(t, round, limit)
		if !disturbed {
			return gap
		}
	}
	t.Errorf("cut %d was disturbed three times: is the machine busy with other things?", round)
	return 0
}

func (p *pair) cutOnce(t *testing.T, round int, limit time.Duration) (gap time.Duration, disturbed bool) {
	t.Helper()
	leader, backup := p.roles(t)
	began := time.Now()
	r := p.UnderLoad(t, p.every(), func() {
		began = time.Now()
		p.LAN.Cut(t, leader.Host)
		p.waitLeader(t, backup)
	})
	s := p.leads.Since(began)
	t.Logf("cut %d of %s: %v; %v", round, leader.Name, r, s)
	p.returns(t, leader, round)
	if r.Disturbed() {
		return 0, true
	}
	if r.Gap > limit {
		t.Errorf("cut %d: gap %v, want at most %v", round, r.Gap, limit)
	}
	if s.Several > p.masterDown() {
		t.Errorf("cut %d: two led for %v, want at most %v", round, s.Several, p.masterDown())
	}
	if settled := s.Settled.Sub(began); settled > p.masterDown()+p.interval || s.TakeOver != 1 || s.GaveUp != 1 {
		t.Errorf("cut %d: %v, after %v; want one take-over, and exactly one leading within %v", round, s, settled, p.masterDown()+p.interval)
	}
	return r.Gap, false
}

// returns gives a node its cables back, which nobody must notice.
func (p *pair) returns(t *testing.T, old *site.Node, round int) {
	t.Helper()
	began := time.Now()
	load := lab.StartLoad(t, p.Client, site.Target, p.every())
	load.WaitForAnswers(t, site.Patience, 20)
	p.LAN.Mend(t, old.Host)
	load.WaitForAnswers(t, site.Patience, int(2*p.masterDown()/p.every()))
	r := load.Stop(t)
	s := p.leads.Since(began)
	t.Logf("return %d of %s: %v; %v", round, old.Name, r, s)
	if r.Lost != 0 && !r.Disturbed() {
		t.Errorf("return %d: %d of %d connections lost", round, r.Lost, r.Sent)
	}
	if s.TakeOver+s.GaveUp != 0 {
		t.Errorf("return %d: %v, want no change", round, s)
	}
	p.settled(t)
}
