package vrrp

import (
	"net/netip"
	"time"
)

// EventKind says which of the fields of an Event count.
type EventKind uint8

// The kinds of Event; each has a function that makes it.
const (
	EventDeadline    EventKind = iota // Deadline() has come
	EventStart                        // Mode
	EventAdvert                       // From, Priority, Interval
	EventShutdown                     //
	EventResign                       //
	EventSetPriority                  // Priority
	EventSetInterval                  // Interval
	EventSetEligible                  // Eligible
)

// StartMode is how much a starting machine knows about who leads.
type StartMode uint8

const (
	// Listen is the start of RFC 9568 section 6.4.1: Backup for a full Active_Down_Interval
	// (the address owner is Active at once).
	Listen StartMode = iota
	// Resume says that this node leads and that nobody can have taken over since its last
	// advert: Active at once.
	Resume
	// ListenOneInterval says that this node led and others may have taken over: Backup, and
	// Active after one interval in which no advert was heard. The caller that learns
	// meanwhile that the node no longer holds the role sends Start(Listen).
	ListenOneInterval
)

// An Event is something that happened. It is a plain value so that stepping allocates nothing.
type Event struct {
	Kind     EventKind
	Mode     StartMode
	Priority uint8
	Eligible bool
	Interval time.Duration
	From     netip.Addr
}

// Start begins taking part. An Active machine ignores it; a Backup begins to listen anew.
func Start(mode StartMode) Event { return Event{Kind: EventStart, Mode: mode} }

// Heard is a valid advert received from another router: its source address, its priority
// and the interval it carries. Our own, looped back, is ignored.
func Heard(from netip.Addr, priority uint8, interval time.Duration) Event {
	return Event{Kind: EventAdvert, From: from, Priority: priority, Interval: interval}
}

// Deadline says that the time given by Machine.Deadline has come. One that comes early is
// ignored. A caller that has adverts waiting must step those first: a queued advert shows that
// we are late, not that the Active router is silent.
func Deadline() Event { return Event{Kind: EventDeadline} }

// Shutdown ends taking part: an Active machine sends priority 0. The state is Initialize.
func Shutdown() Event { return Event{Kind: EventShutdown} }

// Resign gives up the lead and stays as Backup: priority 0 is sent, and no lead is taken for
// long enough that any other router gets it, even if the advert is lost. Preempt_Mode does
// not count until this node has led again or was started again. Only an Active machine resigns.
func Resign() Event { return Event{Kind: EventResign} }

// SetPriority changes the own priority (tracking). 0 becomes 1, the lowest there is.
func SetPriority(priority uint8) Event {
	return Event{Kind: EventSetPriority, Priority: max(priority, 1)}
}

// SetInterval changes the own Advertisement_Interval. One that CheckInterval refuses is ignored.
func SetInterval(interval time.Duration) Event {
	return Event{Kind: EventSetInterval, Interval: interval}
}

// SetEligible says whether this node can take part, for instance whether its interface has
// carrier. One that cannot is in Initialize; it begins again with Listen when it can.
func SetEligible(eligible bool) Event { return Event{Kind: EventSetEligible, Eligible: eligible} }
