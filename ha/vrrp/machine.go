// Package vrrp is VRRP version 3 as RFC 9568 defines it: the state machine of section 6.4 and
// the packet of section 5.
//
// It decides and nothing else: no sockets, no goroutines, no clock. Package ha feeds a Machine
// events with the time they happened and carries out the effects it returns. It knows one
// virtual router; addresses, ARP and the role of the node are the caller's affair.
package vrrp

import (
	"net/netip"
	"time"
)

// Machine is one virtual router on one node. It is not safe for concurrent use.
//
//	              Start                    Active_Down_Timer
//	Initialize ─────────▶ Backup ──────────────────────────▶ Active
//	   ▲  ▲                 │  ▲     better advert, gap,       │ │
//	   │  └─────────────────┘  └───────── Resign ──────────────┘ │
//	   └──────────── Shutdown, SetEligible(false) ───────────────┘
//
// Start(Resume) and the start of the address owner lead from Initialize to Active.
type Machine struct {
	cfg   Config
	state State

	started    bool // between Start and Shutdown
	ineligible bool

	// last is when the machine was stepped last; a gap is measured from it.
	last time.Time
	// timer is Adver_Timer in Active and Active_Down_Timer in Backup.
	timer time.Time
	// activeInterval is Active_Adver_Interval: learned from the Active router's adverts.
	activeInterval time.Duration
	// learned says that activeInterval is the word of an Active router, not our own.
	learned bool
	// cause is what it means when timer fires in Backup; peer and peerPriority belong to it.
	cause        Reason
	peer         netip.Addr
	peerPriority uint8
	// yielded: this node resigned, so it does not preempt until it was Backup for another reason.
	yielded bool
	// forgiven: one gap has put off the take-over since the last advert. A second does
	// not, or a node that is always a little late would never take over.
	forgiven bool
	// answers counts adverts sent in answer to others' since Adver_Timer fired last.
	answers uint8
}

// maxAnswers bounds the answers per interval. RFC 9568 has none: a router that compares addresses
// differently and answers as we do would then fill the link.
const maxAnswers = 8

// New returns a machine in Initialize, or what Config.Validate says.
func New(cfg Config) (*Machine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Addr = plain(cfg.Addr)
	return &Machine{cfg: cfg}, nil
}

// State is the state after the last step.
func (m *Machine) State() State { return m.state }

// Priority is the own priority now, as SetPriority last changed it.
func (m *Machine) Priority() uint8 { return m.cfg.Priority }

// Interval is the own Advertisement_Interval now, as SetInterval last changed it.
func (m *Machine) Interval() time.Duration { return m.cfg.Interval }

// ActiveInterval is Active_Adver_Interval: the Active router's interval, our own until one is heard.
func (m *Machine) ActiveInterval() time.Duration { return m.activeInterval }

// DownInterval is Active_Down_Interval (RFC 9568 section 6.1): the silence after which this
// node takes over; for an Active machine, computed from its own interval.
func (m *Machine) DownInterval() time.Duration {
	if m.state == Backup {
		return m.downInterval(m.activeInterval)
	}
	return m.downInterval(m.cfg.Interval)
}

// Accepts says whether packets addressed to the virtual addresses are accepted (RFC 9568
// section 6.4.3): by an Active router that owns them or has Accept_Mode.
func (m *Machine) Accepts() bool { return m.state == Active && (m.owner() || m.cfg.Accept) }

// Deadline is when the machine wants the event Deadline, unless another event comes first: ask
// again after every step. It is the zero time when there is nothing to wait for. In Backup it
// comes more often than timers fire, so that a pause of a whole interval, in which adverts may
// have been missed, is noticed.
func (m *Machine) Deadline() time.Time {
	switch m.state {
	case Active:
		return m.timer
	case Backup:
		return earlier(m.timer, m.last.Add(m.activeInterval/2))
	}
	return time.Time{}
}

// Step takes one event at one instant, appends what to do about it to dst and returns that.
// now must not be a wall clock that can be set; one that goes back counts as standing still.
func (m *Machine) Step(now time.Time, ev Event, dst []Effect) []Effect {
	if now.Before(m.last) {
		now = m.last
	}
	dst = m.guardGap(now, dst)
	m.last = now
	switch ev.Kind {
	case EventStart:
		return m.start(now, ev.Mode, dst)
	case EventShutdown:
		m.started = false
		return m.leave(ReasonShutdown, dst)
	case EventResign:
		return m.resign(now, dst)
	case EventSetPriority:
		return m.setPriority(ev.Priority, dst)
	case EventSetInterval:
		return m.setInterval(now, ev.Interval, dst)
	case EventSetEligible:
		return m.setEligible(now, ev.Eligible, dst)
	case EventAdvert:
		return m.stepAdvert(now, ev, dst)
	case EventDeadline:
		return m.stepDeadline(now, dst)
	}
	return dst
}

func (m *Machine) stepAdvert(now time.Time, ev Event, dst []Effect) []Effect {
	ev.From = plain(ev.From)
	if ev.From == m.cfg.Addr {
		return dst // our own, looped back: answering it would never end
	}
	if ev.Interval < MinInterval || ev.Interval > MaxInterval {
		return dst // section 7.1, erratum 8301; Parse lets none through
	}
	switch m.state {
	case Backup:
		m.backupAdvert(now, ev)
		return dst
	case Active:
		return m.activeAdvert(now, ev, dst)
	}
	return dst // section 6.4.1: Initialize waits for Startup only
}

// stepDeadline fires the timer of the state, if its time has come.
func (m *Machine) stepDeadline(now time.Time, dst []Effect) []Effect {
	if m.state == Initialize || now.Before(m.timer) {
		return dst // the timer was moved after the caller set its own, or a look for gaps
	}
	if m.state == Backup {
		return m.becomeActive(now, m.cause, dst) // section 6.4.2
	}
	m.timer = m.timer.Add(m.cfg.Interval) // section 6.4.3; from the old time, so that lateness does not add up
	if !m.timer.After(now) {
		m.timer = now.Add(m.cfg.Interval)
	}
	m.answers = 0
	return m.send(m.cfg.Priority, dst)
}

// backupAdvert is section 6.4.2.
func (m *Machine) backupAdvert(now time.Time, ev Event) {
	m.peer, m.peerPriority = ev.From, ev.Priority
	switch {
	case ev.Priority == PriorityResign:
		m.forgiven = false
		m.timer, m.cause = now.Add(m.skew(m.activeInterval)), ReasonPeerResigned
	case m.preempts() && ev.Priority < m.cfg.Priority:
		// The timer runs on, unless a short one waits to hear that nobody leads: somebody does.
		if m.cause == ReasonNoLeader {
			m.timer = now.Add(m.downInterval(m.activeInterval))
		}
		m.cause = ReasonPreempted
	default:
		m.forgiven = false
		m.activeInterval, m.learned = ev.Interval, true
		m.timer, m.cause = now.Add(m.downInterval(ev.Interval)), ReasonSilence
	}
}

// activeAdvert is section 6.4.3.
func (m *Machine) activeAdvert(now time.Time, ev Event, dst []Effect) []Effect {
	switch {
	case ev.Priority > m.cfg.Priority:
		return m.yield(now, ev, ReasonHigherPriority, dst)
	case ev.Priority == m.cfg.Priority && m.cfg.Addr.Less(ev.From):
		return m.yield(now, ev, ReasonHigherAddress, dst)
	case m.answers == maxAnswers:
		return dst
	}
	m.answers++
	if ev.Priority == PriorityResign {
		m.timer = now.Add(m.cfg.Interval)
	}
	return m.send(m.cfg.Priority, dst) // for a lower priority new in RFC 9568: assert the lead at once
}

func (m *Machine) yield(now time.Time, ev Event, why Reason, dst []Effect) []Effect {
	m.peer, m.peerPriority = ev.From, ev.Priority
	dst = m.becomeBackup(now, why, dst)
	m.activeInterval, m.learned = ev.Interval, true
	m.timer = now.Add(m.downInterval(ev.Interval))
	return dst
}

// preempts is Preempt_Mode; the address owner always preempts (section 6.1).
func (m *Machine) preempts() bool { return (m.cfg.Preempt || m.owner()) && !m.yielded }

func (m *Machine) owner() bool { return m.cfg.Priority == PriorityOwner }

// skew is Skew_Time (section 6.1): the higher the priority, the sooner.
func (m *Machine) skew(interval time.Duration) time.Duration {
	return time.Duration(256-int(m.cfg.Priority)) * interval / 256
}

// downInterval is Active_Down_Interval (section 6.1).
func (m *Machine) downInterval(interval time.Duration) time.Duration {
	return 3*interval + m.skew(interval)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
