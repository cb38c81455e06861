// Package ha is the shell round ha/vrrp: it puts the machine's adverts on the
// wire and the wire's adverts into the machine, keeps its timer, and tells the
// engine what this node is. Who leads is the machine's decision; whether this
// node may take part is decided here.
//
// One goroutine (Daemon.Run) owns the machine. Three others serve it: one reads
// adverts, one watches links, one holds the conversation with the engine; none
// can hold it up. cmd/seesaw_ha is its only caller.
package ha

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

// Session is a conversation with the engine. Any error ends it, and so does the
// end of the context it was joined with, even while a call waits.
type Session interface {
	Send(lb.HAReport) error
	Recv() (lb.HADirective, error)
}

// Wire carries adverts between this node and the others of its virtual router.
type Wire interface {
	// Send puts an advert on the wire. It must not block.
	Send(vrrp.Advert) error
	// Run hands over every valid advert of other nodes until ctx ends or the wire
	// is closed. It counts what it rejects.
	Run(ctx context.Context, heard func(vrrp.Advert, Source)) error
	// Close ends Run.
	Close() error
}

// Config is what a Daemon is made from. All functions are required.
type Config struct {
	// Join opens a conversation with the engine that ends with ctx.
	Join func(ctx context.Context) (Session, error)
	// Open opens the wire that a config names.
	Open func(lb.HAConfig) (Wire, error)
	// Watch tells how the links named are, at once and at every change, until ctx
	// ends.
	Watch func(ctx context.Context, names []string, changed func(Link))
	// Now is a clock that cannot be set. It should go on while the host is
	// suspended, or the machine cannot see that it was.
	Now func() time.Time
	// Interval and Preempt override what the engine says, if they are set; they
	// are the original's flags.
	Interval time.Duration
	Preempt  bool
}

const (
	// reopenAfter is the pause before a wire that could not be opened, or that
	// broke, is tried again.
	reopenAfter = time.Second
	// maxBeat is the longest time between two reports to the engine.
	maxBeat = time.Second
)

// Daemon takes part in the election for one node.
type Daemon struct {
	cfg   Config
	log   *slog.Logger
	voice *voice
	links chan Link      // the watching goroutine sends, Run receives; it waits for Run
	wg    sync.WaitGroup // the goroutines that talk and watch

	// Those below are owned by Run.
	asked   lb.HAConfig   // what the engine asked for last, even if it was refused
	conf    lb.HAConfig   // what runs
	machine *vrrp.Machine // nil until the engine has said what to run
	effects []vrrp.Effect
	report  lb.HAReport
	// undecided is true while a machine that may lead on listens whether it may;
	// the role reported is unknown then.
	undecided bool
	why       string    // why this node resigned last
	wake      time.Time // when Run wanted to go on
	engine    presence
	ear       ear
	node      Link    // the node interface, as last told; no name = not told yet
	carrier   carrier // of the LB interface
	unwatch   context.CancelFunc
}

// heard is one advert with its sender.
type heard struct {
	advert vrrp.Advert
	from   Source
}

// New makes a daemon; it starts nothing.
func New(cfg Config, log *slog.Logger) (*Daemon, error) {
	if cfg.Join == nil || cfg.Open == nil || cfg.Watch == nil || cfg.Now == nil {
		return nil, errors.New("ha: a way to the engine, to the wire and to the links and a clock are required")
	}
	return &Daemon{
		cfg: cfg, log: log, voice: newVoice(cfg.Join, log),
		links: make(chan Link), unwatch: func() {},
	}, nil
}

// Run takes part in the election until ctx ends. Ending while leading, it
// resigns, so that a peer takes over at once.
func (d *Daemon) Run(ctx context.Context) error {
	talk, endTalk := context.WithCancel(context.WithoutCancel(ctx))
	d.wg.Go(func() { d.voice.run(talk) })
	defer func() {
		endTalk()
		d.unwatch()
		d.closeWire()
		d.wg.Wait()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	d.wake = d.cfg.Now()
	for {
		now := d.cfg.Now()
		d.wake = d.next(now)
		timer.Reset(d.wake.Sub(now))
		select {
		case <-ctx.Done():
			d.shutdown(d.cfg.Now())
			return nil
		case dir := <-d.voice.heard:
			d.direct(d.awake(), dir)
		case <-d.voice.lost:
			d.engine.gone(d.awake())
		case h := <-d.ear.adverts:
			d.hear(d.awake(), h)
		case err := <-d.ear.deaf:
			d.loseWire(d.awake(), err)
		case l := <-d.links:
			d.linkChanged(d.awake(), l)
		case <-timer.C:
			d.tick()
		}
	}
}

// awake is the time now. That the engine was not heard while nothing of ours ran
// is not the engine's fault.
func (d *Daemon) awake() time.Time {
	now := d.cfg.Now()
	if late := now.Sub(d.wake); late > maxBeat {
		d.engine.excuse(late)
	}
	return now
}

// next is when something has to be done even if nothing happens.
func (d *Daemon) next(now time.Time) time.Time {
	if d.machine == nil {
		return now.Add(time.Minute)
	}
	next := earlier(d.voice.due, d.machine.Deadline())
	next = earlier(next, d.ear.reopen)
	if d.conf.Peer {
		next = earlier(next, d.engine.deadline())
		if d.machine.State() == vrrp.Active {
			next = earlier(next, d.carrier.deadline())
		}
	}
	return next
}

// earlier is the first of two times, of which the zero one never comes.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tick does whatever is due. The adverts that wait come first: if we are late,
// the leader is not. Those that come meanwhile do not, or a flood of them would
// keep us from sending ours.
func (d *Daemon) tick() {
	now := d.awake()
	if d.machine == nil {
		return
	}
	for range len(d.ear.adverts) {
		d.hear(now, <-d.ear.adverts)
	}
	if reopen := d.ear.reopen; !reopen.IsZero() && !now.Before(reopen) {
		d.openWire(now)
		d.refresh(now)
	}
	d.judgeEngine(now)
	d.judgeCarrier(now)
	d.step(now, vrrp.Deadline())
	if !now.Before(d.voice.due) {
		d.say(now)
	}
}

// hear steps an advert.
func (d *Daemon) hear(now time.Time, h heard) {
	d.report.Received++
	d.carrier.tried = false // there is another node that can lead
	if d.ear.mute && d.conf.Peer {
		// Two lead, and the other cannot hear that we do.
		d.resign(now, "adverts cannot be sent, and another node leads")
	}
	d.step(now, vrrp.Heard(h.from.Addr, h.advert.Priority, h.advert.Interval))
	if d.undecided && d.machine.State() == vrrp.Backup {
		d.undecided = false
		d.enter(now, lb.RoleBackup, "started, and heard "+h.from.Addr.String())
	}
}

// shutdown leaves the election. Where there is a peer, it and the engine are
// told; a lone node's role is kept for the next ha to take up.
func (d *Daemon) shutdown(now time.Time) {
	if d.machine == nil {
		return
	}
	led := d.machine.State() == vrrp.Active
	if !d.conf.Peer {
		if led {
			d.send(vrrp.Effect{Priority: vrrp.PriorityResign, Interval: d.machine.Interval()})
		}
		return
	}
	d.step(now, vrrp.Shutdown())
	d.voice.farewell(led)
}

// step feeds the machine and carries out what comes of it. A leader's word to
// the engine goes with its adverts: the age of the one is the age of the other
// when the next ha asks whether it may resume.
func (d *Daemon) step(now time.Time, ev vrrp.Event) {
	d.effects = d.machine.Step(now, ev, d.effects[:0])
	for _, eff := range d.effects {
		switch eff.Kind {
		case vrrp.SendAdvert:
			d.send(eff)
		case vrrp.Become:
			d.become(now, eff)
		}
	}
	if len(d.effects) > 0 {
		d.say(now)
	}
}

// become takes over the machine's state.
func (d *Daemon) become(now time.Time, eff vrrp.Effect) {
	reason := eff.Reason.String()
	if eff.Peer.IsValid() {
		reason += " (" + eff.Peer.String() + ")"
	}
	if eff.Reason == vrrp.ReasonResigned {
		reason = d.why
	}
	switch {
	case eff.State == vrrp.Active:
		d.undecided = false
		d.enter(now, lb.RoleLeader, reason)
	case eff.Reason == vrrp.ReasonShutdown:
		d.undecided = false
		d.enter(now, lb.RoleShutdown, reason)
	case eff.State == vrrp.Backup && !d.undecided:
		d.enter(now, lb.RoleBackup, reason)
	}
}

// enter notes what this node is now, and why, and tells the engine.
func (d *Daemon) enter(now time.Time, role lb.Role, reason string) {
	if role == d.report.Role && reason == d.report.Reason {
		return
	}
	d.log.Info("role", "old", d.report.Role.String(), "role", role.String(), "reason", reason)
	if role != d.report.Role {
		d.report.Since = time.Now() // operators read it: a wall clock
		d.report.Transitions++
	}
	d.report.Role, d.report.Reason = role, reason
	d.say(now)
}

// say tells the engine what this node is, and when it will be told again: at
// least once in each interval that the engine knows of.
func (d *Daemon) say(now time.Time) {
	d.voice.say(d.report)
	d.voice.due = now.Add(min(d.conf.Interval, d.asked.Interval, maxBeat))
}
