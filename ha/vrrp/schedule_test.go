package vrrp

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	schedules = flag.Int("vrrp.schedules", 1000, "how many random schedules to run")
	firstSeed = flag.Uint64("vrrp.seed", 1, "seed of the first schedule; with -vrrp.schedules=1 -v its log is printed")
)

// TestRandomSchedules: whatever the wire and the nodes did, once they behave again there is
// one Active router, soon, and it stays. The seed of a failure is enough to see it again.
func TestRandomSchedules(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+uint64(*schedules); seed++ {
		s := schedule(t, seed)
		if *schedules == 1 {
			t.Logf("seed %d:\n%s", seed, s.log.String())
		}
		if t.Failed() {
			t.Fatalf("go test ./ha/vrrp -run RandomSchedules -v -vrrp.schedules=1 -vrrp.seed=%d\n%s", seed, s.log.String())
		}
	}
}

// schedule runs one random story: faults for 50 intervals, then 30 without.
func schedule(t *testing.T, seed uint64) *sim {
	rng := rand.New(rand.NewPCG(seed, 1))
	interval := []time.Duration{MinInterval, 50 * ms, 200 * ms, time.Second, 40 * time.Second}[rng.IntN(5)]
	s := newSim(t, seed, randomConfigs(rng, interval)...)
	slowest := interval
	for _, n := range s.nodes {
		slowest = max(slowest, n.cfg.Interval)
	}
	s.loss = rng.Float64() * 0.4
	s.dup = rng.Float64() * 0.2
	s.corrupt = rng.Float64() * 0.05
	s.minDelay = time.Duration(rng.Int64N(int64(interval / 10)))
	s.maxDelay = s.minDelay + time.Duration(rng.Int64N(int64(interval))*int64(rng.IntN(2)))
	s.late = time.Duration(rng.Int64N(int64(interval)))

	for _, n := range s.nodes {
		s.at(time.Duration(rng.Int64N(int64(2*interval))), func() {
			s.listen(n)
		})
	}
	end := 50 * slowest
	for range 4 + rng.IntN(20) {
		s.addFault(rng, time.Duration(rng.Int64N(int64(end))), end, slowest)
	}
	s.at(end, func() { s.heal(rng, interval) })
	// Stragglers of the faulty time are still under way for one delay.
	s.judge(end+s.maxDelay, slowest)
	s.run(end + 30*slowest)

	if got := s.active(); len(got) != 1 {
		t.Errorf("seed %d: Active at the end: %q, want one", seed, got)
	}
	return s
}

func randomConfigs(rng *rand.Rand, interval time.Duration) []Config {
	cfgs := make([]Config, 2+rng.IntN(2))
	for i := range cfgs {
		cfgs[i] = Config{
			Addr:     netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i*100)}),
			VRID:     60,
			Priority: uint8(254 - i),
			Interval: interval,
			Preempt:  rng.IntN(3) == 0,
		}
		switch rng.IntN(4) {
		case 0:
			cfgs[i].Priority = uint8(1 + rng.IntN(255))
		case 1:
			cfgs[i].Priority = 100
		}
		if rng.IntN(8) == 0 && interval < time.Second {
			cfgs[i].Interval *= 2
		}
	}
	return cfgs
}

// addFault plans one fault and its end, which is before the faulty time's own.
func (s *sim) addFault(rng *rand.Rand, at, end, interval time.Duration) {
	n := s.nodes[rng.IntN(len(s.nodes))]
	o := s.nodes[rng.IntN(len(s.nodes))]
	back := min(at+time.Duration(rng.Int64N(int64(8*interval))), end)
	timerFirst := rng.IntN(3) == 0
	priority := uint8(1 + rng.IntN(254))
	switch rng.IntN(9) {
	case 0:
		s.at(at, func() { s.pause(n) })
		s.at(back, func() { s.resume(n, timerFirst) })
	case 1:
		s.at(at, func() { s.freeze(n) })
		s.at(back, func() { s.thaw(n) })
	case 2:
		s.at(at, func() { s.partition(n, o, true) })
		s.at(back, func() { s.partition(n, o, false) })
	case 3:
		s.at(at, func() { n.cut[o] = true })
		s.at(back, func() { delete(n.cut, o) })
	case 4:
		s.at(at, func() { s.crash(n) })
		s.at(back, func() { s.restart(n) })
	case 5:
		s.at(at, func() { s.step(n, Resign()) })
	case 6:
		s.at(at, func() { s.step(n, SetEligible(false)) })
		s.at(back, func() { s.step(n, SetEligible(true)) })
	case 7:
		s.at(at, func() { s.step(n, SetPriority(priority)) })
	case 8:
		s.at(at, func() { s.step(n, Shutdown()) })
		s.at(back, func() { s.listen(n) })
	}
}

// heal ends all faults at once.
func (s *sim) heal(rng *rand.Rand, interval time.Duration) {
	s.loss, s.dup, s.corrupt = 0, 0, 0
	s.minDelay, s.late = 0, interval/10
	healed := interval / 20
	s.log.WriteString("         the faults end\n")
	for _, n := range s.nodes {
		clear(n.cut)
		s.thaw(n)
		s.resume(n, rng.IntN(2) == 0)
		s.restart(n)
		s.step(n, SetEligible(true))
		s.listen(n)
	}
	s.maxDelay = healed
}

// listen starts a node that takes no part; the others are not to be helped.
func (s *sim) listen(n *simNode) {
	if n.m != nil && n.m.State() == Initialize {
		s.step(n, Start(Listen))
	}
}

// judge watches, from the time given on, that two Active routers are never seen for longer
// than one Active_Down_Interval and none for no longer than two; and at all times, that
// nobody floods the wire. (That of two Active routers who heard each other one yields, is
// seen in arrive.)
func (s *sim) judge(from, interval time.Duration) {
	down := 3 * interval // without any skew: the shortest that could be meant
	var two, none time.Duration = from, from
	s.watch = func() {
		names := s.active()
		if len(names) < 2 || s.now < from {
			two = max(s.now, from)
		}
		if len(names) != 0 || s.now < from {
			none = max(s.now, from)
		}
		switch {
		case s.now-two > down:
			s.t.Errorf("%v: %s are all Active since %v", s.now, strings.Join(strings.Split(names, ""), " and "), two)
			s.watch = func() {}
		case s.now-none > 2*down:
			s.t.Errorf("%v: nobody is Active since %v", s.now, none)
			s.watch = func() {}
		case len(s.wire) > 1000:
			s.t.Errorf("%v: %d packets under way: %s", s.now, len(s.wire), fmt.Sprint(s.sent))
			s.watch = func() {}
		}
	}
}

// The simulator must be able to fail. A node that never yields is found out.
func TestSimulatorFindsTwoActive(t *testing.T) {
	inner := &recorder{TB: t}
	s := newSim(inner, 1, pair(254, 253)...)
	for _, n := range s.nodes {
		s.step(n, Start(Resume))
	}
	s.partition(s.nodes[0], s.nodes[1], true)
	s.judge(0, time.Second)
	s.run(10 * time.Second)
	if len(inner.errors) != 1 || !strings.Contains(inner.errors[0], "A and B are all Active") {
		t.Errorf("got %q", inner.errors)
	}
}

func TestSimulatorFindsNoneActive(t *testing.T) {
	inner := &recorder{TB: t}
	s := newSim(inner, 1, pair(254, 253)...)
	s.judge(0, time.Second)
	s.run(10 * time.Second)
	if len(inner.errors) != 1 || !strings.Contains(inner.errors[0], "nobody is Active") {
		t.Errorf("got %q", inner.errors)
	}
}

type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
