package vrrp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const never = time.Duration(1<<63 - 1)

// sim runs machines on one wire in virtual time. What is sent goes through the codec.
type sim struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Duration // real time; a node's clock may lag behind it
	nodes []*simNode
	wire  []simPacket
	plan  []simAction
	seq   int // counts steps, to tell what was sent after what
	sent  int
	log   strings.Builder
	watch func() // called before time moves on and after every step

	// The faults of the wire and of the nodes' schedulers.
	loss, dup, corrupt float64
	minDelay, maxDelay time.Duration
	late               time.Duration // timers fire up to this late
}

type simNode struct {
	name string
	cfg  Config
	m    *Machine // nil while crashed
	cut  map[*simNode]bool

	lag      time.Duration // what the node's clock has lost so far
	frozen   bool
	frozenAt time.Duration
	lateness time.Duration // of the next timer
	stepped  time.Duration // by its clock

	paused    bool
	inbox     []simPacket // arrived during the pause
	wasActive bool        // when it crashed
	crashed   time.Duration
	since     int               // seq of the last change of state or priority
	heard     map[*simNode]bool // adverts of whom, processed since both are Active
	parsed    Advert
}

type simPacket struct {
	at       time.Duration
	seq      int
	from, to *simNode
	b        []byte
}

type simAction struct {
	at time.Duration
	do func()
}

func newSim(t testing.TB, seed uint64, cfgs ...Config) *sim {
	s := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 9568)), minDelay: time.Millisecond, maxDelay: time.Millisecond, watch: func() {}}
	for i, cfg := range cfgs {
		n := &simNode{name: string(rune('A' + i)), cfg: cfg, cut: map[*simNode]bool{}, heard: map[*simNode]bool{}}
		s.nodes = append(s.nodes, n)
		s.boot(n)
	}
	return s
}

// boot makes a fresh machine, not yet started.
func (s *sim) boot(n *simNode) {
	m, err := New(n.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	n.m, n.stepped = m, s.clock(n)
}

func (s *sim) at(d time.Duration, do func()) {
	i, _ := slices.BinarySearchFunc(s.plan, d, func(a simAction, d time.Duration) int {
		if a.at <= d {
			return -1
		}
		return 1
	})
	s.plan = slices.Insert(s.plan, i, simAction{d, do})
}

// run lets time pass until end.
func (s *sim) run(end time.Duration) {
	for {
		next, do := end, func() {}
		if len(s.plan) > 0 && s.plan[0].at <= next {
			next, do = s.plan[0].at, func() {
				a := s.plan[0]
				s.plan = s.plan[1:]
				a.do()
			}
		}
		for i := range s.wire {
			if s.wire[i].at < next {
				next, do = s.wire[i].at, func() {
					p := s.wire[i]
					s.wire = slices.Delete(s.wire, i, i+1)
					s.arrive(p)
				}
			}
		}
		for _, n := range s.nodes {
			if at := s.wake(n); at < next {
				next, do = at, func() { s.step(n, Deadline()) }
			}
		}
		s.watch()
		s.now = next
		s.watch()
		if next == end && (len(s.plan) == 0 || s.plan[0].at > end) {
			return
		}
		do()
		s.watch()
	}
}

// clock is the node's own time.
func (s *sim) clock(n *simNode) time.Duration {
	if n.frozen {
		return n.frozenAt
	}
	return s.now - n.lag
}

// wake is when, in real time, the node's timer goes off.
func (s *sim) wake(n *simNode) time.Duration {
	if n.m == nil || n.paused || n.frozen || n.m.Deadline().IsZero() {
		return never
	}
	return max(s.now, n.m.Deadline().Sub(epoch)+n.lag+n.lateness)
}

func (s *sim) step(n *simNode, ev Event) {
	if n.m == nil {
		return
	}
	s.seq++
	priority := n.m.Priority()
	late := n.m.State() == Active && s.clock(n)-n.stepped > n.m.DownInterval()
	n.stepped = s.clock(n)
	effects := n.m.Step(epoch.Add(s.clock(n)), ev, nil)
	if late && (len(effects) == 0 || effects[0].Kind != Become || effects[0].Reason != ReasonGap) {
		s.t.Errorf("%v: %s was not scheduled for longer than its down interval, and did %+v", s.now, n.name, effects)
	}
	for _, e := range effects {
		switch e.Kind {
		case SendAdvert:
			if e.Priority == PriorityResign {
				s.logf(n, "sends priority 0")
			}
			s.transmit(n, e)
		case Become:
			peer := ""
			if e.Peer.IsValid() {
				peer = fmt.Sprintf(" (%v, priority %d)", e.Peer, e.PeerPriority)
			}
			s.logf(n, "%v: %v%s", e.State, e.Reason, peer)
			s.changed(n)
		}
	}
	if n.m.Priority() != priority {
		s.changed(n)
	}
	n.lateness = 0
	if s.late > 0 {
		n.lateness = time.Duration(s.rng.Int64N(int64(s.late)))
	}
}

func (s *sim) logf(n *simNode, format string, args ...any) {
	fmt.Fprintf(&s.log, "%8.3fs %s %s\n", s.now.Seconds(), n.name, fmt.Sprintf(format, args...))
}

// changed forgets who heard whom: their adverts told of another state.
func (s *sim) changed(n *simNode) {
	n.since = s.seq
	clear(n.heard)
	for _, o := range s.nodes {
		delete(o.heard, n)
	}
}

func (s *sim) transmit(n *simNode, e Effect) {
	s.sent++
	a := Advert{VRID: n.cfg.VRID, Priority: e.Priority, Interval: e.Interval, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 99})}}
	b, err := a.Append(nil, n.cfg.Addr, GroupIPv4(), Checksum(s.rng.IntN(2)))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, to := range s.nodes {
		if to == n || n.cut[to] {
			continue
		}
		for copies := 1; copies > 0; copies-- {
			if s.rng.Float64() < s.dup {
				copies++
			}
			if s.rng.Float64() < s.loss {
				continue
			}
			delay := s.minDelay
			if s.maxDelay > s.minDelay {
				delay += time.Duration(s.rng.Int64N(int64(s.maxDelay - s.minDelay)))
			}
			p := simPacket{at: s.now + delay, seq: s.seq, from: n, to: to, b: b}
			if s.rng.Float64() < s.corrupt {
				p.b = slices.Clone(b)
				p.b[s.rng.IntN(len(b))] ^= 1 << s.rng.IntN(8)
			}
			s.wire = append(s.wire, p)
		}
	}
}

func (s *sim) arrive(p simPacket) {
	n := p.to
	switch {
	case n.m == nil:
		return
	case n.paused:
		n.inbox = append(n.inbox, p)
		return
	}
	if _, reject := n.parsed.Parse(Packet{p.from.cfg.Addr, GroupIPv4(), TTL, p.b}, n.cfg.VRID); reject != RejectNone {
		return
	}
	s.step(n, Heard(p.from.cfg.Addr, n.parsed.Priority, n.parsed.Interval))
	both := p.from.m != nil && p.from.m.State() == Active && n.m.State() == Active
	if !both || n.parsed.Priority == PriorityResign || p.seq < p.from.since || p.seq < n.since {
		return
	}
	n.heard[p.from] = true
	if p.from.heard[n] {
		s.t.Errorf("%v: %s and %s are both Active although each has processed an advert of the other's", s.now, n.name, p.from.name)
	}
}

// The faults of a node.

func (s *sim) pause(n *simNode) { n.paused = true }

// resume lets the node run again. As in life the waiting adverts may be seen first, or the timer.
func (s *sim) resume(n *simNode, timerFirst bool) {
	if !n.paused {
		return
	}
	n.paused = false
	if n.m != nil && timerFirst && !n.frozen && !n.m.Deadline().After(epoch.Add(s.clock(n))) && n.m.State() != Initialize {
		s.step(n, Deadline())
	}
	inbox := n.inbox
	n.inbox = nil
	for _, p := range inbox {
		s.arrive(p)
	}
}

func (s *sim) freeze(n *simNode) {
	if !n.frozen {
		n.frozenAt = s.clock(n)
		n.frozen = true
	}
}

func (s *sim) thaw(n *simNode) {
	if n.frozen {
		n.frozen = false
		n.lag = s.now - n.frozenAt
	}
}

func (s *sim) crash(n *simNode) {
	if n.m == nil {
		return
	}
	n.wasActive, n.crashed = n.m.State() == Active, s.now
	n.m, n.inbox = nil, nil
	s.logf(n, "crashes")
	s.changed(n)
}

// restart is what the shell does after a crash, told truthfully who led.
func (s *sim) restart(n *simNode) {
	if n.m != nil {
		return
	}
	s.boot(n)
	switch {
	case n.wasActive && s.now-n.crashed < 2*n.cfg.Interval: // and one since the last advert: three
		s.step(n, Start(Resume))
	case n.wasActive:
		s.step(n, Start(ListenOneInterval))
	default:
		s.step(n, Start(Listen))
	}
}

func (s *sim) partition(a, b *simNode, cut bool) { a.cut[b], b.cut[a] = cut, cut }

func (s *sim) active() (names string) {
	for _, n := range s.nodes {
		if n.m != nil && n.m.State() == Active {
			names += n.name
		}
	}
	return names
}
