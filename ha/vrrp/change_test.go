package vrrp

import (
	"testing"
	"time"
)

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
