package plan

import (
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
)

// object is one thing of the host: what is wanted of it, what was found, and
// where it stands between the two. All kinds of objects go the same way, from
// a difference to an operation to its outcome.
type object struct {
	key key

	// What is wanted. An object that nothing names is wanted Absent and removed
	// only if it is ours. A nil attr means that any state will do.
	named bool
	want  lb.Want
	attr  any
	// deps must be there before this one can be made.
	deps []*object

	// What was found, kept true by the outcome of every operation.
	there bool
	has   any
	// ours is true if we made or adopted it. A destination is its service's.
	ours bool

	// Where it stands: in the queue of a phase, in quarantine, waiting for
	// another object, or (none of them) right.
	phase    phase
	retry    quarantine
	waits    *object
	waiters  map[*object]bool
	announce bool // an address whose neighbours have not been told
	gen      uint64
}

// Attributes of the kinds that have more than one; the others have a string
// (sysctl, MAC), a bool (up) or the prefix length (address).
type (
	linkAttr struct {
		parent string
		vlan   uint16
		dummy  bool
	}
	serviceAttr struct {
		scheduler   string
		flags       lb.Flags
		persistence time.Duration
	}
)

func attrOf(s lb.Service) serviceAttr {
	return serviceAttr{s.Scheduler, s.Flags, s.Persistence}
}

// destinationAttr is the destination itself without what is wanted of it.
func destinationAttr(d lb.Destination) lb.Destination {
	d.Want = lb.AsFound
	return d
}

// action is what an object needs next.
type action uint8

const (
	none action = iota
	add
	set
	remove
	announce
)

// action compares wanted and found.
func (o *object) action() action {
	if o.key.kind == kindDestination && !o.serviceStays() {
		return none
	}
	switch {
	case !o.there && o.want == lb.Present:
		return add
	case o.there && o.want == lb.Absent && o.isOurs():
		return remove
	case o.there && o.want != lb.Absent && !o.isRight():
		return set
	case o.there && o.want != lb.Absent && o.announce:
		return announce
	}
	return none
}

// serviceStays is false for a destination that comes and goes with its
// service, or whose service is not ours to touch.
func (o *object) serviceStays() bool {
	s := o.deps[0]
	return s.named && s.want != lb.Absent
}

func (o *object) isOurs() bool {
	if o.key.kind == kindDestination {
		return o.deps[0].ours
	}
	return o.ours
}

// isRight compares attributes. Reverse path filtering is right when it is off
// or loose; a link that is there is taken as it is.
func (o *object) isRight() bool {
	switch {
	case o.attr == nil || o.key.kind == kindLink:
		return true
	case o.key.kind == kindSysctl && strings.HasSuffix(o.key.name, "/rp_filter"):
		return o.has == "0" || o.has == "2"
	}
	return o.attr == o.has
}

// unmet returns the first dependency that is not there, or nil.
func (o *object) unmet(a action) *object {
	if a != add && a != set {
		return nil
	}
	i := slices.IndexFunc(o.deps, func(d *object) bool { return !d.there })
	if i < 0 {
		return nil
	}
	return o.deps[i]
}
