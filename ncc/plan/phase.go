package plan

import (
	"fmt"
	"net/netip"

	"seesaw/internal/lb"
)

// phase is a stage of a plan. An operation of a later phase may depend on
// every earlier one.
type phase uint8

// The phases in their order: traffic leaves before anything else is touched,
// comes only when all that serves it is there, and nothing is taken away
// before that.
const (
	noPhase phase = iota
	lowerLB
	lowerOther
	loadModules
	addLinks
	setSysctls
	setMACs
	addAddrs
	addServices
	addDestinations
	raiseLB
	raiseOther
	announceAddrs
	delDestinations
	delServices
	delAddrs
	delLinks
	phases
)

// step turns what an object needs into its operation and phase. A nil Op means
// that there is nothing to be done about it.
func (t *Table) step(o *object, a action) (Op, phase) {
	switch o.key.kind {
	case kindModule:
		return LoadModules{Names: []string{o.key.name}}, loadModules
	case kindLink:
		return linkStep(o, a)
	case kindSysctl:
		return SetSysctl{Name: o.key.name, Value: o.attr.(string)}, setSysctls
	case kindMAC:
		return SetMAC{Link: o.key.name, MAC: o.attr.(string)}, setMACs
	case kindUp:
		return t.upStep(o)
	case kindAddr:
		return addrStep(o, a)
	case kindService:
		return serviceStep(o, a)
	}
	return destinationStep(o, a)
}

func linkStep(o *object, a action) (Op, phase) {
	if a == remove {
		return DelLink{Link: o.key.name}, delLinks
	}
	if l := o.attr.(linkAttr); !l.dummy {
		return AddVLAN{Link: o.key.name, Parent: l.parent, ID: l.vlan}, addLinks
	}
	return AddDummy{Link: o.key.name}, addLinks
}

func (t *Table) upStep(o *object) (Op, phase) {
	up := o.attr.(bool)
	op := SetLink{Link: o.key.name, Up: up}
	switch isLB := o.key.name == t.node.LBInterface; {
	case up && isLB:
		return op, raiseLB
	case up:
		return op, raiseOther
	case isLB:
		return op, lowerLB
	}
	return op, lowerOther
}

func addrStep(o *object, a action) (Op, phase) {
	addr := o.key.addr.Addr()
	switch a {
	case add:
		if bits, own := o.attr.(int); own {
			return AddAddr{Link: o.key.name, Prefix: netip.PrefixFrom(addr, bits), Node: true}, addAddrs
		}
		return AddAddr{Link: o.key.name, Prefix: netip.PrefixFrom(addr, addr.BitLen())}, addAddrs
	case announce:
		return Announce{Link: o.key.name, Addr: addr}, announceAddrs
	case set: // the prefix length cannot be changed: remove, then add
		return DelAddr{Link: o.key.name, Prefix: netip.PrefixFrom(addr, o.has.(int))}, addAddrs
	}
	return DelAddr{Link: o.key.name, Prefix: netip.PrefixFrom(addr, o.has.(int))}, delAddrs
}

func serviceStep(o *object, a action) (Op, phase) {
	if a == remove {
		return DelService{Key: o.key.svc}, delServices
	}
	attr := o.attr.(serviceAttr)
	s := lb.Service{
		Key: o.key.svc, Scheduler: attr.scheduler, Flags: attr.flags,
		Persistence: attr.persistence, Want: lb.Present,
	}
	if a == set {
		return SetService{Service: s}, addServices
	}
	return AddService{Service: s}, addServices
}

func destinationStep(o *object, a action) (Op, phase) {
	if a == remove {
		return DelDestination{Service: o.key.svc, Destination: o.key.addr}, delDestinations
	}
	d := o.attr.(lb.Destination)
	d.Want = lb.Present
	if a == set {
		return SetDestination{Service: o.key.svc, Destination: d}, addDestinations
	}
	return AddDestination{Service: o.key.svc, Destination: d}, addDestinations
}

// moduleOf names the kernel module of a scheduler.
func moduleOf(scheduler string) string { return fmt.Sprintf("ip_vs_%s", scheduler) }
