package ha

import (
	"context"
	"slices"
	"time"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

// presence is what ha knows of the engine's being there.
type presence struct {
	word   time.Time // its last directive; zero = never heard
	broken time.Time // when the conversation broke; zero = it goes on
}

func (p *presence) heard(now time.Time) { p.word, p.broken = now, time.Time{} }

func (p *presence) gone(now time.Time) {
	if p.broken.IsZero() {
		p.broken = now
	}
}

// deadline is when the engine counts as dead: a while after the conversation
// broke, or when it has been silent for too long.
func (p *presence) deadline() time.Time {
	if p.word.IsZero() {
		return time.Time{} // never heard: there is nothing to leave
	}
	if !p.broken.IsZero() {
		return p.broken.Add(grace)
	}
	return p.word.Add(silence)
}

// judgeEngine leaves the election when the engine is dead: a leader whose
// decisions nobody makes gives the lead to its peer. A lone node leads on.
func (d *Daemon) judgeEngine(now time.Time) {
	deadline := d.engine.deadline()
	if d.abandoned || !d.conf.Peer || deadline.IsZero() || now.Before(deadline) {
		return
	}
	d.abandoned = true
	d.log.Warn("the engine is gone: leaving the election until it returns (is seesaw_engine running?)", "role", d.report.Role.String())
	d.setEligible(now)
}

// setEligible says to the machine whether it can take part: if the cluster
// config has it so, the engine is there, and others can be heard if there are
// any.
func (d *Daemon) setEligible(now time.Time) {
	d.step(now, vrrp.SetEligible(d.conf.Enabled && !d.abandoned && (d.wire != nil || !d.conf.Peer)))
}

// direct does what the engine says.
func (d *Daemon) direct(now time.Time, dir lb.HADirective) {
	d.engine.heard(now)
	conf := dir.Config
	if d.cfg.Interval != 0 {
		conf.Interval = d.cfg.Interval
	}
	conf.Preempt = conf.Preempt || d.cfg.Preempt
	if d.machine == nil || !same(conf, d.conf) {
		d.configure(now, conf, dir)
	}
	if d.machine == nil {
		return
	}
	if d.abandoned {
		d.abandoned = false
		d.setEligible(now)
	}
	if d.undecided && !dir.Led {
		d.undecided = false
		d.step(now, vrrp.Start(vrrp.Listen))
		d.say(now)
	}
	if dir.Failover {
		d.failover(now)
	}
}

// failover resigns to the peer.
func (d *Daemon) failover(now time.Time) {
	switch {
	case !d.conf.Peer:
		d.log.Warn("failover: no peer is configured that could take over; nothing changes")
	case d.machine.State() != vrrp.Active:
		d.log.Warn("failover: this node does not lead; nothing changes", "role", d.report.Role.String())
	default:
		d.step(now, vrrp.Resign())
	}
}

func same(a, b lb.HAConfig) bool {
	return slices.Equal(a.VIPs, b.VIPs) && a.Enabled == b.Enabled && a.Interface == b.Interface &&
		a.LBInterface == b.LBInterface && a.Local == b.Local && a.Group == b.Group && a.Peer == b.Peer &&
		a.VRID == b.VRID && a.Priority == b.Priority && a.Interval == b.Interval && a.Preempt == b.Preempt
}

// configure runs with another config. What can change under a running machine
// changes there; for the rest a new one takes up where the old one was.
func (d *Daemon) configure(now time.Time, conf lb.HAConfig, dir lb.HADirective) {
	machine, err := vrrp.New(vrrp.Config{
		Addr: conf.Local, VRID: conf.VRID, Priority: max(conf.Priority, 1), Interval: conf.Interval,
		Preempt: conf.Preempt, Accept: true, Alone: !conf.Peer,
	})
	if err != nil {
		d.log.Error("cannot run with this config; what ran before goes on", "err", err)
		return
	}
	led := d.machine != nil && d.machine.State() == vrrp.Active
	restart := d.machine != nil
	d.conf = conf
	d.machine = machine
	d.closeWire()
	d.openWire(now)
	mode := startMode(conf, dir)
	if restart {
		mode = vrrp.Listen
		if led {
			mode = vrrp.Resume // it has led until this moment
		}
	}
	d.undecided = mode == vrrp.ListenOneInterval
	d.log.Info("taking part in the election", "interface", conf.Interface, "local", conf.Local, "group", conf.Group,
		"vrid", conf.VRID, "priority", conf.Priority, "interval", conf.Interval.String(), "enabled", conf.Enabled, "start", mode)
	d.setEligible(now)
	d.step(now, vrrp.Start(mode))
	if !conf.Enabled {
		d.report.Role, d.report.Reason = lb.RoleDisabled, "disabled in the cluster config"
		d.say(now)
	}
}

// startMode says how a fresh machine begins. If the engine says that we lead
// and the last word of it is younger than three intervals, nobody can have
// taken over since.
func startMode(conf lb.HAConfig, dir lb.HADirective) vrrp.StartMode {
	switch {
	case !dir.Led:
		return vrrp.Listen
	case dir.SinceWord < 3*conf.Interval:
		return vrrp.Resume
	}
	return vrrp.ListenOneInterval
}

// openWire opens the wire that the config names, or sees to it that it is
// tried again.
func (d *Daemon) openWire(now time.Time) {
	wire, err := d.cfg.Open(d.conf)
	if err != nil {
		if d.reopen.IsZero() {
			d.log.Error("cannot take part in the election; trying again every second", "interface", d.conf.Interface, "err", err)
		}
		d.reopen = now.Add(reopenAfter)
		return
	}
	if !d.reopen.IsZero() {
		d.log.Info("adverts can be sent and heard now", "interface", d.conf.Interface)
	}
	returned := !d.reopen.IsZero()
	d.reopen = time.Time{}
	ctx, stop := context.WithCancel(context.Background())
	adverts := make(chan heard, 64)
	d.wire, d.adverts, d.stop = wire, adverts, stop
	go func() {
		err := wire.Run(ctx, func(a vrrp.Advert, from Source) {
			select {
			case adverts <- heard{a, from}:
			case <-ctx.Done():
			}
		})
		if err != nil && ctx.Err() == nil {
			d.log.Error("adverts are no longer heard", "err", err)
		}
	}()
	if returned {
		d.setEligible(now)
	}
}

func (d *Daemon) closeWire() {
	if d.wire == nil {
		return
	}
	d.stop()
	if err := d.wire.Close(); err != nil {
		d.log.Warn("close of the advert socket", "err", err)
	}
	d.wire, d.adverts = nil, nil
}
