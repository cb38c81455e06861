package watchdog

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// readyLimit is how long dependents wait for a service that does not say that it is ready: long enough for
// a cold start on a slow machine, short enough that a node with one broken daemon serves what it can.
const readyLimit = 10 * time.Second

// state of one service:
//
//	waiting ──dependencies were ready──▶ starting ──it says so──▶ ready
//	                                      ▲    │                    │
//	                                 delay over└───── it ends ──────┤
//	                                      │                         ▼
//	                                      └──────────────────── backingOff
//
//	starting, ready ──stopAll, dependents stopped──▶ stopping ──it ends──▶ stopped
//	waiting, backingOff ──stopAll──▶ stopped
type state int

const (
	waiting    state = iota // for its dependencies
	starting                // runs, has not said that it is ready
	ready                   // runs, has said so
	backingOff              // ended; starts again at retryAt
	stopping                // TERM sent; KILL at killAt
	stopped
)

// String returns the state as the log shows it.
func (s state) String() string {
	return [...]string{"waiting", "starting", "ready", "backing off", "stopping", "stopped"}[s]
}

// event is one of adopted, notified, exited, stopAll, tick.
type event interface{ isEvent() }

type (
	adopted  struct{ ready map[string]bool } // services found running at our own start, and whether they are ready
	notified struct{ name string }           // the service says that it is ready
	exited   struct{ name, reason string }   // it ended, or could not be started
	stopAll  struct{}                        // stop everything, in order
	tick     struct{}                        // the deadline passed
)

func (adopted) isEvent()  {}
func (notified) isEvent() {}
func (exited) isEvent()   {}
func (stopAll) isEvent()  {}
func (tick) isEvent()     {}

// effect is one of start, signalGroup, note.
type effect interface{ isEffect() }

type (
	start       struct{ name string } // failure comes back as exited
	signalGroup struct {              // to the service's main process and its group
		name   string
		signal syscall.Signal
	}
	note struct { // for the log
		name, text, reason string
		wait               time.Duration
		trouble            bool
	}
)

func (start) isEffect()       {}
func (signalGroup) isEffect() {}
func (note) isEffect()        {}

// unit is one service as the machine sees it.
type unit struct {
	name            string
	needs, neededBy []*unit
	termTimeout     time.Duration
	state           state
	open            bool      // dependents need not wait: it has been ready, or readyLimit has passed
	openAt          time.Time // zero until the first start
	startedAt       time.Time
	retryAt, killAt time.Time // killAt is zero once KILL was sent
	history         history
}

// machine decides for all services. It is a value of its own: no clock, no process, no log.
type machine struct {
	units    []*unit // dependencies first
	byName   map[string]*unit
	isEnding bool
	out      []effect
}

func newMachine(services []Service) (*machine, error) {
	services, err := ordered(services)
	if err != nil {
		return nil, err
	}
	m := &machine{byName: map[string]*unit{}}
	for _, s := range services {
		u := &unit{name: s.Name, termTimeout: s.TermTimeout}
		for _, d := range s.Dependencies {
			m.byName[d].neededBy = append(m.byName[d].neededBy, u)
			u.needs = append(u.needs, m.byName[d])
		}
		m.units = append(m.units, u)
		m.byName[s.Name] = u
	}
	return m, nil
}

// step takes one event and returns what to do about it, in order. Events about unknown services and those
// that come too late to matter return nothing.
func (m *machine) step(now time.Time, ev event) []effect {
	m.out = nil
	switch ev := ev.(type) {
	case adopted:
		m.adopted(now, ev.ready)
		return m.out // nothing starts before the first tick: a stop may have come first
	case notified:
		m.notified(m.byName[ev.name])
	case exited:
		m.exited(now, m.byName[ev.name], ev.reason)
	case stopAll:
		m.isEnding = true
	case tick:
	}
	if m.isEnding {
		m.wind(now)
	} else {
		m.drive(now)
	}
	return m.out
}

func (m *machine) adopted(now time.Time, found map[string]bool) {
	for _, u := range m.units {
		isReady, ok := found[u.name]
		if !ok || u.state != waiting {
			continue
		}
		u.becomeStarting(now)
		m.emit(note{name: u.name, text: "found running, supervised again"})
		if isReady {
			u.state, u.open = ready, true
		}
	}
}

func (m *machine) notified(u *unit) {
	if u == nil || u.state != starting {
		return
	}
	u.state, u.open = ready, true
	m.emit(note{name: u.name, text: "service is ready"})
}

func (m *machine) exited(now time.Time, u *unit, reason string) {
	if u == nil {
		return
	}
	switch u.state {
	case starting, ready:
		if m.isEnding {
			m.becomeStopped(u, reason)
			return
		}
		wait := u.history.fail(now.Sub(u.startedAt))
		u.state, u.retryAt = backingOff, now.Add(wait)
		m.emit(note{name: u.name, text: "service ended, restarting", reason: reason, wait: wait, trouble: true})
	case stopping:
		m.becomeStopped(u, reason)
	case waiting, backingOff, stopped: // nothing runs: a stale report
	}
}

func (u *unit) becomeStarting(now time.Time) {
	u.state, u.startedAt = starting, now
	if u.openAt.IsZero() {
		u.openAt = now.Add(readyLimit)
	}
}

func (m *machine) becomeStopped(u *unit, reason string) {
	u.state = stopped
	m.emit(note{name: u.name, text: "service stopped", reason: reason})
}

// drive starts whatever may start. Dependencies come first in units, so one pass is enough.
func (m *machine) drive(now time.Time) {
	for _, u := range m.units {
		if !u.open && !u.openAt.IsZero() && !now.Before(u.openAt) {
			u.open = true
			if len(u.neededBy) > 0 {
				m.emit(note{name: u.name, text: "service does not say that it is ready: its dependents start without",
					reason: fmt.Sprintf("no notification within %v", readyLimit), trouble: true})
			}
		}
		due := u.state == backingOff && !now.Before(u.retryAt)
		free := u.state == waiting && !slices.ContainsFunc(u.needs, func(d *unit) bool { return !d.open })
		if due || free {
			u.becomeStarting(now)
			m.emit(start{u.name})
		}
	}
}

// wind stops whatever may stop: a service ends when nothing that needs it runs any more. Dependents come
// last in units, so one pass from the end is enough.
func (m *machine) wind(now time.Time) {
	for _, u := range slices.Backward(m.units) {
		switch u.state {
		case waiting, backingOff:
			u.state = stopped
		case starting, ready:
			if slices.ContainsFunc(u.neededBy, func(d *unit) bool { return d.state != stopped }) {
				continue
			}
			u.state, u.killAt = stopping, now.Add(u.termTimeout)
			m.emit(signalGroup{u.name, syscall.SIGTERM})
		case stopping:
			if !u.killAt.IsZero() && !now.Before(u.killAt) {
				u.killAt = time.Time{}
				m.emit(note{name: u.name, text: "service does not stop: killing it",
					reason: fmt.Sprintf("runs %v after TERM", u.termTimeout), trouble: true})
				m.emit(signalGroup{u.name, syscall.SIGKILL})
			}
		case stopped:
		}
	}
}

// deadline returns when step wants a tick, zero for never.
func (m *machine) deadline() time.Time {
	var next time.Time
	for _, u := range m.units {
		var at time.Time
		switch {
		case u.state == stopping:
			at = u.killAt
		case m.isEnding:
		case u.state == backingOff:
			at = u.retryAt
			if !u.open && u.openAt.Before(at) {
				at = u.openAt
			}
		case !u.open:
			at = u.openAt
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// done reports whether everything has stopped, after stopAll.
func (m *machine) done() bool {
	return m.isEnding && !slices.ContainsFunc(m.units, func(u *unit) bool { return u.state != stopped })
}

func (m *machine) emit(e effect) { m.out = append(m.out, e) }
