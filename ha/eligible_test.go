package ha

import (
	"errors"
	"testing"
	"time"

	"seesaw/internal/lb"
)

var errNoLink = errors.New("no such link")

func TestConfigChanges(t *testing.T) {
	change := func(f func(*lb.HAConfig)) func(*stage) {
		return func(s *stage) { s.tell(func(d *lb.HADirective) { f(&d.Config) }) }
	}
	const lead, leader = "0s advert 128", "0s " + resumed
	const resign, end = "2s advert 0", "2s " + stopped
	const disabled = "500ms DISABLED: disabled in the cluster config"
	tests := []struct {
		name   string
		led    bool
		change func(*stage) // at 500 ms; the end is at 2 s
		opened int
		want   []string
	}{
		{"nothing", true, change(func(*lb.HAConfig) {}), 1, []string{lead, leader, resign, end}},
		{"priority", true, change(func(c *lb.HAConfig) { c.Priority = 200 }), 1, []string{lead, leader, "500ms advert 200", resign, end}},
		{"priority of a backup", false, change(func(c *lb.HAConfig) { c.Priority = 192 }), 1,
			[]string{"0s " + started, "650ms advert 192", "650ms " + silent, resign, end}},
		{"virtual router", true, change(func(c *lb.HAConfig) { c.VRID = 61 }), 2, []string{lead, leader, resign, end}},
		{"virtual router of a backup", false, change(func(c *lb.HAConfig) { c.VRID = 61 }), 2,
			[]string{"0s " + started, "1.2s advert 128", "1.2s " + silent, resign, end}},
		{"interface", true, change(func(c *lb.HAConfig) { c.Interface = "node1" }), 2, []string{lead, leader, "2s advert 0 on node1", end}},
		{"address in the adverts", true, change(func(c *lb.HAConfig) { c.VIPs = nil }), 1, []string{lead, leader, resign, end}},
		{"no peer any more", true, change(func(c *lb.HAConfig) { c.Peer = false }), 1, []string{lead, leader, resign}},
		{"a config that cannot be", true, change(func(c *lb.HAConfig) { c.VRID = 0 }), 1, []string{lead, leader, resign, end}},
		{"disabled", true, change(func(c *lb.HAConfig) { c.Enabled = false }), 1, []string{lead, leader, "500ms advert 0", disabled}},
		{"disabled and moved", true, change(func(c *lb.HAConfig) { c.Enabled, c.Interface = false, "node1" }), 2,
			[]string{lead, leader, "500ms advert 0", disabled}},
		{"disabled and enabled", true, func(s *stage) {
			change(func(c *lb.HAConfig) { c.Enabled = false })(s)
			s.wait(200 * ms)
			change(func(c *lb.HAConfig) { c.Enabled = true })(s)
		}, 1, []string{lead, leader, "500ms advert 0", disabled, "700ms BACKUP: can take part again", "1.4s advert 128", "1.4s " + silent, resign, end}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, pair(), func(s *stage) {
				s.dir.Led = tt.led
				s.start()
				s.wait(500 * ms)
				tt.change(s)
				s.wait(2*time.Second - time.Since(s.begun))
				if s.opened != tt.opened {
					t.Errorf("%d wires were opened, want %d", s.opened, tt.opened)
				}
			}, tt.want...)
		})
	}
}

// An interval changed at run time counts for adverts and reports alike.
func TestIntervalChanges(t *testing.T) {
	play(t, pair(), func(s *stage) {
		s.dir.Led = true
		s.start()
		s.wait(500 * ms)
		s.tell(func(d *lb.HADirective) { d.Config.Interval = 50 * ms })
		s.wait(500 * ms)
		if n := s.sent(500 * ms); n != 11 {
			t.Errorf("%d adverts in 500 ms, want 11", n)
		}
	}, "0s advert 128", "0s "+resumed, "1s advert 0", "1s "+stopped)
}

func TestCommandLineOverrides(t *testing.T) {
	play(t, pair(), func(s *stage) {
		s.cfg.Interval, s.cfg.Preempt = 100*ms, true
		s.start()
		for range 5 {
			s.hear(10) // a leader of lower priority
			s.wait(100 * ms)
		}
	}, "0s "+started, "350ms advert 128", "350ms LEADER: peer has lower priority (192.0.2.2)", "500ms advert 0", "500ms "+stopped)
}

func TestDisabledFromTheStart(t *testing.T) {
	conf := pair()
	conf.Enabled = false
	play(t, conf, func(s *stage) { s.dir.Led = true; s.start(); s.wait(time.Minute) }, "0s DISABLED: disabled in the cluster config")
}

func TestWireFails(t *testing.T) {
	fault := "BACKUP: adverts cannot be exchanged: no such link"
	again := "BACKUP: can take part again"
	led := func(s *stage) { s.dir.Led = true; s.start() }
	tests := []struct {
		name   string
		conf   lb.HAConfig
		script func(*stage)
		want   []string
	}{
		{"cannot be opened at first", pair(), func(s *stage) {
			s.openErr = errNoLink
			s.start()
			s.wait(2500 * ms)
			s.set(func() { s.openErr = nil })
			s.wait(1500 * ms)
		}, []string{"0s " + fault, "3s " + again, "3.7s advert 128", "3.7s " + silent, "4s advert 0", "4s " + stopped}},
		{"cannot be opened, and the link comes", pair(), func(s *stage) {
			s.openErr = errNoLink
			s.start()
			s.link(Link{Name: "node0"})
			s.wait(2300 * ms)
			s.set(func() { s.openErr = nil })
			s.link(Link{Name: "node0", Index: 7, Up: true, Running: true})
			s.wait(1700 * ms)
		}, []string{"0s " + fault, "2.3s " + again, "3s advert 128", "3s " + silent, "4s advert 0", "4s " + stopped}},
		{"cannot be opened on a lone node", alone(), func(s *stage) {
			s.openErr = errNoLink
			s.start()
			s.wait(1500 * ms)
			s.set(func() { s.openErr = nil })
			s.wait(2500 * ms)
		}, []string{"0s " + started, "700ms " + silent, "2.1s advert 128", "4s advert 0"}},
		{"cannot be opened on a lone node that leads", alone(), func(s *stage) {
			s.openErr = errNoLink
			led(s)
			s.wait(1500 * ms)
		}, []string{"0s " + resumed}},
		{"breaks", pair(), func(s *stage) {
			led(s)
			s.wait(100 * ms)
			s.deaf <- errNoLink
			s.wait(1700 * ms)
			s.wait(200 * ms)
		}, []string{"0s advert 128", "0s " + resumed, "100ms " + fault, "1.1s " + again, "1.8s " + silent, "2s advert 0", "2s " + stopped}},
		{"ends by itself", pair(), func(s *stage) {
			led(s)
			s.wait(100 * ms)
			s.deaf <- nil
			s.wait(900 * ms)
		}, []string{"0s advert 128", "0s " + resumed, "100ms BACKUP: adverts cannot be exchanged: closed by itself"}},
		{"breaks on a lone node", alone(), func(s *stage) {
			led(s)
			s.wait(100 * ms)
			s.deaf <- errNoLink
			s.wait(1900 * ms)
		}, []string{"0s advert 128", "0s " + resumed, "2s advert 0"}},
		{"sends nothing, and another leads", pair(), func(s *stage) {
			led(s)
			s.wait(100 * ms)
			s.set(func() { s.sendErr = errNoLink })
			s.wait(900 * ms)
			s.hear(10)
			s.set(func() { s.sendErr = nil })
			s.wait(500 * ms)
		}, []string{"0s advert 128", "0s " + resumed, "1s BACKUP: adverts cannot be sent, and another node leads", "1.5s " + stopped}},
		{"sends nothing, and nobody leads", pair(), func(s *stage) {
			led(s)
			s.wait(100 * ms)
			s.set(func() { s.sendErr = errNoLink })
			s.wait(900 * ms)
			s.set(func() { s.sendErr = nil })
			s.wait(500 * ms)
			s.hear(10)
		}, []string{"0s advert 128", "0s " + resumed, "1.5s advert 0", "1.5s " + stopped}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.conf, tt.script, tt.want...) })
	}
}

func TestNodeCarrier(t *testing.T) {
	on := Link{Name: "node0", Index: 7, Up: true, Running: true}
	off := Link{Name: "node0", Index: 7, Up: true}
	none := "BACKUP: no carrier on node interface node0"
	lead := []string{"0s advert 128", "0s " + resumed}
	tests := []struct {
		name   string
		conf   lb.HAConfig
		script func(*stage)
		opened int
		want   []string
	}{
		{"there", pair(), func(s *stage) { s.link(on); s.wait(500 * ms) }, 1, []string{"500ms advert 0", "500ms " + stopped}},
		{"lost", pair(), func(s *stage) { s.link(on); s.wait(500 * ms); s.link(off); s.wait(10 * time.Second) }, 1,
			[]string{"500ms advert 0", "500ms " + none}},
		{"lost and found", pair(), func(s *stage) {
			s.link(off)
			s.wait(10 * time.Second)
			s.link(on)
			s.wait(500 * ms)
		}, 1, []string{"0s advert 0", "0s " + none, "10s BACKUP: can take part again", "10.5s " + stopped}},
		{"link replaced", pair(), func(s *stage) {
			s.link(on)
			s.link(Link{Name: "node0", Index: 8, Up: true, Running: true})
			s.wait(500 * ms)
		}, 2, []string{"500ms advert 0", "500ms " + stopped}},
		{"link gone", pair(), func(s *stage) {
			s.link(on)
			s.set(func() { s.openErr = errNoLink })
			s.link(Link{Name: "node0"})
			s.wait(500 * ms)
		}, 1, []string{"0s BACKUP: adverts cannot be exchanged: no such link"}},
		{"another link", pair(), func(s *stage) { s.link(Link{Name: "other"}); s.wait(500 * ms) }, 1,
			[]string{"500ms advert 0", "500ms " + stopped}},
		{"of a lone node", alone(), func(s *stage) { s.link(on); s.link(off); s.wait(500 * ms) }, 1, []string{"500ms advert 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.conf, func(s *stage) {
				s.dir.Led = true
				s.start()
				if len(s.watched) != 2 || s.watched[0] != "node0" || s.watched[1] != "lb0" {
					t.Errorf("watched are %q", s.watched)
				}
				tt.script(s)
				if s.opened != tt.opened {
					t.Errorf("%d wires were opened, want %d", s.opened, tt.opened)
				}
			}, append(lead[:2:2], tt.want...)...)
		})
	}
}

func TestLBCarrier(t *testing.T) {
	on := Link{Name: "lb0", Index: 8, Up: true, Running: true}
	off := Link{Name: "lb0", Index: 8, Up: true}
	down := Link{Name: "lb0", Index: 8}
	none := "BACKUP: no carrier on LB interface lb0"
	tests := []struct {
		name   string
		conf   lb.HAConfig
		script func(*stage) // from when the node leads, at 0 s
		want   []string
	}{
		{"down", pair(), func(s *stage) { s.link(down); s.wait(5 * time.Second) }, []string{"5s advert 0", "5s " + stopped}},
		{"found within two seconds", pair(), func(s *stage) {
			s.link(off)
			s.wait(1999 * ms)
			s.link(on)
			s.wait(3001 * ms)
		}, []string{"5s advert 0", "5s " + stopped}},
		{"not found within two seconds", pair(), func(s *stage) { s.link(off); s.wait(2500 * ms) },
			[]string{"2s advert 0", "2s " + none, "2.5s " + stopped}},
		{"lost", pair(), func(s *stage) {
			s.link(on)
			s.wait(500 * ms)
			s.link(off)
			s.wait(500 * ms)
		}, []string{"500ms advert 0", "500ms " + none, "1s " + stopped}},
		{"lowered", pair(), func(s *stage) { s.link(on); s.link(down); s.wait(5 * time.Second) }, []string{"5s advert 0", "5s " + stopped}},
		{"lowered and raised", pair(), func(s *stage) {
			s.link(on)
			s.link(down)
			s.link(off)
			s.wait(2500 * ms)
		}, []string{"2s advert 0", "2s " + none, "2.5s " + stopped}},
		{"lost, and another leads", pair(), func(s *stage) {
			s.link(on)
			s.link(off)
			for range 10 {
				s.hear(10)
				s.wait(200 * ms)
			}
		}, []string{"0s advert 0", "0s " + none, "2s " + stopped}},
		{"lost, and another leads, with preemption", func() lb.HAConfig { c := pair(); c.Preempt = true; return c }(), func(s *stage) {
			s.link(on)
			s.link(off)
			for range 10 {
				s.hear(10)
				s.wait(200 * ms)
			}
		}, []string{"0s advert 0", "0s " + none, "2s " + stopped}},
		{"lost, and nobody leads: once is enough", pair(), func(s *stage) {
			s.link(on)
			s.link(off)
			s.wait(time.Second)
			s.link(down)
			s.link(off)
			s.wait(4 * time.Second)
		}, []string{"0s advert 0", "0s " + none, "900ms advert 128", "900ms " + silent, "5s advert 0", "5s " + stopped}},
		{"lost twice", pair(), func(s *stage) {
			s.link(on)
			s.link(off)
			s.wait(time.Second)
			s.link(on)
			s.link(off)
			s.wait(500 * ms)
		}, []string{"0s advert 0", "0s " + none, "900ms advert 128", "900ms " + silent, "1s advert 0", "1s " + none, "1.5s " + stopped}},
		{"lost, another led meanwhile", pair(), func(s *stage) {
			s.link(on)
			s.link(off)
			s.link(down)
			s.wait(500 * ms)
			s.hear(10)
			s.wait(time.Second)
			s.link(off)
			s.wait(2500 * ms)
		}, []string{"0s advert 0", "0s " + none, "1.2s advert 128", "1.2s " + silent + " (192.0.2.2)", "3.5s advert 0", "3.5s " + none, "4s " + stopped}},
		{"of a lone node", alone(), func(s *stage) { s.link(on); s.link(off); s.wait(5 * time.Second) }, []string{"5s advert 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.conf, func(s *stage) { s.dir.Led = true; s.start(); tt.script(s) },
				append([]string{"0s advert 128", "0s " + resumed}, tt.want...)...)
		})
	}
}

func TestPresence(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Unix(1, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	tests := []struct {
		name string
		live func(*presence)
		want time.Time
	}{
		{"never heard", func(p *presence) { p.gone(at(1)) }, time.Time{}},
		{"heard", func(p *presence) { p.heard(at(1)) }, at(4)},
		{"broken", func(p *presence) { p.heard(at(1)); p.gone(at(2)) }, at(5)},
		{"broken again", func(p *presence) { p.heard(at(1)); p.gone(at(2)); p.gone(at(3)) }, at(5)},
		{"heard again", func(p *presence) { p.heard(at(1)); p.gone(at(2)); p.heard(at(3)) }, at(6)},
		{"dead", func(p *presence) { p.heard(at(1)); p.dead = true }, time.Time{}},
		{"back", func(p *presence) { p.heard(at(1)); p.dead = true; p.heard(at(9)) }, at(12)},
		{"excused", func(p *presence) { p.heard(at(1)); p.excuse(5 * time.Second) }, at(9)},
		{"broken and excused", func(p *presence) { p.heard(at(1)); p.gone(at(2)); p.excuse(5 * time.Second) }, at(10)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p presence
			tt.live(&p)
			if got := p.deadline(); !got.Equal(tt.want) {
				t.Errorf("deadline = %v, want %v", got, tt.want)
			}
		})
	}
}

// The engine is not gone because ha did not run.
func TestStoppedProcessDoesNotBlameTheEngine(t *testing.T) {
	play(t, pair(), func(s *stage) {
		s.start()
		for range 25 {
			s.hear(200)
			s.wait(100 * ms)
		}
		s.set(func() { s.pause = time.Minute })
		s.wait(100 * ms)
		s.hear(200)
		s.wait(100 * ms)
	}, "0s "+started, "2.7s "+stopped)
}
