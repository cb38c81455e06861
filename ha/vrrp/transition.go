package vrrp

import (
	"net/netip"
	"time"
)

// start is section 6.4.1, and the two starts of a node that led before.
func (m *Machine) start(now time.Time, mode StartMode, dst []Effect) []Effect {
	m.started = true
	if m.ineligible || m.state == Active {
		return dst
	}
	m.peer, m.peerPriority = netip.Addr{}, 0
	switch {
	case mode == Resume:
		return m.becomeActive(now, ReasonResumed, dst)
	case mode == Listen && m.owner():
		return m.becomeActive(now, ReasonOwner, dst)
	}
	dst = m.becomeBackup(now, ReasonStarted, dst)
	if mode == ListenOneInterval {
		m.timer, m.cause = now.Add(m.cfg.Interval), ReasonNoLeader
	}
	return dst
}

// leave is the Shutdown event of sections 6.4.2 and 6.4.3.
func (m *Machine) leave(why Reason, dst []Effect) []Effect {
	if m.state == Initialize {
		return dst
	}
	if m.state == Active {
		dst = m.send(PriorityResign, dst)
	}
	m.state = Initialize
	return append(dst, Effect{Kind: Become, State: Initialize, Reason: why})
}

func (m *Machine) resign(now time.Time, dst []Effect) []Effect {
	if m.state != Active {
		return dst
	}
	dst = m.becomeBackup(now, ReasonResigned, m.send(PriorityResign, dst))
	m.yielded = true
	// Whoever misses the resignation waits for at most four intervals from our last advert.
	m.timer = m.timer.Add(m.cfg.Interval)
	return dst
}

func (m *Machine) setEligible(now time.Time, eligible bool, dst []Effect) []Effect {
	if m.ineligible == !eligible {
		return dst
	}
	m.ineligible = !eligible
	switch {
	case !eligible:
		return m.leave(ReasonNotEligible, dst)
	case !m.started:
		return dst
	}
	// Backup even for the address owner: others have led meanwhile.
	m.peer, m.peerPriority = netip.Addr{}, 0
	return m.becomeBackup(now, ReasonEligibleAgain, dst)
}

func (m *Machine) setPriority(priority uint8, dst []Effect) []Effect {
	if priority == PriorityResign || priority == m.cfg.Priority {
		return dst
	}
	before := m.skew(m.activeInterval)
	m.cfg.Priority = priority
	switch m.state {
	case Active:
		return m.send(priority, dst) // others must not wait an interval to learn who is better
	case Backup:
		if m.cause != ReasonNoLeader { // the one timer without skew
			m.timer = m.timer.Add(m.skew(m.activeInterval) - before)
		}
	}
	return dst
}

func (m *Machine) setInterval(now time.Time, interval time.Duration, dst []Effect) []Effect {
	if CheckInterval(interval) != nil || interval == m.cfg.Interval {
		return dst
	}
	m.cfg.Interval = interval
	switch {
	case m.state == Active:
		m.activeInterval = interval
		m.timer = now.Add(interval)
		return m.send(m.cfg.Priority, dst) // Backups wait by the interval they heard last
	case m.state == Backup && !m.learned && m.cause != ReasonNoLeader:
		m.activeInterval = interval
		m.timer = now.Add(m.downInterval(interval))
	}
	return dst
}

// guardGap acts before anything else when the machine was not stepped although it should have been.
func (m *Machine) guardGap(now time.Time, dst []Effect) []Effect {
	switch m.state {
	case Active:
		if !m.cfg.Alone && now.Sub(m.last) > m.downInterval(m.cfg.Interval) {
			m.peer, m.peerPriority = netip.Addr{}, 0
			return m.becomeBackup(now, ReasonGap, dst)
		}
	case Backup:
		if m.forgiven || now.Sub(m.Deadline()) <= m.activeInterval/2 {
			return dst
		}
		m.forgiven = true
		if anew := now.Add(m.downInterval(m.activeInterval)); anew.After(m.timer) {
			m.timer = anew
		}
		if m.cause != ReasonPreempted {
			m.cause = ReasonSilence
		}
	}
	return dst
}

func (m *Machine) becomeActive(now time.Time, why Reason, dst []Effect) []Effect {
	m.state = Active
	m.activeInterval, m.learned = m.cfg.Interval, false
	m.answers = 0
	m.timer = now.Add(m.cfg.Interval)
	dst = m.send(m.cfg.Priority, dst)
	return append(dst, Effect{Kind: Become, State: Active, Reason: why, Peer: m.peer, PeerPriority: m.peerPriority})
}

// becomeBackup starts Active_Down_Timer by our own interval; the caller knows a better one if there is.
func (m *Machine) becomeBackup(now time.Time, why Reason, dst []Effect) []Effect {
	was := m.state
	m.state = Backup
	m.activeInterval, m.learned = m.cfg.Interval, false
	m.yielded, m.forgiven = false, false
	m.timer, m.cause = now.Add(m.downInterval(m.cfg.Interval)), ReasonSilence
	if was == Backup {
		return dst
	}
	e := Effect{Kind: Become, State: Backup, Reason: why}
	if why == ReasonHigherPriority || why == ReasonHigherAddress {
		e.Peer, e.PeerPriority = m.peer, m.peerPriority
	}
	return append(dst, e)
}

func (m *Machine) send(priority uint8, dst []Effect) []Effect {
	return append(dst, Effect{Kind: SendAdvert, Priority: priority, Interval: m.cfg.Interval})
}
