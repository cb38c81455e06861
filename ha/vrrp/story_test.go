package vrrp

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata/story")

// pair is a first and a second node as this project sets them up, at one second.
func pair(priorities ...uint8) []Config {
	var cfgs []Config
	for i, p := range priorities {
		cfgs = append(cfgs, Config{
			Addr:     netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}),
			VRID:     60,
			Priority: p,
			Interval: time.Second,
		})
	}
	return cfgs
}

func preempting(cfgs []Config) []Config {
	for i := range cfgs {
		cfgs[i].Preempt = true
	}
	return cfgs
}

// Every story's transcript is compared whole: an end state would hide a flap.
func TestStories(t *testing.T) {
	const s1 = time.Second
	stories := []struct {
		name string
		cfgs []Config
		plot func(s *sim, a, b *simNode)
		want string // Active at the end
	}{
		{"alone", pair(254), func(s *sim, a, _ *simNode) {}, "A"},
		{"failover", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.crash(a) })
			s.at(30*s1, func() { s.restart(a) }) // listens one interval, hears B, stays
		}, "B"},
		{"failover-preempt", preempting(pair(254, 253)), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.crash(a) })
			s.at(30*s1, func() { s.restart(a) })
		}, "A"},
		{"split-and-heal", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.partition(a, b, true) })
			s.at(30*s1, func() { s.partition(a, b, false) })
		}, "A"},
		{"one-way-loss", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { a.cut[b] = true }) // B hears nothing, A hears all
			s.at(30*s1, func() { a.cut[b] = false })
		}, "A"},
		{"flapping-daemon", pair(254, 253), func(s *sim, a, b *simNode) {
			for i := range 5 { // restarted within two intervals: nobody notices
				at := time.Duration(10+5*i)*s1 + 100*ms
				s.at(at, func() { s.crash(a) })
				s.at(at+1500*ms, func() { s.restart(a) })
			}
		}, "A"},
		{"restart-after-three-intervals", pair(254), func(s *sim, a, _ *simNode) {
			s.at(10*s1, func() { s.crash(a) })
			s.at(15*s1, func() { s.restart(a) })
		}, "A"},
		{"equal-priority", pair(100, 100), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.partition(a, b, true) })
			s.at(30*s1, func() { s.partition(a, b, false) })
		}, "B"},
		{"shutdown", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.step(a, Shutdown()) })
			s.at(20*s1, func() { s.step(a, Start(Listen)) })
		}, "B"},
		{"resign", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.step(a, Resign()) })
			s.at(30*s1, func() { s.step(b, Resign()) })
		}, "A"},
		{"resign-unheard", pair(254, 1), func(s *sim, a, b *simNode) {
			s.at(10*s1-ms, func() { a.cut[b] = true })
			s.at(10*s1, func() { s.step(a, Resign()) })
			s.at(10*s1+ms, func() { a.cut[b] = false })
		}, "B"},
		{"resign-preempt", preempting(pair(254, 253)), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.step(a, Resign()) })
		}, "B"},
		{"resign-alone", pair(254), func(s *sim, a, _ *simNode) {
			s.at(10*s1, func() { s.step(a, Resign()) })
		}, "A"},
		{"leader-paused", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.pause(a) })
			s.at(20*s1, func() { s.resume(a, true) })
		}, "B"},
		{"leader-paused-shortly", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.pause(a) })
			s.at(11900*ms, func() { s.resume(a, true) })
		}, "A"},
		{"backup-paused", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.pause(b) })
			s.at(20*s1, func() { s.resume(b, true) })
		}, "A"},
		{"leader-clock-stands", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.freeze(a) })
			s.at(20*s1, func() { s.thaw(a) })
		}, "A"},
		{"carrier-lost", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.partition(a, b, true); s.step(a, SetEligible(false)) })
			s.at(30*s1, func() { s.partition(a, b, false); s.step(a, SetEligible(true)) })
		}, "B"},
		{"tracking", preempting(pair(254, 253)), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.step(a, SetPriority(100)) })
			s.at(30*s1, func() { s.step(a, SetPriority(254)) })
		}, "A"},
		{"slower-by-reload", pair(254, 253), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.step(a, SetInterval(5*s1)) })
			s.at(40*s1, func() { s.crash(a) })
		}, "B"},
		{"three-nodes", pair(254, 253, 252), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.crash(a) })
			s.at(20*s1, func() { s.step(b, Shutdown()) })
		}, "C"},
		{"three-nodes-split", pair(254, 253, 252), func(s *sim, a, b *simNode) {
			c := s.nodes[2]
			s.at(10*s1, func() { s.partition(a, b, true); s.partition(a, c, true) })
			s.at(30*s1, func() { s.partition(a, b, false); s.partition(a, c, false) })
		}, "A"},
		{"three-nodes-equal", pair(100, 100, 100), func(s *sim, a, b *simNode) {
			s.at(10*s1, func() { s.crash(s.nodes[2]) })
		}, "B"},
	}
	for _, st := range stories {
		t.Run(st.name, func(t *testing.T) {
			s := newSim(t, 1, st.cfgs...)
			for _, n := range s.nodes {
				s.step(n, Start(Listen))
			}
			st.plot(s, s.nodes[0], s.nodes[min(1, len(s.nodes)-1)])
			s.run(60 * s1)
			if got := s.active(); got != st.want {
				t.Errorf("Active at the end: %q, want %q", got, st.want)
			}
			transcript(t, st.name, s.log.String())
		})
	}
}

func transcript(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "story", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("transcript (-want +got):\n%s", d)
	}
}
