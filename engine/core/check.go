package core

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"time"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// check is one probe that healthcheck runs for us, with the destinations that
// depend on it.
type check struct {
	name    string // as in the config, for reasons
	def     lb.Check
	verdict lb.Verdict
	run     bool // healthcheck has been told to run it
	// until is when the patience with a missing verdict ends; zero = not counted
	// yet. expired is set when it has ended.
	until   time.Time
	expired bool
	users   []*destination
}

// health is what the check says about its target.
func (ck *check) health() lb.Health {
	if ck.verdict.State == lb.HealthUnknown && ck.expired {
		return lb.Unhealthy
	}
	return ck.verdict.State
}

// reason says why the check is not healthy.
func (ck *check) reason() string {
	switch {
	case ck.verdict.State == lb.Unhealthy:
		return "check " + ck.name + ": " + ck.verdict.Message
	case ck.expired:
		return "check " + ck.name + ": no verdict within three intervals (is seesaw_healthcheck running?)"
	}
	return "check " + ck.name + ": waiting for the first verdict"
}

// define turns a check of the config into the probe of one backend.
func (c *Core) define(s *service, backend netip.Addr, def config.Check) lb.Check {
	ck := lb.Check{
		Kind: def.Kind, Addr: backend, Backend: backend, Port: def.Port,
		Interval: def.Interval, Timeout: def.Timeout, Retries: def.Retries,
		Send: def.Send, Receive: def.Receive, Code: def.Code, Method: def.Method,
		Proxy: def.Proxy, TLSVerify: def.TLSVerify,
	}
	if def.Mode != 0 {
		ck.Mode, ck.Addr = def.Mode, s.vip
		ck.Source = c.cfg.Node.Addrs.Addr(s.key.Family)
		ck.Mark = c.marks.probe(backend, def.Mode)
	}
	ck.ID = checkID(ck)
	return ck
}

// checkID hashes all of a check but its mark, which may differ after a restart
// while the probe is the same.
func checkID(ck lb.Check) lb.CheckID {
	h := fnv.New64a()
	var num [8]byte
	number := func(n int64) {
		binary.BigEndian.PutUint64(num[:], uint64(n))
		h.Write(num[:])
	}
	text := func(s string) {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	flag := func(b bool) {
		if b {
			number(1)
		} else {
			number(0)
		}
	}
	text(ck.Addr.String())
	text(ck.Backend.String())
	text(ck.Source.String())
	for _, n := range []int64{int64(ck.Kind), int64(ck.Port), int64(ck.Mode), int64(ck.Interval), int64(ck.Timeout), int64(ck.Retries), int64(ck.Code)} {
		number(n)
	}
	text(ck.Send)
	text(ck.Receive)
	text(ck.Method)
	flag(ck.Proxy)
	flag(ck.TLSVerify)
	return lb.CheckID(h.Sum64())
}

// subscribe makes a destination depend on a check, which is made if it is new.
func (c *Core) subscribe(d *destination, name string, def lb.Check) *check {
	ck := c.checks[def.ID]
	if ck == nil {
		ck = &check{name: name, def: def}
		c.checks[def.ID] = ck
	}
	ck.users = append(ck.users, d)
	return ck
}

// unsubscribe drops the checks' users whose vserver is gone, and the checks that
// have no users left.
func (c *Core) unsubscribe() {
	for id, ck := range c.checks {
		ck.users = slices.DeleteFunc(ck.users, func(d *destination) bool { return d.s.v.gone })
		if len(ck.users) == 0 {
			delete(c.checks, id)
		}
	}
}

// wantedChecks returns the checks that a destination of an enabled vserver
// depends on.
func (c *Core) wantedChecks() map[lb.CheckID]lb.Check {
	wanted := make(map[lb.CheckID]lb.Check, len(c.checks))
	for id, ck := range c.checks {
		if slices.ContainsFunc(ck.users, func(d *destination) bool { return d.s.v.off == "" }) {
			wanted[id] = ck.def
		}
	}
	return wanted
}

// Checks returns the whole set of checks that healthcheck should run now, for
// one that has just joined. Before ncc has answered for the first time there is
// nothing to say yet, and ok is false: an empty set would have healthcheck forget
// what it knows. A SetChecks with the whole set follows then.
func (c *Core) Checks() (u lb.CheckUpdate, ok bool) {
	u.Full = true
	for _, def := range c.told.checks {
		u.Changed = append(u.Changed, def)
	}
	slices.SortFunc(u.Changed, byID)
	return u, c.told.checks != nil
}

func byID(a, b lb.Check) int { return cmp.Compare(a.ID, b.ID) }

// told is what healthcheck has been told to run. It follows what is wanted once
// ncc has made the VIPs and marks that the probes need: one sent earlier would
// find a backend dead that is not.
type told struct {
	checks map[lb.CheckID]lb.Check // nil = nothing yet
	due    bool                    // what is wanted has changed since
	from   uint64                  // the version of the network from which it can run
}

// changeChecks runs a change of config or overrides and sees to it that
// healthcheck is told what has become of the set of checks.
func (c *Core) changeChecks(change func()) {
	before := c.wantedChecks()
	change()
	c.unsubscribe()
	after := c.wantedChecks()
	if maps.Equal(before, after) {
		return
	}
	c.setProbes(after)
	c.told.due, c.told.from = true, c.net.last+1
	var stopped []*check
	for id := range before {
		if _, still := after[id]; !still {
			stopped = append(stopped, c.checks[id])
		}
	}
	c.forget(stopped)
}

// tellChecks tells healthcheck what to run now, if ncc is ready for it.
func (c *Core) tellChecks() {
	first := c.told.checks == nil
	if !c.told.due && !first || c.net.base < c.told.from {
		return
	}
	c.told.due = false
	wanted := c.wantedChecks()
	u := lb.CheckUpdate{Full: first}
	for id, def := range wanted {
		if ck := c.checks[id]; !ck.run {
			ck.run = true
			c.holds.add(ck, c.now, c.heard)
		}
		if old, was := c.told.checks[id]; !was || old != def {
			u.Changed = append(u.Changed, def)
		}
	}
	for id := range c.told.checks {
		if _, still := wanted[id]; !still {
			u.Removed = append(u.Removed, id)
		}
	}
	c.told.checks = wanted
	if !first && len(u.Changed)+len(u.Removed) == 0 {
		return
	}
	slices.SortFunc(u.Changed, byID)
	slices.Sort(u.Removed)
	c.emit(SetChecks{u})
}

// forget drops what is known of checks that are no longer run; nil is one that
// has no users left.
func (c *Core) forget(stopped []*check) {
	stopped = slices.DeleteFunc(stopped, func(ck *check) bool { return ck == nil })
	for _, ck := range stopped {
		ck.verdict, ck.run, ck.until, ck.expired = lb.Verdict{}, false, time.Time{}, false
	}
	c.reviewChecks(stopped)
}

// verdicts takes news from healthcheck. A verdict of unknown is that of a
// healthcheck that has just started: the last one holds. What one report says is
// true at one time, so it is judged at once, whatever its order.
func (c *Core) verdicts(r lb.VerdictReport) {
	if !c.heard {
		c.heard = true
		c.holds.start(c.now)
	}
	var changed []*check
	for _, verdict := range r.Verdicts {
		ck := c.checks[verdict.ID]
		if ck == nil || verdict.State != lb.Healthy && verdict.State != lb.Unhealthy {
			continue
		}
		before := ck.health()
		ck.verdict = verdict
		if ck.health() != before {
			changed = append(changed, ck)
		}
	}
	c.reviewChecks(changed)
}

// reviewChecks decides anew about everything that depends on some checks: each
// service once, when all its destinations are known.
func (c *Core) reviewChecks(checks []*check) {
	var services []*service
	for _, ck := range checks {
		for _, d := range ck.users {
			if c.reviewDestination(d) && !d.s.due {
				d.s.due = true
				services = append(services, d.s)
			}
		}
	}
	for _, s := range services {
		s.due = false
		c.reviewService(s)
	}
}
