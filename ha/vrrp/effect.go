package vrrp

import (
	"net/netip"
	"time"
)

// State is what this node is for its virtual router (RFC 9568 section 6.3).
type State uint8

// The states, by the names of the RFC.
const (
	Initialize State = iota // takes no part
	Backup
	Active
)

func (s State) String() string {
	switch s {
	case Initialize:
		return "Initialize"
	case Backup:
		return "Backup"
	case Active:
		return "Active"
	}
	return "unknown state"
}

// Reason is why a machine changed its state.
type Reason uint8

// The reasons; those marked "peer" come with the address and priority of another router.
const (
	ReasonNone           Reason = iota
	ReasonStarted               // Backup: started
	ReasonOwner                 // Active: started as address owner
	ReasonResumed               // Active: started as the node that leads
	ReasonNoLeader              // Active: started, nobody heard for one interval
	ReasonSilence               // Active: no advert for Active_Down_Interval (peer: the last one heard, if any)
	ReasonPeerResigned          // Active: peer sent priority 0
	ReasonPreempted             // Active: peer advertises a lower priority
	ReasonHigherPriority        // Backup: peer advertises a higher priority
	ReasonHigherAddress         // Backup: peer has our priority and a higher address
	ReasonGap                   // Backup: not scheduled for longer than our own Active_Down_Interval
	ReasonResigned              // Backup: asked to give up the lead
	ReasonEligibleAgain         // Backup: may take part again
	ReasonNotEligible           // Initialize: cannot take part
	ReasonShutdown              // Initialize: stopped
)

var reasons = [...]string{
	ReasonNone:           "no reason",
	ReasonStarted:        "started",
	ReasonOwner:          "started as owner of the address",
	ReasonResumed:        "started as the node that leads",
	ReasonNoLeader:       "started, and heard no advert for one interval",
	ReasonSilence:        "no advert within the down interval",
	ReasonPeerResigned:   "peer resigned",
	ReasonPreempted:      "peer has lower priority",
	ReasonHigherPriority: "peer has higher priority",
	ReasonHigherAddress:  "peer has equal priority and higher address",
	ReasonGap:            "was not scheduled for longer than the down interval",
	ReasonResigned:       "resigned on request",
	ReasonEligibleAgain:  "can take part again",
	ReasonNotEligible:    "cannot take part",
	ReasonShutdown:       "stopped",
}

func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown reason"
}

// EffectKind says which of the fields of an Effect count.
type EffectKind uint8

// The kinds of Effect.
const (
	// SendAdvert: send an advert with Priority and Interval now.
	SendAdvert EffectKind = iota
	// Become: the state is now State, for Reason; Peer and PeerPriority where the reason has one.
	// On Active the caller announces the virtual addresses (RFC 9568 section 6.4.2, gratuitous
	// ARP and unsolicited neighbor advertisements).
	Become
)

// An Effect is something the caller must now do, in the order given.
type Effect struct {
	Kind         EffectKind
	Priority     uint8
	State        State
	Reason       Reason
	PeerPriority uint8
	Interval     time.Duration
	Peer         netip.Addr
}
