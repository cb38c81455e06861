package ha

import (
	"time"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

const (
	// silence is how long the engine may say nothing before it counts as dead.
	silence = 3 * time.Second
	// grace is how long after the engine's conversation has broken the lead is
	// kept for its return.
	grace = 3 * time.Second
	// settle is how long a raised LB interface may take to find its carrier.
	settle = 2 * time.Second
)

// presence is what ha knows of the engine's being there.
type presence struct {
	word   time.Time // its last directive; zero = never heard
	broken time.Time // when the conversation broke; zero = it goes on
	dead   bool      // it counts as dead, until it is heard
}

func (p *presence) heard(now time.Time) { *p = presence{word: now} }

func (p *presence) gone(now time.Time) {
	if p.broken.IsZero() {
		p.broken = now
	}
}

// excuse leaves a while out of account in which the engine could not be heard.
func (p *presence) excuse(while time.Duration) {
	if !p.word.IsZero() {
		p.word = p.word.Add(while)
	}
	if !p.broken.IsZero() {
		p.broken = p.broken.Add(while)
	}
}

// deadline is when the engine counts as dead: a while after the conversation
// broke, or when it has been silent for too long. Zero = it does not come.
func (p *presence) deadline() time.Time {
	switch {
	case p.dead || p.word.IsZero():
		return time.Time{} // never heard: there is nothing to leave
	case !p.broken.IsZero():
		return p.broken.Add(grace)
	}
	return p.word.Add(silence)
}

// judgeEngine leaves the election when the engine is dead: a leader whose
// decisions nobody makes gives the lead to its peer. A lone node leads on.
func (d *Daemon) judgeEngine(now time.Time) {
	deadline := d.engine.deadline()
	if !d.conf.Peer || deadline.IsZero() || now.Before(deadline) {
		return
	}
	d.engine.dead = true
	d.log.Warn("the engine is gone: leaving the election until it returns (is seesaw_engine running?)", "role", d.report.Role.String())
	d.refresh(now)
}

// obstacle is why this node cannot take part in the election, or "". A lone node
// always can: whatever it lacks, nobody else could serve.
func (d *Daemon) obstacle() string {
	switch {
	case !d.conf.Enabled:
		return "disabled in the cluster config"
	case !d.conf.Peer:
		return ""
	case d.engine.dead:
		return "the engine is gone (is seesaw_engine running?)"
	case d.ear.wire == nil:
		return "adverts cannot be exchanged: " + d.ear.fault
	case d.node.Name != "" && !d.node.Running:
		return "no carrier on node interface " + d.conf.Interface
	}
	return ""
}

// refresh says to the machine whether it can take part, and notes why not.
func (d *Daemon) refresh(now time.Time) {
	obstacle := d.obstacle()
	d.step(now, vrrp.SetEligible(obstacle == ""))
	switch {
	case obstacle == "":
		return
	case !d.conf.Enabled:
		d.enter(now, lb.RoleDisabled, obstacle)
	default:
		d.enter(now, lb.RoleBackup, obstacle)
	}
	d.undecided = false
}

// linkChanged takes what the watch tells about the node or the LB interface.
func (d *Daemon) linkChanged(now time.Time, l Link) {
	if l.Name == d.conf.Interface {
		replaced := d.node.Name != "" && l.Index != d.node.Index
		d.node = l
		if replaced || d.ear.wire == nil {
			d.closeWire() // a socket hears only the link that it was opened on
			d.openWire(now)
		}
		d.refresh(now)
	}
	if l.Name == d.conf.LBInterface {
		d.carrier.observe(now, l)
		d.judgeCarrier(now)
	}
}

// carrier is what is known of the LB interface's carrier. It counts on the
// leader alone: elsewhere the interface is down.
type carrier struct {
	up, running bool
	raised      time.Time // when it came up
	seen        bool      // it had carrier since it came up
	// tried is set when this node resigned for want of carrier, and nobody else
	// has been heard since: resigning again would help nobody.
	tried bool
}

func (c *carrier) observe(now time.Time, l Link) {
	if l.Up && !c.up {
		c.raised, c.seen = now, false
	}
	c.up, c.running = l.Up, l.Up && l.Running
	if c.running {
		c.seen, c.tried = true, false
	}
}

// deadline is when carrier counts as lost. Zero = it does not.
func (c *carrier) deadline() time.Time {
	switch {
	case !c.up || c.running || c.tried:
		return time.Time{}
	case c.seen:
		return c.raised
	}
	return c.raised.Add(settle)
}

// judgeCarrier resigns when the LB interface of a leader has lost its carrier.
func (d *Daemon) judgeCarrier(now time.Time) {
	lost := d.carrier.deadline()
	if !d.conf.Peer || d.machine.State() != vrrp.Active || lost.IsZero() || now.Before(lost) {
		return
	}
	d.resign(now, "no carrier on LB interface "+d.conf.LBInterface)
	d.carrier.tried = true
}
