package core

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// holdIntervals is how many intervals of a check may pass without a verdict
// before the target counts as unhealthy.
const holdIntervals = 3

// check is one probe that healthcheck runs for us, with the destinations that
// depend on it.
type check struct {
	name    string // as in the config, for reasons
	def     lb.Check
	verdict lb.Verdict
	// expired is set if there has been no verdict for too long.
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

// unsubscribe ends what a vserver's destinations depend on.
func (c *Core) unsubscribe(v *vserver) {
	for _, s := range v.services {
		for _, d := range s.destinations {
			for _, ck := range d.checks {
				ck.users = slices.DeleteFunc(ck.users, func(u *destination) bool { return u == d })
			}
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

// Checks returns the whole set of checks, for a healthcheck that has just
// joined.
func (c *Core) Checks() lb.CheckUpdate {
	u := lb.CheckUpdate{Full: true}
	for _, def := range c.wantedChecks() {
		u.Changed = append(u.Changed, def)
	}
	slices.SortFunc(u.Changed, byID)
	return u
}

func byID(a, b lb.Check) int {
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// changeChecks runs a change of config or overrides and tells healthcheck what
// has become of the set of checks.
func (c *Core) changeChecks(change func()) {
	before := c.wantedChecks()
	change()
	for id, ck := range c.checks {
		if len(ck.users) == 0 {
			delete(c.checks, id)
		}
	}
	after := c.wantedChecks()
	var u lb.CheckUpdate
	for id, def := range after {
		old, was := before[id]
		if !was || old != def {
			u.Changed = append(u.Changed, def)
		}
		if !was {
			c.holds.add(c.checks[id], c.now, c.heard)
		}
	}
	for id := range before {
		if _, still := after[id]; !still {
			u.Removed = append(u.Removed, id)
			c.forget(c.checks[id])
		}
	}
	if len(u.Changed)+len(u.Removed) == 0 {
		return
	}
	slices.SortFunc(u.Changed, byID)
	slices.Sort(u.Removed)
	c.emit(SetChecks{u})
}

// forget drops what is known of a check that is no longer run.
func (c *Core) forget(ck *check) {
	if ck == nil {
		return
	}
	ck.verdict, ck.expired = lb.Verdict{}, false
	c.reviewCheck(ck)
}

// verdicts takes news from healthcheck. A verdict of unknown is that of a
// healthcheck that has just started: the last one holds.
func (c *Core) verdicts(r lb.VerdictReport) {
	if !c.heard {
		c.heard = true
		c.holds.start(c.now)
	}
	for _, verdict := range r.Verdicts {
		ck := c.checks[verdict.ID]
		if ck == nil || verdict.State == lb.HealthUnknown {
			continue
		}
		before := ck.health()
		ck.verdict = verdict
		if ck.health() != before {
			c.reviewCheck(ck)
		}
	}
}

// reviewCheck decides anew about everything that depends on a check.
func (c *Core) reviewCheck(ck *check) {
	for _, d := range ck.users {
		if c.reviewDestination(d) {
			c.reviewService(d.s)
		}
	}
}

// holds remembers until when checks without a verdict are left alone. Time
// counts from when healthcheck is first heard: nothing is taken down for want
// of a healthcheck.
type holds struct {
	waiting []*check // before healthcheck is heard
	until   []hold   // sorted by time
}

type hold struct {
	at time.Time
	ck *check
}

func (h *holds) add(ck *check, now time.Time, heard bool) {
	if !heard {
		h.waiting = append(h.waiting, ck)
		return
	}
	h.push(hold{now.Add(holdIntervals * ck.def.Interval), ck})
}

// start lets the time of all that wait begin.
func (h *holds) start(now time.Time) {
	for _, ck := range h.waiting {
		h.add(ck, now, true)
	}
	h.waiting = nil
}

func (h *holds) push(x hold) {
	i, _ := slices.BinarySearchFunc(h.until, x, func(a, b hold) int { return a.at.Compare(b.at) })
	h.until = slices.Insert(h.until, i, x)
}

func (h *holds) next() time.Time {
	if len(h.until) == 0 {
		return time.Time{}
	}
	return h.until[0].at
}

// expireHolds ends the patience with checks that never had a verdict.
func (c *Core) expireHolds() {
	for len(c.holds.until) > 0 && !c.holds.until[0].at.After(c.now) {
		ck := c.holds.until[0].ck
		c.holds.until = c.holds.until[1:]
		if ck.verdict.State == lb.HealthUnknown && c.checks[ck.def.ID] == ck {
			ck.expired = true
			c.reviewCheck(ck)
		}
	}
}
