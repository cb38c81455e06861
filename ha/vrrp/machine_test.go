package vrrp

import (
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestStartModes(t *testing.T) {
	t.Run("resume leads at once", func(t *testing.T) {
		b := newBench(t, base())
		b.expect(b.step(Start(Resume)), sent(128), became(Active, ReasonResumed))
		b.expect(b.until(second), sent(128))
	})
	t.Run("one interval of silence", func(t *testing.T) {
		b := newBench(t, base())
		b.expect(b.step(Start(ListenOneInterval)), became(Backup, ReasonStarted))
		b.takesOverAt(second, ReasonNoLeader)
	})
	t.Run("one interval, leader heard", func(t *testing.T) {
		b := newBench(t, base())
		b.step(Start(ListenOneInterval))
		b.until(900 * ms)
		b.expect(b.step(Heard(low, 1, second)))
		b.takesOverAt(4400*ms, ReasonSilence)
	})
	t.Run("one interval, lower leader heard, preempt", func(t *testing.T) {
		cfg := base()
		cfg.Preempt = true
		b := newBench(t, cfg)
		b.step(Start(ListenOneInterval))
		b.until(900 * ms)
		b.step(Heard(low, 1, second))
		b.until(1900 * ms)
		b.step(Heard(low, 1, second)) // moves the timer no more
		b.takesOverAt(4400*ms, ReasonPreempted)
	})
	t.Run("one interval, leader resigns", func(t *testing.T) {
		b := newBench(t, base())
		b.step(Start(ListenOneInterval))
		b.until(200 * ms)
		b.step(Heard(low, 0, second))
		b.takesOverAt(700*ms, ReasonPeerResigned)
	})
	t.Run("one interval, role lost meanwhile", func(t *testing.T) {
		b := newBench(t, base())
		b.step(Start(ListenOneInterval))
		b.until(900 * ms)
		b.expect(b.step(Start(Listen)))
		b.takesOverAt(4400*ms, ReasonSilence)
	})
	t.Run("active ignores start", func(t *testing.T) {
		b := active(t, base())
		for _, mode := range []StartMode{Listen, Resume, ListenOneInterval} {
			b.expect(b.step(Start(mode)))
		}
		b.state(Active)
	})
	t.Run("again after shutdown", func(t *testing.T) {
		b := active(t, base())
		b.step(Shutdown())
		b.expect(b.step(Start(Listen)), became(Backup, ReasonStarted))
		b.takesOverAt(3500*ms, ReasonSilence)
	})
}

func TestStaleDeadlineIsIgnored(t *testing.T) {
	b := backup(t, base())
	b.at = second / 2
	b.expect(b.step(Deadline()))
	b.state(Backup)
	b = active(t, base())
	b.at = second / 2
	b.expect(b.step(Deadline()))
}

// A queued advert beats the timeout: what came before the deadline was handled counts.
func TestQueuedAdvertBeatsTheTimeout(t *testing.T) {
	b := backup(t, base())
	b.until(3400 * ms)
	b.at = 3510 * ms
	b.expect(b.step(Heard(high, 200, second)))
	b.takesOverAt(7010*ms, ReasonSilence)
}

func TestClockGoingBackStandsStill(t *testing.T) {
	b := active(t, base())
	b.until(5 * second)
	b.at = 2 * second
	b.expect(b.step(Deadline()))
	b.expect(b.step(Heard(low, 1, second)), sent(128))
	b.at = 6 * second
	b.expect(b.step(Deadline()), sent(128))
}

func TestResign(t *testing.T) {
	t.Run("holds off for longer than anybody waits", func(t *testing.T) {
		b := active(t, base())
		b.expect(b.step(Resign()), sent(0), became(Backup, ReasonResigned))
		b.takesOverAt(4500*ms, ReasonSilence)
	})
	t.Run("does not preempt its successor", func(t *testing.T) {
		cfg := base()
		cfg.Preempt = true
		b := active(t, cfg)
		b.step(Resign())
		for range 10 {
			b.until(b.at + second)
			b.expect(b.step(Heard(low, 1, second)))
		}
		b.state(Backup)
		// The successor resigns in turn; after that Preempt_Mode counts again.
		b.step(Heard(low, 0, second))
		b.until(b.at + second)
		b.state(Active)
		b.step(Heard(high, 200, second))
		b.expect(b.step(Heard(low, 1, second)))
		b.takesOverAt(b.at+3500*ms, ReasonPreempted)
	})
	t.Run("a backup has nothing to resign", func(t *testing.T) {
		b := backup(t, base())
		b.expect(b.step(Resign()))
		b.takesOverAt(3500*ms, ReasonSilence)
	})
}

func TestEligible(t *testing.T) {
	t.Run("active", func(t *testing.T) {
		b := active(t, base())
		b.expect(b.step(SetEligible(true)))
		b.expect(b.step(SetEligible(false)), sent(0), became(Initialize, ReasonNotEligible))
		b.expect(b.step(SetEligible(false)))
		b.expect(b.until(10 * second))
		b.expect(b.step(Heard(high, 1, second)))
		b.expect(b.step(SetEligible(true)), became(Backup, ReasonEligibleAgain))
		b.takesOverAt(13500*ms, ReasonSilence)
	})
	t.Run("backup", func(t *testing.T) {
		b := backup(t, base())
		b.expect(b.step(SetEligible(false)), became(Initialize, ReasonNotEligible))
	})
	t.Run("owner comes back as backup too", func(t *testing.T) {
		cfg := base()
		cfg.Priority = PriorityOwner
		b := active(t, cfg)
		b.step(SetEligible(false))
		b.expect(b.step(SetEligible(true)), became(Backup, ReasonEligibleAgain))
	})
	t.Run("before start", func(t *testing.T) {
		b := newBench(t, base())
		b.expect(b.step(SetEligible(false)))
		b.expect(b.step(SetEligible(true)))
		b.state(Initialize)
	})
	t.Run("start while not eligible waits, and has lost its claim", func(t *testing.T) {
		b := newBench(t, base())
		b.step(SetEligible(false))
		b.expect(b.step(Start(Resume)))
		b.expect(b.step(SetEligible(true)), became(Backup, ReasonEligibleAgain))
	})
	t.Run("shutdown while not eligible stays down", func(t *testing.T) {
		b := active(t, base())
		b.step(SetEligible(false))
		b.expect(b.step(Shutdown()))
		b.expect(b.step(SetEligible(true)))
		b.state(Initialize)
	})
}

func TestOwnAdvertIsIgnored(t *testing.T) {
	b := active(t, base())
	b.expect(b.step(Heard(own, 128, second)))
	b.expect(b.step(Heard(addr("::ffff:192.0.2.5"), 0, second)))
}

// Two routers that both think themselves the better one must not fill the link with answers.
func TestAnswersAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name     string
		priority uint8
	}{{"lower", 1}, {"equal, lower address", 128}, {"resigning", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			b := active(t, base())
			answers := 0
			for b.at < 990*ms {
				b.until(b.at + ms)
				answers += len(b.step(Heard(low, tt.priority, second)))
			}
			if answers != maxAnswers {
				t.Errorf("%d answers in an interval, want %d", answers, maxAnswers)
			}
			b.expect(b.until(1100*ms), sent(128)) // our own advert still comes
			b.expect(b.step(Heard(low, tt.priority, second)), sent(128))
			b.state(Active)
		})
	}
	t.Run("a better one is heeded all the same", func(t *testing.T) {
		b := active(t, base())
		for range 100 {
			b.step(Heard(low, 1, second))
		}
		b.expect(b.step(Heard(high, 200, second)), became(Backup, ReasonHigherPriority).by(high, 200))
	})
}

func TestConfigValidate(t *testing.T) {
	_, err := New(Config{Interval: 15 * ms})
	if err == nil {
		t.Fatal("New took an empty config")
	}
	for _, want := range []string{"own address", "virtual router id 0", "priority 0", "multiple of 10ms"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	for name, change := range map[string]func(*Config){
		"multicast":    func(c *Config) { c.Addr = GroupIPv4() },
		"unspecified":  func(c *Config) { c.Addr = addr("::") },
		"long":         func(c *Config) { c.Interval = MaxInterval + Centisecond },
		"short":        func(c *Config) { c.Interval = MinInterval - Centisecond },
		"odd interval": func(c *Config) { c.Interval = 205 * ms },
	} {
		c := base()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestStepDoesNotAllocate(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    *bench
		ev   Event
	}{
		{"backup, advert", backup(t, base()), Heard(high, 200, second)},
		{"active, lower advert", active(t, base()), Heard(low, 1, second)},
		{"active, IPv6 with zone", active(t, base()), Heard(addr("fe80::1%eth0"), 1, second)},
		{"active, timer", active(t, base()), Deadline()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dst := make([]Effect, 0, 4)
			now := epoch
			if n := testing.AllocsPerRun(100, func() {
				now = now.Add(second)
				dst = tt.b.m.Step(now, tt.ev, dst[:0])
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func BenchmarkBackupAdvert(b *testing.B) {
	m, err := New(base())
	if err != nil {
		b.Fatal(err)
	}
	now, dst := epoch, make([]Effect, 0, 4)
	dst = m.Step(now, Start(Listen), dst)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(second)
		dst = m.Step(now, Heard(high, 200, second), dst[:0])
	}
}
