package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const second = time.Second

var (
	epoch = time.Unix(0, 0).UTC()
	own   = netip.MustParseAddr("192.0.2.5")
	low   = netip.MustParseAddr("192.0.2.4")
	high  = netip.MustParseAddr("192.0.2.200") // above 127: a signed comparison gets it wrong
)

// base is priority 128 with one second: skew 500 ms, down interval 3.5 s.
func base() Config {
	return Config{Addr: own, VRID: 60, Priority: 128, Interval: second}
}

// bench steps one machine by hand; at is the time since it was made.
type bench struct {
	t  *testing.T
	m  *Machine
	at time.Duration
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, m: m}
}

// backup and active return a bench in that state at time zero.
func backup(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := newBench(t, cfg)
	b.step(Start(ListenOneInterval))
	b.step(Start(Listen))
	b.state(Backup)
	return b
}

func active(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := newBench(t, cfg)
	b.step(Start(Resume))
	b.state(Active)
	return b
}

func (b *bench) step(ev Event) []Effect { return b.m.Step(epoch.Add(b.at), ev, nil) }

// until steps every deadline up to d, punctually, then stands at d.
func (b *bench) until(d time.Duration) (effects []Effect) {
	b.t.Helper()
	for range 10000 {
		next := b.m.Deadline()
		if next.IsZero() || next.After(epoch.Add(d)) {
			b.at = d
			return effects
		}
		b.at = next.Sub(epoch)
		effects = append(effects, b.step(Deadline())...)
	}
	b.t.Fatalf("still busy at %v after 10000 steps", b.at)
	return nil
}

// expect compares effects; nothing wanted means none.
func (b *bench) expect(got []Effect, want ...Effect) {
	b.t.Helper()
	if d := cmp.Diff(want, got, cmpAddr); len(want)+len(got) > 0 && d != "" {
		b.t.Errorf("at %v, effects (-want +got):\n%s", b.at, d)
	}
}

func (b *bench) state(want State) {
	b.t.Helper()
	if got := b.m.State(); got != want {
		b.t.Errorf("at %v: state %v, want %v", b.at, got, want)
	}
}

// takesOverAt demands silence until d and the take-over at d, for why.
func (b *bench) takesOverAt(d time.Duration, why Reason) {
	b.t.Helper()
	b.expect(b.until(d - 1))
	b.state(Backup)
	got := b.until(d)
	b.state(Active)
	if len(got) != 2 || got[0].Kind != SendAdvert || got[1].Kind != Become || got[1].Reason != why {
		b.t.Errorf("at %v: got %+v, want an advert and Active: %v", b.at, got, why)
	}
}

func sent(priority uint8) Effect {
	return Effect{Kind: SendAdvert, Priority: priority, Interval: second}
}

func became(s State, why Reason) Effect { return Effect{Kind: Become, State: s, Reason: why} }

func (e Effect) by(peer netip.Addr, priority uint8) Effect {
	e.Peer, e.PeerPriority = peer, priority
	return e
}

func TestRFC9568_6_1_TimerArithmetic(t *testing.T) {
	for _, tt := range []struct {
		name     string
		priority uint8
		interval time.Duration
		want     time.Duration
	}{
		{"original, 255", 255, 500 * time.Millisecond, 1501953125},
		{"original, 100", 100, 500 * time.Millisecond, 1804687500},
		{"original, 1", 1, 500 * time.Millisecond, 1998046875},
		{"ours", 254, 200 * time.Millisecond, 601562500},
		{"shortest, no skew lost to rounding", 254, MinInterval, 30078125},
		{"longest", 1, MaxInterval, 3*MaxInterval + 255*MaxInterval/256},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := base()
			cfg.Priority, cfg.Interval = tt.priority, tt.interval
			b := newBench(t, cfg)
			if got := b.m.DownInterval(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRFC9568_6_1_OwnerPreemptsWhateverPreemptMode(t *testing.T) {
	cfg := base()
	cfg.Priority = PriorityOwner
	b := newBench(t, cfg)
	b.step(Start(ListenOneInterval)) // the one way for an owner to be Backup at first
	b.at = second / 10
	b.expect(b.step(Heard(high, 254, second)))
	b.takesOverAt(b.at+b.m.DownInterval(), ReasonPreempted)
}

func TestRFC9568_6_4_1_OwnerIsActiveAtOnce(t *testing.T) {
	cfg := base()
	cfg.Priority = PriorityOwner
	b := newBench(t, cfg)
	b.expect(b.step(Start(Listen)), sent(255), became(Active, ReasonOwner))
}

func TestRFC9568_6_4_1_OthersBeginAsBackup(t *testing.T) {
	b := newBench(t, base())
	b.expect(b.step(Start(Listen)), became(Backup, ReasonStarted))
	b.takesOverAt(3500*time.Millisecond, ReasonSilence)
}

func TestRFC9568_6_4_1_InitializeWaitsForStartup(t *testing.T) {
	b := newBench(t, base())
	for _, ev := range []Event{Heard(high, 0, second), Heard(low, 1, second), Deadline(), Resign(), Shutdown(), {Kind: 99}} {
		b.expect(b.step(ev))
	}
	b.state(Initialize)
	if !b.m.Deadline().IsZero() {
		t.Error("Initialize has a deadline")
	}
}

func TestRFC9568_6_4_2_PriorityZero(t *testing.T) {
	b := backup(t, base())
	b.until(second)
	b.step(Heard(high, 200, second))
	b.until(1300 * time.Millisecond)
	b.expect(b.step(Heard(high, 0, second)))
	b.takesOverAt(1800*time.Millisecond, ReasonPeerResigned) // skew, 500 ms
}

func TestRFC9568_6_4_2_PriorityZeroSkewsByTheLearnedInterval(t *testing.T) {
	b := backup(t, base())
	b.step(Heard(high, 200, 4*second))
	b.step(Heard(high, 0, second))
	b.takesOverAt(2*second, ReasonPeerResigned)
}

func TestRFC9568_6_4_2_EqualOrHigherRestartsTheTimer(t *testing.T) {
	for _, preempt := range []bool{false, true} {
		for _, priority := range []uint8{128, 129, 255} {
			cfg := base()
			cfg.Preempt = preempt
			b := backup(t, cfg)
			b.until(3 * second)
			b.expect(b.step(Heard(low, priority, second)))
			b.takesOverAt(6500*time.Millisecond, ReasonSilence)
		}
	}
}

func TestRFC9568_6_4_2_NoPreemptLowerRestartsTheTimer(t *testing.T) {
	b := backup(t, base())
	b.until(3 * second)
	b.expect(b.step(Heard(low, 1, second)))
	b.takesOverAt(6500*time.Millisecond, ReasonSilence)
}

func TestRFC9568_6_4_2_PreemptDiscardsLower(t *testing.T) {
	cfg := base()
	cfg.Preempt = true
	b := backup(t, cfg)
	for b.at = 0; b.at < 3*second; b.at += second / 4 {
		b.expect(b.step(Heard(low, 127, 4*second))) // its interval is not learned either
	}
	b.takesOverAt(3500*time.Millisecond, ReasonPreempted)
}

func TestRFC9568_6_4_2_LearnsTheActiveInterval(t *testing.T) {
	b := backup(t, base())
	b.step(Heard(high, 200, 2*second))
	if got := b.m.ActiveInterval(); got != 2*second {
		t.Errorf("Active_Adver_Interval %v, want 2s", got)
	}
	b.takesOverAt(7*second, ReasonSilence)
	if got := b.m.ActiveInterval(); got != second {
		t.Errorf("Active_Adver_Interval %v once Active, want our own", got)
	}
}

func TestRFC9568_6_4_2_TakeOverSendsAtOnce(t *testing.T) {
	b := backup(t, base())
	b.step(Heard(high, 200, second))
	b.expect(b.until(3500*time.Millisecond), sent(128), became(Active, ReasonSilence).by(high, 200))
	b.expect(b.until(4500*time.Millisecond), sent(128))
}

func TestRFC9568_6_4_2_Shutdown(t *testing.T) {
	b := backup(t, base())
	b.expect(b.step(Shutdown()), became(Initialize, ReasonShutdown))
	b.expect(b.until(10 * second))
}

func TestRFC9568_6_4_2_BackupAcceptsNothing(t *testing.T) {
	cfg := base()
	cfg.Accept = true
	b := backup(t, cfg)
	if b.m.Accepts() {
		t.Error("a Backup accepts packets to the virtual addresses")
	}
}

func TestRFC9568_6_4_3_Accept(t *testing.T) {
	for _, tt := range []struct {
		name     string
		priority uint8
		accept   bool
		want     bool
	}{
		{"neither", 128, false, false},
		{"Accept_Mode", 128, true, true},
		{"owner", 255, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := base()
			cfg.Priority, cfg.Accept = tt.priority, tt.accept
			if got := active(t, cfg).m.Accepts(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRFC9568_6_4_3_Shutdown(t *testing.T) {
	b := active(t, base())
	b.expect(b.step(Shutdown()), sent(0), became(Initialize, ReasonShutdown))
	b.expect(b.until(10 * second))
}

func TestRFC9568_6_4_3_AdverTimer(t *testing.T) {
	b := active(t, base())
	b.expect(b.until(3*second), sent(128), sent(128), sent(128))
	// Late is late once: the rate stays.
	b.at = 4300 * time.Millisecond
	b.expect(b.step(Deadline()), sent(128))
	b.expect(b.until(5*second), sent(128))
	// Two intervals late is one advert, not two.
	b.at = 7100 * time.Millisecond
	b.expect(b.step(Deadline()), sent(128))
	b.expect(b.until(8099 * time.Millisecond))
	b.expect(b.until(8100*time.Millisecond), sent(128))
}

func TestRFC9568_6_4_3_PriorityZero(t *testing.T) {
	b := active(t, base())
	b.until(700 * time.Millisecond)
	b.expect(b.step(Heard(high, 0, second)), sent(128))
	b.expect(b.until(1699 * time.Millisecond)) // Adver_Timer was reset
	b.expect(b.until(1700*time.Millisecond), sent(128))
}

func TestRFC9568_6_4_3_HigherPriority(t *testing.T) {
	b := active(t, base())
	b.until(700 * time.Millisecond)
	b.expect(b.step(Heard(low, 129, 2*second)), became(Backup, ReasonHigherPriority).by(low, 129))
	b.takesOverAt(7700*time.Millisecond, ReasonSilence) // by its interval
}

func TestRFC9568_6_4_3_EqualPriority(t *testing.T) {
	for _, tt := range []struct {
		name string
		own  netip.Addr
		from netip.Addr
		want []Effect
	}{
		{"higher address wins", own, high, []Effect{became(Backup, ReasonHigherAddress).by(high, 128)}},
		{"lower address loses", own, low, []Effect{sent(128)}},
		{"IPv6, zone aside", addr("fe80::5%eth0"), addr("fe80::ff%eth1"), []Effect{became(Backup, ReasonHigherAddress).by(addr("fe80::ff"), 128)}},
		{"IPv6, lower", addr("fe80::5%eth0"), addr("fe80::4%eth1"), []Effect{sent(128)}},
		{"IPv4 in its IPv6 form", own, addr("::ffff:192.0.2.6"), []Effect{became(Backup, ReasonHigherAddress).by(addr("192.0.2.6"), 128)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := base()
			cfg.Addr = tt.own
			b := active(t, cfg)
			b.expect(b.step(Heard(tt.from, 128, second)), tt.want...)
		})
	}
}

func TestRFC9568_6_4_3_LowerIsAnsweredAtOnce(t *testing.T) {
	b := active(t, base())
	b.until(700 * time.Millisecond)
	b.expect(b.step(Heard(high, 127, 4*second)), sent(128))
	b.expect(b.until(second), sent(128)) // Adver_Timer ran on
	b.state(Active)
}

// Section 8.3.2: a second owner is no reason to stop; the tie is broken by address.
func TestRFC9568_8_3_2_TwoOwners(t *testing.T) {
	cfg := base()
	cfg.Priority = PriorityOwner
	b := active(t, cfg)
	b.expect(b.step(Heard(low, 255, second)), sent(255))
	b.expect(b.step(Heard(high, 255, second)), became(Backup, ReasonHigherAddress).by(high, 255))
}

// Section 5.2.4 keeps 0 for resigning; a tracked priority never sinks to it.
func TestRFC9568_5_2_4_ZeroIsNobodysPriority(t *testing.T) {
	cfg := base()
	cfg.Priority = 0
	if _, err := New(cfg); err == nil {
		t.Error("New took priority 0")
	}
	b := active(t, base())
	b.expect(b.step(SetPriority(0)), sent(1))
	b.expect(b.step(Event{Kind: EventSetPriority}))
}

func TestRFC9568_7_1_IntervalOutOfRangeIsDiscarded(t *testing.T) {
	for _, d := range []time.Duration{-second, 0, MaxInterval + Centisecond} {
		b := backup(t, base())
		b.until(3 * second)
		b.step(Heard(high, 255, d))
		b.takesOverAt(3500*time.Millisecond, ReasonSilence)
	}
}
