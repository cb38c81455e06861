package core

import (
	"fmt"
	"net/netip"
	"slices"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// vserver is one vserver of the config, expanded into what the kernel knows.
type vserver struct {
	cfg      *config.Vserver
	override lb.Override
	// off says why nothing of it is wanted, empty while it is enabled.
	off string
	// gone is set when another has taken its place or none.
	gone     bool
	services []*service // sorted by family, protocol, port
	// vips has the kind of each address; the zero address has none.
	vips     []lb.VIP
	present  []netip.Addr // VIPs that ncc reports
	problems []lb.Problem
}

// service is one address family and port of a vserver, or one family of a
// firewall-mark vserver.
type service struct {
	v     *vserver
	key   lb.ServiceKey
	vip   netip.Addr
	entry config.Entry
	proto lb.Protocol // zero for a firewall-mark service
	port  uint16

	destinations []*destination // sorted by address
	health       lb.Health
	present      bool // ncc reports it
	due          bool // to be reviewed within the event that is under way
}

// destination is one backend of a service.
type destination struct {
	s       *service
	backend config.Backend
	addr    netip.Addr
	checks  []*check
	health  lb.Health
	reason  string // why it is not healthy
	present bool   // ncc reports it
}

// expand makes the services, destinations and checks of a vserver. Everything
// starts with unknown health.
func (c *Core) expand(cfg *config.Vserver) *vserver {
	v := &vserver{cfg: cfg}
	for _, f := range lb.Families() {
		vip := cfg.Host.Addr(f)
		if !vip.IsValid() {
			continue
		}
		v.vips = append(v.vips, lb.VIP{Addr: vip, Kind: c.cluster.VIPKind(vip)})
		if cfg.UseFWM {
			v.services = append(v.services, c.expandMarked(v, f, vip))
			continue
		}
		for _, e := range cfg.Entries {
			s := &service{v: v, vip: vip, entry: e, proto: e.Protocol, port: e.Port}
			s.key = lb.ServiceKey{Family: f, Protocol: e.Protocol, Addr: vip, Port: e.Port}
			c.addDestinations(s, e.Checks)
			v.services = append(v.services, s)
		}
	}
	return v
}

// expandMarked makes the one service that a firewall-mark vserver has in a
// family. The config has made sure that its entries agree.
func (c *Core) expandMarked(v *vserver, f lb.Family, vip netip.Addr) *service {
	s := &service{v: v, vip: vip}
	if len(v.cfg.Entries) > 0 {
		s.entry = v.cfg.Entries[0]
	}
	s.key = lb.ServiceKey{Family: f, Mark: c.marks.service(v.cfg.Name, f)}
	var checks []config.Check
	for _, e := range v.cfg.Entries {
		checks = append(checks, e.Checks...)
	}
	c.addDestinations(s, checks)
	return s
}

// addDestinations makes a destination for each backend that has an address in
// the service's family, with the vserver's checks and the service's own.
func (c *Core) addDestinations(s *service, own []config.Check) {
	for _, b := range s.v.cfg.Backends {
		addr := b.Host.Addr(s.key.Family)
		if !addr.IsValid() {
			continue
		}
		d := &destination{s: s, backend: b, addr: addr}
		if b.Enabled {
			for _, def := range slices.Concat(s.v.cfg.Checks, own) {
				d.checks = append(d.checks, c.subscribe(d, def.Name, c.define(s, addr, def)))
			}
		}
		s.destinations = append(s.destinations, d)
	}
	slices.SortFunc(s.destinations, func(a, b *destination) int { return a.addr.Compare(b.addr) })
}

// name is the destination's name for operators.
func (d *destination) name() string {
	if d.s.v.cfg.UseFWM {
		return fmt.Sprintf("%s/%v", d.s.v.cfg.Name, d.addr)
	}
	return fmt.Sprintf("%s/%v/%v", d.s.v.cfg.Name, netip.AddrPortFrom(d.addr, d.s.port), d.s.proto)
}

// name is the service's name in logs.
func (s *service) name() string {
	if s.v.cfg.UseFWM {
		return s.key.String()
	}
	return fmt.Sprintf("%v %v/%d", s.key.Family, s.proto, s.port)
}

// unmarked reports whether a firewall-mark service could not get a mark: all
// are in use.
func (s *service) unmarked() bool { return s.v.cfg.UseFWM && s.key.Mark == 0 }

// blocked names a service that keeps this healthy one from serving, because
// both are on one anycast address; empty if there is none.
func (s *service) blocked() string {
	for _, vip := range s.v.vips {
		if vip.Addr != s.vip || s.v.gate(vip) == lb.Healthy {
			continue
		}
		for _, other := range s.v.services {
			if other.vip == s.vip && other.health != lb.Healthy {
				return other.name()
			}
		}
	}
	return ""
}

// inherit takes over from the vserver's former self what is still true of it:
// the state of services and destinations with the same identity.
func (v *vserver) inherit(old *vserver) {
	v.override, v.present, v.problems = old.override, old.present, old.problems
	services := make(map[lb.ServiceKey]*service, len(old.services))
	for _, s := range old.services {
		services[s.key] = s
	}
	for _, s := range v.services {
		was := services[s.key]
		if was == nil {
			continue
		}
		s.health, s.present = was.health, was.present
		present := make(map[netip.Addr]bool, len(was.destinations))
		for _, d := range was.destinations {
			present[d.addr] = d.present
		}
		for _, d := range s.destinations {
			d.present = present[d.addr]
		}
	}
}
