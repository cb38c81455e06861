package ha

import (
	"context"
	"slices"
	"time"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

// direct does what the engine says.
func (d *Daemon) direct(now time.Time, dir lb.HADirective) {
	returned := d.engine.dead
	d.engine.heard(now)
	if d.machine == nil || !same(dir.Config, d.asked) {
		d.asked = dir.Config
		d.configure(now, dir)
	}
	if d.machine == nil {
		return
	}
	if returned {
		d.log.Info("the engine is back")
		d.refresh(now)
	}
	if d.undecided && !dir.Led {
		d.undecided = false
		d.step(now, vrrp.Start(vrrp.Listen))
		d.enter(now, lb.RoleBackup, "started, and the engine has given up the role")
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
		d.resign(now, "resigned on request")
	}
}

// resign gives the lead to whoever takes it.
func (d *Daemon) resign(now time.Time, why string) {
	d.why = why
	d.step(now, vrrp.Resign())
}

// overridden is conf with what the command line says above it.
func (d *Daemon) overridden(conf lb.HAConfig) lb.HAConfig {
	if d.cfg.Interval != 0 {
		conf.Interval = d.cfg.Interval
	}
	conf.Preempt = conf.Preempt || d.cfg.Preempt
	return conf
}

func same(a, b lb.HAConfig) bool {
	return slices.Equal(a.VIPs, b.VIPs) && a.Enabled == b.Enabled && a.Interface == b.Interface &&
		a.LBInterface == b.LBInterface && sameMachine(a, b) && a.Group == b.Group &&
		a.Priority == b.Priority && a.Interval == b.Interval
}

// sameMachine says that a machine of a can become one of b by events.
func sameMachine(a, b lb.HAConfig) bool {
	return a.Local == b.Local && a.VRID == b.VRID && a.Preempt == b.Preempt && a.Peer == b.Peer
}

func sameWire(a, b lb.HAConfig) bool {
	return a.Interface == b.Interface && a.Local == b.Local && a.Group == b.Group && a.VRID == b.VRID
}

// configure runs with another config. What can change under a running machine
// changes there; for the rest a new one takes up where the old one was.
func (d *Daemon) configure(now time.Time, dir lb.HADirective) {
	conf := d.overridden(dir.Config)
	machine, err := vrrp.New(vrrp.Config{
		Addr: conf.Local, VRID: conf.VRID, Priority: max(conf.Priority, 1), Interval: conf.Interval,
		Preempt: conf.Preempt, Accept: true, Alone: !conf.Peer,
	})
	if err != nil {
		d.log.Error("cannot run with this config; what ran before goes on", "err", err)
		return
	}
	first, was := d.machine == nil, d.conf
	if !first && !conf.Enabled {
		d.conf.Enabled = false
		d.refresh(now) // the peer is told by the wire that it knows
	}
	d.conf = conf
	if first || was.Interface != conf.Interface || was.LBInterface != conf.LBInterface {
		d.watchLinks()
	}
	if first || !sameWire(was, conf) {
		d.closeWire()
		d.openWire(now)
	}
	switch {
	case first:
		d.begin(now, machine, startMode(conf, dir))
	case sameMachine(was, conf):
		d.step(now, vrrp.SetPriority(conf.Priority))
		d.step(now, vrrp.SetInterval(conf.Interval))
	case d.machine.State() == vrrp.Active:
		d.begin(now, machine, vrrp.Resume) // it has led until this moment
	case d.undecided:
		d.begin(now, machine, startMode(conf, dir))
	default:
		d.begin(now, machine, vrrp.Listen)
	}
	d.log.Info("taking part in the election", "interface", conf.Interface, "local", conf.Local, "group", conf.Group, "vrid", conf.VRID,
		"priority", conf.Priority, "interval", conf.Interval.String(), "peer", conf.Peer, "preempt", conf.Preempt, "enabled", conf.Enabled)
	d.refresh(now)
}

// begin starts a fresh machine.
func (d *Daemon) begin(now time.Time, machine *vrrp.Machine, mode vrrp.StartMode) {
	d.machine = machine
	d.undecided = mode == vrrp.ListenOneInterval
	d.step(now, vrrp.SetEligible(d.obstacle() == ""))
	d.step(now, vrrp.Start(mode))
}

// startMode says how the machine of a restarted ha begins. If the engine says
// that we lead and our last word to it is younger than three intervals, nobody
// can have taken over since.
func startMode(conf lb.HAConfig, dir lb.HADirective) vrrp.StartMode {
	switch {
	case !dir.Led:
		return vrrp.Listen
	case dir.SinceWord < 3*conf.Interval:
		return vrrp.Resume
	}
	return vrrp.ListenOneInterval
}

// watchLinks has the links of the config watched, and forgets what was known.
func (d *Daemon) watchLinks() {
	d.unwatch()
	ctx, unwatch := context.WithCancel(context.Background())
	d.unwatch = unwatch
	d.node, d.carrier = Link{}, carrier{}
	names := slices.Compact([]string{d.conf.Interface, d.conf.LBInterface})
	d.wg.Go(func() {
		d.cfg.Watch(ctx, names, func(l Link) {
			select {
			case d.links <- l:
			case <-ctx.Done():
			}
		})
	})
}
