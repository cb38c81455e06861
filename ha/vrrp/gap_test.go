package vrrp

import (
	"testing"
	"time"
)

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
