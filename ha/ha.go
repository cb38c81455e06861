// Package ha is the shell round ha/vrrp: it puts the machine's adverts on the
// wire and the wire's adverts into the machine, keeps its timer, and tells the
// engine what this node is. Who leads is the machine's decision.
//
// One goroutine (Daemon.Run) owns the machine. Two others serve it: one reads
// adverts, one holds the conversation with the engine; neither can hold it up.
package ha

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

// Session is a conversation with the engine. Any error ends it.
type Session interface {
	Send(lb.HAReport) error
	Recv() (lb.HADirective, error)
}

// Wire carries adverts between this node and the others of its virtual router.
type Wire interface {
	// Send puts an advert on the wire. It must not block.
	Send(vrrp.Advert) error
	// Run hands over every valid advert of other nodes until ctx ends. It counts
	// what it rejects.
	Run(ctx context.Context, heard func(vrrp.Advert, Source)) error
	Close() error
}

// Config is what a Daemon is made from.
type Config struct {
	// Join opens a conversation with the engine that ends with ctx.
	Join func(ctx context.Context) (Session, error)
	// Open opens the wire that a config names.
	Open func(lb.HAConfig) (Wire, error)
	// Interval and Preempt override what the engine says, if they are set; they
	// are the original's flags.
	Interval time.Duration
	Preempt  bool
}

const (
	// silence is how long the engine may say nothing before it counts as dead.
	silence = 3 * time.Second
	// grace is how long after the engine's conversation has broken the lead is
	// kept for its return.
	grace = 3 * time.Second
	// reopenAfter is the pause before a wire that could not be opened is tried
	// again.
	reopenAfter = time.Second
)

// Daemon takes part in the election for one node.
type Daemon struct {
	cfg Config
	log *slog.Logger

	// Those below are owned by Run.
	conf    lb.HAConfig
	machine *vrrp.Machine // nil until the engine has said what to run
	wire    Wire          // nil while it cannot be opened
	stop    context.CancelFunc
	// adverts carries what the wire hears: its goroutine sends, Run receives; it
	// is replaced with the wire. A full one makes the wire wait, not lose.
	adverts chan heard
	effects []vrrp.Effect
	report  lb.HAReport
	// undecided is true while a machine that may lead on listens whether it may.
	undecided bool
	sendFails bool
	reopen    time.Time // when to try to open the wire again; zero = not wanted
	engine    presence
	// abandoned is true from when the engine counts as dead until it is heard.
	abandoned bool
	voice     *voice
}

// heard is one advert with its sender.
type heard struct {
	advert vrrp.Advert
	from   Source
}

// New makes a daemon; it starts nothing.
func New(cfg Config, log *slog.Logger) (*Daemon, error) {
	if cfg.Join == nil || cfg.Open == nil {
		return nil, errors.New("ha: a way to the engine and one to the wire are required")
	}
	return &Daemon{cfg: cfg, log: log}, nil
}

// Run takes part in the election until ctx ends. Ending while leading, it
// resigns, so that a peer takes over at once.
func (d *Daemon) Run(ctx context.Context) error {
	talk, endTalk := context.WithCancel(context.WithoutCancel(ctx))
	d.voice = newVoice(d.cfg.Join, d.log)
	talked := make(chan struct{}) // closed when the conversation has ended
	go func() { defer close(talked); d.voice.run(talk) }()
	defer func() {
		d.closeWire()
		d.voice.flush()
		endTalk()
		<-talked
	}()
	d.engine.gone(time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(d.next()))
		select {
		case <-ctx.Done():
			d.shutdown(time.Now())
			return nil
		case dir := <-d.voice.heard:
			d.direct(time.Now(), dir)
		case <-d.voice.lost:
			d.engine.gone(time.Now())
		case h := <-d.adverts:
			d.hear(time.Now(), h)
		case <-timer.C:
			d.tick()
		}
	}
}

// next is when something has to be done even if nothing happens.
func (d *Daemon) next() time.Time {
	var next time.Time
	if d.machine != nil {
		if d.conf.Peer && !d.abandoned {
			next = d.engine.deadline()
		}
		next = earlier(next, d.machine.Deadline())
		next = earlier(next, d.voice.due)
	}
	next = earlier(next, d.reopen)
	if next.IsZero() {
		return time.Now().Add(time.Minute)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tick does whatever is due. An advert that is waiting comes first: if we are
// late, the leader is not.
func (d *Daemon) tick() {
	for {
		select {
		case h := <-d.adverts:
			d.hear(time.Now(), h)
			continue
		default:
		}
		break
	}
	now := time.Now()
	if d.machine == nil {
		return
	}
	if !d.reopen.IsZero() && !now.Before(d.reopen) {
		d.openWire(now)
	}
	d.judgeEngine(now)
	d.step(now, vrrp.Deadline())
	if !now.Before(d.voice.due) {
		d.say(now)
	}
}

// hear steps an advert.
func (d *Daemon) hear(now time.Time, h heard) {
	d.report.Received++
	d.undecided = false
	d.step(now, vrrp.Heard(h.from.Addr, h.advert.Priority, h.advert.Interval))
}

// shutdown leaves the election. Where there is a peer, it and the engine are
// told; a lone node's role is kept for the next ha to take up.
func (d *Daemon) shutdown(now time.Time) {
	switch {
	case d.machine == nil:
	case d.conf.Peer:
		d.step(now, vrrp.Shutdown())
	case d.machine.State() == vrrp.Active:
		d.send(vrrp.Effect{Priority: vrrp.PriorityResign, Interval: d.conf.Interval})
	}
}

// step feeds the machine and carries out what comes of it.
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
}

// send puts an advert on the wire. That it cannot be sent is logged once.
func (d *Daemon) send(eff vrrp.Effect) {
	if d.wire == nil {
		return
	}
	err := d.wire.Send(vrrp.Advert{VRID: d.conf.VRID, Priority: eff.Priority, Interval: eff.Interval, Addrs: d.conf.VIPs})
	if err == nil {
		d.report.Sent++
	}
	if failed := err != nil; failed != d.sendFails {
		d.sendFails = failed
		if failed {
			d.log.Warn("adverts cannot be sent: other nodes may take the lead", "interface", d.conf.Interface, "err", err)
		} else {
			d.log.Info("adverts can be sent again", "interface", d.conf.Interface)
		}
	}
}

// become notes a change of state and tells the engine.
func (d *Daemon) become(now time.Time, eff vrrp.Effect) {
	role := roleOf(eff)
	if role != lb.RoleBackup {
		d.undecided = false
	}
	reason := eff.Reason.String()
	if eff.Peer.IsValid() {
		reason += " (" + eff.Peer.String() + ")"
	}
	d.log.Info("role changed", "old", d.report.Role.String(), "role", role.String(), "reason", reason,
		"peer", eff.Peer, "peer_priority", eff.PeerPriority)
	d.report.Role, d.report.Reason, d.report.Since = role, reason, now
	d.report.Transitions++
	d.say(now)
}

// roleOf puts the machine's state into the engine's words.
func roleOf(eff vrrp.Effect) lb.Role {
	switch {
	case eff.State == vrrp.Active:
		return lb.RoleLeader
	case eff.State == vrrp.Backup:
		return lb.RoleBackup
	case eff.Reason == vrrp.ReasonShutdown:
		return lb.RoleShutdown
	}
	return lb.RoleBackup // takes no part for now: another node leads
}

// say tells the engine what this node is, and when it will be told again.
func (d *Daemon) say(now time.Time) {
	r := d.report
	if d.undecided {
		r.Role = lb.RoleUnknown
	}
	d.voice.say(r)
	d.voice.due = now.Add(min(max(d.conf.Interval, 20*time.Millisecond), time.Second))
}
