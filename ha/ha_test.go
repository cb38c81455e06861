package ha

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"seesaw/internal/lb"
)

const (
	ms        = time.Millisecond
	started   = "BACKUP: started"
	silent    = "LEADER: no advert within the down interval"
	resumed   = "LEADER: started as the node that leads"
	stopped   = "SHUTDOWN: stopped"
	undecided = "UNKNOWN: "
)

func TestStart(t *testing.T) {
	led := func(since time.Duration) func(*stage) {
		return func(s *stage) { s.dir.Led, s.dir.SinceWord = true, since; s.start() }
	}
	tests := []struct {
		name   string
		script func(*stage)
		want   []string
	}{
		{"cold start leads after the down interval", func(s *stage) { s.start(); s.wait(time.Second) },
			[]string{"0s " + started, "700ms advert 128", "700ms " + silent, "1s advert 0", "1s " + stopped}},
		{"cold start with a leader", func(s *stage) {
			s.start()
			for range 10 {
				s.hear(200)
				s.wait(200 * ms)
			}
		}, []string{"0s " + started, "2s " + stopped}},
		{"engine absent for long", func(s *stage) { s.set(func() { s.away = true }); s.start(); s.wait(10 * time.Second) }, nil},
		{"engine that knows nothing yet", func(s *stage) { s.set(func() { s.mute = true }); s.start(); s.wait(10 * time.Second) }, nil},
		{"led a moment ago", func(s *stage) { led(599 * ms)(s); s.wait(time.Second) },
			[]string{"0s advert 128", "0s " + resumed, "1s advert 0", "1s " + stopped}},
		{"led, silence", func(s *stage) { led(600 * ms)(s); s.wait(time.Second) },
			[]string{"0s " + undecided, "200ms advert 128", "200ms LEADER: started, and heard no advert for one interval", "1s advert 0", "1s " + stopped}},
		{"led, another leads", func(s *stage) { led(time.Hour)(s); s.wait(150 * ms); s.hear(10); s.wait(250 * ms) },
			[]string{"0s " + undecided, "150ms BACKUP: started, and heard 192.0.2.2", "400ms " + stopped}},
		{"led, another resigns", func(s *stage) { led(time.Hour)(s); s.wait(150 * ms); s.hear(0); s.wait(250 * ms) },
			[]string{"0s " + undecided, "150ms BACKUP: started, and heard 192.0.2.2", "250ms advert 128", "250ms LEADER: peer resigned (192.0.2.2)", "400ms advert 0", "400ms " + stopped}},
		{"led, the engine has changed its mind", func(s *stage) {
			led(time.Hour)(s)
			s.wait(150 * ms)
			s.tell(func(d *lb.HADirective) { d.Led = false })
			s.wait(650 * ms)
		}, []string{"0s " + undecided, "150ms BACKUP: started, and the engine has given up the role", "800ms " + stopped}},
		{"led, other config while it listens", func(s *stage) {
			led(time.Hour)(s)
			s.wait(150 * ms)
			s.tell(func(d *lb.HADirective) { d.Config.VRID = 61 })
			s.wait(250 * ms)
		}, []string{"0s " + undecided, "350ms advert 128", "350ms LEADER: started, and heard no advert for one interval", "400ms advert 0", "400ms " + stopped}},
		{"led, and cannot take part", func(s *stage) { s.openErr = errors.New("no such link"); led(0)(s); s.wait(50 * ms) },
			[]string{"0s BACKUP: adverts cannot be exchanged: no such link"}},
		{"led long ago, and cannot take part", func(s *stage) { s.openErr = errors.New("no such link"); led(time.Hour)(s); s.wait(250 * ms) },
			[]string{"0s BACKUP: adverts cannot be exchanged: no such link"}},
		{"stopped while it listens", func(s *stage) { led(time.Hour)(s); s.wait(150 * ms) },
			[]string{"0s " + undecided, "150ms " + stopped}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { play(t, pair(), tt.script, tt.want...) })
	}
}

func TestEngineGone(t *testing.T) {
	gone := "BACKUP: the engine is gone (is seesaw_engine running?)"
	again := "BACKUP: can take part again"
	lead := []string{"0s advert 128", "0s " + resumed}
	tests := []struct {
		name   string
		conf   lb.HAConfig
		script func(*stage)
		want   []string
	}{
		{"back within the grace", pair(), func(s *stage) {
			s.breakUp(true)
			s.wait(2900 * ms)
			s.set(func() { s.away = false })
			s.wait(5 * time.Second)
		}, []string{"8.5s advert 0", "8.5s " + stopped}},
		{"gone for longer", pair(), func(s *stage) {
			s.breakUp(true)
			s.wait(4 * time.Second)
		}, []string{"3.6s advert 0"}},
		{"gone, and back", pair(), func(s *stage) {
			s.breakUp(true)
			s.wait(3900 * ms)
			s.set(func() { s.away = false })
			s.wait(time.Second)
			s.wait(time.Second)
		}, []string{"3.6s advert 0", "4.54s " + gone, "4.54s " + again, "5.24s advert 128", "5.24s " + silent, "6.5s advert 0", "6.5s " + stopped}},
		{"rejoined, and without a word", pair(), func(s *stage) {
			s.set(func() { s.mute = true })
			s.breakUp(false)
			s.wait(3500 * ms)
		}, []string{"3.6s advert 0", "3.6s " + gone}},
		{"silent", pair(), func(s *stage) { s.set(func() { s.mute = true }); s.wait(3500 * ms) },
			[]string{"3s advert 0", "3s " + gone}},
		{"silent, on a lone node", alone(), func(s *stage) { s.set(func() { s.mute = true }); s.wait(time.Minute) },
			[]string{"1m0.6s advert 0"}},
		{"gone, on a lone node", alone(), func(s *stage) { s.breakUp(true); s.wait(time.Minute) },
			[]string{"1m0.6s advert 0"}},
		{"takes nothing, but speaks", pair(), func(s *stage) { s.set(func() { s.stuck = true }); s.wait(5400 * ms) },
			[]string{"6s advert 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.conf, func(s *stage) {
				s.dir.Led = true
				s.start()
				s.wait(600 * ms) // the engine has spoken at 0 s
				tt.script(s)
			}, append(lead, tt.want...)...)
		})
	}
}

// Neither an engine that takes nothing nor one that is gone delays an advert.
func TestAdvertsGoOnTime(t *testing.T) {
	tests := []struct {
		name    string
		conf    lb.HAConfig
		trouble func(*stage)
	}{
		{"engine well", pair(), func(s *stage) {}},
		{"engine stuck", pair(), func(s *stage) { s.set(func() { s.stuck = true }) }},
		{"engine gone", alone(), func(s *stage) { s.breakUp(true) }},
		{"engine silent", alone(), func(s *stage) { s.set(func() { s.mute = true }) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, tt.conf)
				s.dir.Led = true
				s.start()
				tt.trouble(s)
				s.wait(10 * time.Second)
				for i, at := range s.adverts {
					if want := s.begun.Add(time.Duration(i) * 200 * ms); !at.Equal(want) {
						t.Fatalf("advert %d at %v, want %v", i, at.Sub(s.begun), want.Sub(s.begun))
					}
				}
				if len(s.adverts) != 51 {
					t.Errorf("%d adverts in 10 s, want 51", len(s.adverts))
				}
				s.end()
			})
		})
	}
}

// The engine hears ha at least once in each interval, and from a leader with
// each advert: it measures the age of our adverts by it.
func TestReportsCome(t *testing.T) {
	tests := []struct {
		name     string
		led      bool
		interval time.Duration // of the config
		override time.Duration
		want     time.Duration
	}{
		{"leader", true, 200 * ms, 0, 200 * ms},
		{"leader, fast", true, 10 * ms, 0, 10 * ms},
		{"backup", false, 3 * time.Second, 0, time.Second},
		{"leader, slow", true, 3 * time.Second, 0, time.Second},
		{"leader, slowed by the command line", true, 200 * ms, 5 * time.Second, 200 * ms},
		{"leader, hastened by the command line", true, 5 * time.Second, 100 * ms, 100 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, pair())
				s.dir.Led, s.dir.Config.Interval, s.cfg.Interval = tt.led, tt.interval, tt.override
				s.start()
				s.wait(9 * time.Second)
				for i := 1; i < len(s.reports); i++ {
					if d := s.reports[i].Sub(s.reports[i-1]); d > tt.want {
						t.Fatalf("report %d came %v after the one before, want %v", i, d, tt.want)
					}
				}
				if most := int(9*time.Second/tt.want) + 3; len(s.reports) > most || len(s.reports) < most-3 {
					t.Errorf("%d reports in 9 s, want about %d", len(s.reports), most)
				}
				s.end()
			})
		})
	}
}

func TestReportCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, pair())
		s.start()
		s.wait(100 * ms)
		s.hear(200)
		s.wait(time.Second) // leads from 0.8 s
		s.hear(10)          // answered
		s.wait(100 * ms)    // the next advert is at 1.2 s
		r := s.last
		if r.Role != lb.RoleLeader || r.Received != 2 || r.Sent != 4 || r.Transitions != 2 || !r.Since.Equal(s.begun.Add(800*ms)) {
			t.Errorf("report = %+v, since %v, want a leader since 800ms, 2 received, 4 sent, 2 transitions", r, r.Since.Sub(s.begun))
		}
		s.end()
	})
}

func TestFailover(t *testing.T) {
	ask := func(s *stage) { s.tell(func(d *lb.HADirective) { d.Failover = true }) }
	tests := []struct {
		name   string
		conf   lb.HAConfig
		led    bool
		script func(*stage)
		want   []string
	}{
		{"peer takes over", pair(), true, func(s *stage) { ask(s); s.wait(10 * ms); s.hear(100); s.wait(500 * ms) },
			[]string{"0s advert 128", "0s " + resumed, "100ms advert 0", "100ms BACKUP: resigned on request", "610ms " + stopped}},
		{"nobody takes over", pair(), true, func(s *stage) { ask(s); s.wait(1400 * ms) },
			[]string{"0s advert 128", "0s " + resumed, "100ms advert 0", "100ms BACKUP: resigned on request", "1s advert 128", "1s " + silent, "1.5s advert 0", "1.5s " + stopped}},
		{"no peer", alone(), true, func(s *stage) { ask(s); s.wait(time.Second) },
			[]string{"0s advert 128", "0s " + resumed, "1.1s advert 0"}},
		{"not leading", pair(), false, func(s *stage) { ask(s); s.wait(400 * ms) },
			[]string{"0s " + started, "500ms " + stopped}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.conf, func(s *stage) {
				s.dir.Led = tt.led
				s.start()
				s.wait(100 * ms)
				tt.script(s)
			}, tt.want...)
		})
	}
}

// A leader that ends waits until the engine has heard that, and no longer.
func TestFarewell(t *testing.T) {
	tests := []struct {
		name string
		led  bool
		stop func(*stage)
		want time.Duration
	}{
		{"engine answers", true, func(s *stage) {
			time.AfterFunc(50*ms, func() { s.speak(func(d *lb.HADirective) { d.Led = false }) })
		}, 50 * ms},
		{"engine does not answer", true, func(*stage) {}, 200 * ms},
		{"engine stuck", true, func(s *stage) { s.set(func() { s.stuck = true }); s.wait(200 * ms) }, 200 * ms},
		{"engine gone", true, func(s *stage) { s.breakUp(true) }, 200 * ms},
		{"backup", false, func(*stage) {}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, pair())
				s.dir.Led = tt.led
				s.start()
				tt.stop(s)
				before := time.Now()
				s.end()
				if got := time.Since(before); got != tt.want {
					t.Errorf("Run ended after %v, want %v", got, tt.want)
				}
				synctest.Wait()
			})
		})
	}
}

// An advert that has come counts before the time that has come.
func TestQueuedAdvertBeatsTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, pair())
		d, err := New(s.cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		d.direct(time.Now(), s.dir)
		for range 7 { // on time, so that the machine sees no gap
			time.Sleep(99 * ms)
			d.tick()
		}
		synctest.Wait()
		time.Sleep(7 * ms) // the down interval is over
		s.hear(200)
		if len(d.ear.adverts) != 1 {
			t.Fatal("no advert waits")
		}
		d.tick()
		if d.report.Role != lb.RoleBackup || len(s.adverts) != 0 {
			t.Errorf("role = %v with %d adverts sent, want BACKUP", d.report.Role, len(s.adverts))
		}
		d.unwatch()
		d.closeWire()
		d.wg.Wait()
	})
}

// Adverts that come while others are heard do not put off our own for ever.
func TestFloodDoesNotHoldUpAdverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, alone())
		s.dir.Led = true
		s.start()
		ctx, stop := context.WithCancel(t.Context())
		flood := make(chan struct{})
		go func() {
			defer close(flood)
			for i := 0; ctx.Err() == nil; i++ {
				s.ears <- heard{from: Source{Addr: peer}}
				if i%1000 == 999 { // time stands still while anybody runs
					time.Sleep(50 * ms)
				}
			}
		}()
		s.wait(10 * time.Second)
		stop()
		<-flood
		if n := s.sent(0); n < 50 {
			t.Errorf("%d adverts in 10 s, want at least 50", n)
		}
		s.end()
	})
}

func TestSuspendedHost(t *testing.T) {
	asleep := func(s *stage) {
		s.wait(100 * ms)
		s.set(func() { s.pause = time.Minute })
		s.wait(200 * ms)
		s.hear(10)
		s.wait(200 * ms)
	}
	tests := []struct {
		name string
		conf lb.HAConfig
		want []string
	}{
		{"another may have taken over", pair(), []string{"200ms BACKUP: was not scheduled for longer than the down interval", "500ms " + stopped}},
		{"nobody can have", alone(), []string{"500ms advert 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.conf, func(s *stage) { s.dir.Led = true; s.start(); asleep(s) },
				append([]string{"0s advert 128", "0s " + resumed}, tt.want...)...)
		})
	}
}

func TestNewWantsEverything(t *testing.T) {
	if _, err := New(Config{}, slog.Default()); err == nil {
		t.Error("New takes a config without anything")
	}
}
