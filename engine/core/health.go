package core

import (
	"fmt"

	"seesaw/internal/lb"
)

// judge says whether a destination is healthy, and if not, why.
func (d *destination) judge() (lb.Health, string) {
	if !d.backend.Enabled {
		return lb.Unhealthy, fmt.Sprintf("backend has status %v in the config", d.backend.Status)
	}
	worst, reason := lb.Healthy, ""
	for _, ck := range d.checks {
		switch ck.health() {
		case lb.Unhealthy:
			return lb.Unhealthy, ck.reason()
		case lb.HealthUnknown:
			worst, reason = lb.HealthUnknown, ck.reason()
		}
	}
	return worst, reason
}

// reviewDestination judges a destination anew and reports whether its health
// has changed.
func (c *Core) reviewDestination(d *destination) bool {
	before := d.health
	d.health, d.reason = d.judge()
	if d.health == before {
		return false
	}
	if d.s.v.off == "" && (d.health == lb.Unhealthy || before == lb.Unhealthy) {
		c.log("destination "+d.health.String(), "vserver", d.s.v.cfg.Name, "backend", d.backend.Host.Name,
			"destination", d.name(), "old", before.String(), "reason", d.reason)
	}
	return true
}

// census counts a service's backends: how many there are to count, how many of
// them are healthy, and how many we do not know about.
func (s *service) census() (all, healthy, unknown int) {
	for _, d := range s.destinations {
		if d.backend.InService {
			all++
		}
		switch d.health {
		case lb.Healthy:
			healthy++
		case lb.HealthUnknown:
			unknown++
		}
	}
	return all, healthy, unknown
}

// judge says whether enough of a service's backends are healthy. It stays
// unknown as long as those that we do not know about could decide either way.
func (s *service) judge() lb.Health {
	all, healthy, unknown := s.census()
	threshold := s.entry.High
	if s.health == lb.Healthy || s.health == lb.HealthUnknown && s.present {
		threshold = s.entry.Low // hysteresis: what is up stays up longer
	}
	worst, best := enough(healthy, all, threshold), enough(healthy+unknown, all, threshold)
	switch {
	case worst:
		return lb.Healthy
	case best:
		return lb.HealthUnknown
	}
	return lb.Unhealthy
}

// enough compares in 32 bits, so that 2 of 5 reaches 0.4.
func enough(healthy, all int, threshold float32) bool {
	return all > 0 && healthy > 0 && float32(healthy)/float32(all) >= threshold
}

// reviewService judges a service anew, one of whose destinations has changed.
func (c *Core) reviewService(s *service) {
	before := s.health
	s.health = s.judge()
	if s.health != before && s.v.off == "" {
		c.log("service "+s.health.String(), "vserver", s.v.cfg.Name, "service", s.name(), "old", before.String(), "reason", s.reason())
	}
	c.net.touch(s.v.cfg.Name)
}

// reason says why a service is not healthy, empty if it is.
func (s *service) reason() string {
	all, healthy, unknown := s.census()
	switch {
	case s.health == lb.Healthy:
		return ""
	case all == 0:
		return "no backend in service"
	case s.health == lb.HealthUnknown:
		return fmt.Sprintf("%d of %d backends healthy, %d not known yet", healthy, all, unknown)
	}
	share := "one" // a high watermark of 0
	if s.entry.High > 0 {
		share = fmt.Sprintf("%.2f", s.entry.High)
	}
	return fmt.Sprintf("%d of %d backends healthy, want %s", healthy, all, share)
}

// reviewVserver judges everything of a vserver that was made anew.
func (c *Core) reviewVserver(v *vserver) {
	for _, s := range v.services {
		for _, d := range s.destinations {
			c.reviewDestination(d)
		}
		c.reviewService(s)
	}
}

// gate says whether the services on an address may serve. A unicast or
// dedicated address serves each service that is healthy; an anycast one serves
// all or, so that other sites take over, none.
func (v *vserver) gate(vip lb.VIP) lb.Health {
	if vip.Kind != lb.Anycast {
		return lb.Healthy
	}
	gate := lb.Healthy
	for _, s := range v.services {
		if s.vip == vip.Addr {
			gate = worse(gate, s.health)
		}
	}
	return gate
}

// worse returns the health of two things that must both be well.
func worse(a, b lb.Health) lb.Health {
	switch {
	case a == lb.Unhealthy || b == lb.Unhealthy:
		return lb.Unhealthy
	case a == lb.HealthUnknown || b == lb.HealthUnknown:
		return lb.HealthUnknown
	}
	return lb.Healthy
}
