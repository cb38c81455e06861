package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Limits of the protocol (RFC 9568 sections 5.2.4, 5.2.7 and 6.1).
const (
	// Centisecond is the unit of the interval on the wire.
	Centisecond = 10 * time.Millisecond
	// MinInterval and MaxInterval bound Advertisement_Interval: 12 bits of centiseconds, zero excluded.
	MinInterval = 1 * Centisecond
	MaxInterval = 4095 * Centisecond
	// PriorityOwner is the priority of the address owner, which always preempts.
	PriorityOwner = 255
	// PriorityResign is sent by an Active router that stops; it is nobody's own priority.
	PriorityResign = 0
)

// Config is what a Machine is told about its virtual router (RFC 9568 section 6.1).
// Priority and Interval may change later, by event; the rest is fixed.
type Config struct {
	// Addr is the address that our adverts come from. It breaks ties between equal priorities.
	Addr netip.Addr
	// VRID names the virtual router on its link, 1 to 255.
	VRID uint8
	// Priority is 1 to 254, or PriorityOwner.
	Priority uint8
	// Interval is Advertisement_Interval: whole centiseconds from MinInterval to MaxInterval.
	Interval time.Duration
	// Preempt is Preempt_Mode: take over from an Active router of lower priority.
	// The RFC's default is true; a pair of load balancers is better served by false.
	Preempt bool
	// Accept is Accept_Mode: an Active router that is not the owner accepts packets to the virtual addresses.
	Accept bool
	// Alone says that no peer is configured. Nobody can then have taken over while this node
	// was not scheduled, so an Active machine keeps its state across a gap.
	Alone bool
}

// Validate reports everything that is wrong with c, joined, or nil.
func (c Config) Validate() error {
	var errs []error
	if !c.Addr.IsValid() || c.Addr.IsUnspecified() || c.Addr.IsMulticast() {
		errs = append(errs, fmt.Errorf("vrrp: own address %v cannot send adverts: give the unicast address of the node", c.Addr))
	}
	if c.VRID == 0 {
		errs = append(errs, errors.New("vrrp: virtual router id 0 is out of range: use 1 to 255"))
	}
	if c.Priority == PriorityResign {
		errs = append(errs, errors.New("vrrp: priority 0 means resigning: use 1 to 254, or 255 for the address owner"))
	}
	errs = append(errs, CheckInterval(c.Interval))
	return errors.Join(errs...)
}

// CheckInterval says why d cannot be an advertisement interval, or returns nil.
func CheckInterval(d time.Duration) error {
	switch {
	case d < MinInterval || d > MaxInterval:
		return fmt.Errorf("vrrp: advertisement interval %v is out of range: use %v to %v", d, MinInterval, MaxInterval)
	case d%Centisecond != 0:
		return fmt.Errorf("vrrp: advertisement interval %v cannot be sent: use a multiple of %v", d, Centisecond)
	}
	return nil
}

// plain drops what does not belong to the number: the zone and the 4-in-6 form.
func plain(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }
