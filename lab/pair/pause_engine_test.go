//go:build lab

package pair_test

import "testing"

// TestPauseTheLeadersEngine: a second is shorter than what ha and ncc allow an
// engine, and ha has not been silent, whatever the engine missed.
func TestPauseTheLeadersEngine(t *testing.T) {
	p := newPair(t, standard)
	leader, _ := p.roles(t)
	for range 5 {
		p.unmoved(t, "the leader's engine paused", func() {
			pause(t, leader, "engine")
			leader.WaitRole(t, "LEADER")
		})
	}
}
