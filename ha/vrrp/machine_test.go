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

func TestGapWhileActive(t *testing.T) {
	down := 3500 * ms
	for _, tt := range []struct {
		name string
		ev   Event
		want []Effect
	}{
		{"timer", Deadline(), nil},
		{"lower advert is not answered", Heard(low, 1, second), nil},
		{"priority 0 is not answered", Heard(low, 0, second), nil},
		{"higher advert", Heard(high, 200, second), nil},
		{"priority change", SetPriority(90), nil},
		{"interval change", SetInterval(2 * second), nil},
		{"resign", Resign(), nil},
		{"shutdown sends no priority 0", Shutdown(), []Effect{became(Initialize, ReasonShutdown)}},
		{"not eligible", SetEligible(false), []Effect{became(Initialize, ReasonNotEligible)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := active(t, base())
			b.until(5 * second)
			b.at += down + 1
			b.expect(b.step(tt.ev), append([]Effect{became(Backup, ReasonGap)}, tt.want...)...)
		})
	}
	t.Run("just not too long", func(t *testing.T) {
		b := active(t, base())
		b.until(5 * second)
		b.at += down
		b.expect(b.step(Deadline()), sent(128))
	})
	t.Run("measured from the last step, not from the last advert", func(t *testing.T) {
		b := active(t, base())
		b.at = 900 * ms
		b.step(Deadline())
		b.at += down
		b.expect(b.step(Deadline()), sent(128))
	})
	t.Run("leads again after a full down interval of silence", func(t *testing.T) {
		b := active(t, base())
		b.at = 10 * second
		b.step(Deadline())
		b.takesOverAt(13500*ms, ReasonSilence)
	})
	t.Run("no peer, no guard", func(t *testing.T) {
		cfg := base()
		cfg.Alone = true
		b := active(t, cfg)
		b.at = time.Hour
		b.expect(b.step(Deadline()), sent(128))
	})
}

func TestGapWhileBackup(t *testing.T) {
	t.Run("late by more than half an interval", func(t *testing.T) {
		b := backup(t, base())
		b.until(3400 * ms)
		b.at = 4001 * ms
		b.expect(b.step(Deadline()))
		b.takesOverAt(7501*ms, ReasonSilence)
	})
	t.Run("late by half an interval", func(t *testing.T) {
		b := backup(t, base())
		b.until(3400 * ms)
		b.at = 4000 * ms
		if got := b.step(Deadline()); len(got) != 2 {
			t.Errorf("got %+v, want the take-over", got)
		}
	})
	t.Run("a pause within the wait counts", func(t *testing.T) {
		b := backup(t, base())
		b.until(second)
		b.at = 2100 * ms // asked for 1.5 s
		b.expect(b.step(Deadline()))
		b.takesOverAt(5600*ms, ReasonSilence)
	})
	t.Run("a pause after priority 0 counts", func(t *testing.T) {
		b := backup(t, base())
		b.step(Heard(high, 0, second))
		b.at = 1100 * ms
		b.expect(b.step(Deadline()))
		b.takesOverAt(4600*ms, ReasonSilence)
	})
	t.Run("one that is always late takes over the second time", func(t *testing.T) {
		b := backup(t, base())
		for range 20 {
			if b.m.State() == Active {
				break
			}
			b.at = b.m.Deadline().Sub(epoch) + 600*ms
			b.step(Deadline())
		}
		b.state(Active)
		if b.at > 7*second {
			t.Errorf("took over at %v, want within two down intervals", b.at)
		}
	})
	t.Run("an advert forgives", func(t *testing.T) {
		b := backup(t, base())
		for range 5 { // pause, advert, pause, advert: never a take-over
			b.at += 3600 * ms
			b.expect(b.step(Deadline()))
			b.step(Heard(high, 200, second))
		}
		b.state(Backup)
	})
	t.Run("a discarded lower advert does not hide it", func(t *testing.T) {
		cfg := base()
		cfg.Preempt = true
		b := backup(t, cfg)
		b.until(3400 * ms)
		b.at = 4001 * ms
		b.expect(b.step(Heard(low, 1, second)))
		b.takesOverAt(7501*ms, ReasonPreempted)
	})
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

func TestSetPriority(t *testing.T) {
	t.Run("active says so at once", func(t *testing.T) {
		b := active(t, base())
		b.until(300 * ms)
		b.expect(b.step(SetPriority(128)))
		b.expect(b.step(SetPriority(90)), sent(90))
		b.expect(b.until(second), sent(90))
		if b.m.Priority() != 90 {
			t.Errorf("priority %d", b.m.Priority())
		}
	})
	t.Run("backup moves its timer by the skew", func(t *testing.T) {
		b := backup(t, base())
		b.until(second)
		b.expect(b.step(SetPriority(192)))
		b.takesOverAt(3250*ms, ReasonSilence)
	})
	t.Run("after priority 0 too", func(t *testing.T) {
		b := backup(t, base())
		b.step(Heard(high, 0, second))
		b.expect(b.step(SetPriority(192)))
		b.takesOverAt(250*ms, ReasonPeerResigned)
	})
	t.Run("one interval has no skew", func(t *testing.T) {
		b := newBench(t, base())
		b.step(Start(ListenOneInterval))
		b.step(SetPriority(192))
		b.takesOverAt(second, ReasonNoLeader)
	})
	t.Run("above the active router, with preempt", func(t *testing.T) {
		cfg := base()
		cfg.Preempt = true
		b := backup(t, cfg)
		b.step(Heard(high, 200, second))
		b.step(SetPriority(240))
		b.until(second)
		b.step(Heard(high, 200, second))
		b.takesOverAt(3062500*time.Microsecond, ReasonPreempted)
	})
}

func TestSetInterval(t *testing.T) {
	t.Run("active says so at once", func(t *testing.T) {
		b := active(t, base())
		b.until(900 * ms)
		b.expect(b.step(SetInterval(second)))
		want := sent(128)
		want.Interval = 100 * ms
		b.expect(b.step(SetInterval(100*ms)), want)
		b.expect(b.until(1100*ms), want, want)
		if b.m.Interval() != 100*ms || b.m.ActiveInterval() != 100*ms {
			t.Errorf("interval %v, active %v", b.m.Interval(), b.m.ActiveInterval())
		}
	})
	t.Run("backup that heard nobody", func(t *testing.T) {
		b := backup(t, base())
		b.step(SetInterval(100 * ms))
		if got := b.m.DownInterval(); got != 350*ms {
			t.Errorf("down interval %v", got)
		}
		b.until(350 * ms)
		b.state(Active)
	})
	t.Run("backup goes by the active router's", func(t *testing.T) {
		b := backup(t, base())
		b.step(Heard(high, 200, second))
		b.step(SetInterval(100 * ms))
		b.until(3499 * ms)
		b.state(Backup)
	})
	t.Run("one that cannot be sent is ignored", func(t *testing.T) {
		b := active(t, base())
		for _, d := range []time.Duration{0, -second, 15 * ms, time.Minute} {
			b.expect(b.step(SetInterval(d)))
		}
		if b.m.Interval() != second {
			t.Errorf("interval %v", b.m.Interval())
		}
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
