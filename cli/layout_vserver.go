package cli

import (
	"fmt"
	"net/netip"
	"slices"

	"seesaw/internal/lb"
)

// The layouts are those of the original, to the space: scripts cut them at columns. Nothing may be added to
// them while all is well; what is not well is told behind the original's lines, with its reason.

func enabled(is bool) string {
	if is {
		return "enabled"
	}
	return "disabled"
}

// state is how services and destinations say how they are.
func state(on, healthy, active bool) string {
	if !on {
		return "disabled"
	}
	text := "enabled, unhealthy"
	if healthy {
		text = "enabled, healthy"
	}
	if active {
		return text + ", active"
	}
	return text + ", inactive"
}

func address(p netip.Prefix) string {
	if !p.IsValid() {
		return "<not configured>"
	}
	return p.String()
}

func layVservers(p *page, all []lb.VserverView) {
	if len(all) == 0 {
		p.line("No vservers found")
		return
	}
	p.line("Vservers")
	for i, v := range all {
		suffix := ""
		if !v.Enabled {
			suffix = " (disabled)"
		}
		p.line("[%3d] %s%s", i+1, v.Name, suffix)
	}
}

func layVserver(p *page, v lb.VserverView) {
	p.line("Vserver")
	p.field("Name:", v.Name)
	p.field("Hostname:", v.Hostname)
	p.field("Status:", fmt.Sprintf("%s (override state %v; config state %s)", enabled(v.Enabled), v.Override, enabled(v.ConfigEnabled)))
	p.field("IPv4 Address:", address(v.IPv4))
	p.field("IPv6 Address:", address(v.IPv6))
	p.line("")
	p.line("  Services:")
	for _, s := range v.Services {
		p.line("")
		layService(p, s)
	}
	if warnings := whatIsWrong(v); len(warnings) > 0 {
		p.line("")
		p.line("  Warnings:")
		for _, w := range warnings {
			p.line("    - %s", w)
		}
	}
}

// whatIsWrong is what a vserver is warned of, and why each service and destination of it that does not serve
// does not.
func whatIsWrong(v lb.VserverView) []string {
	warnings := slices.Clone(v.Warnings)
	if !v.Enabled {
		return warnings
	}
	for _, s := range v.Services {
		if s.Reason != "" {
			warnings = append(warnings, s.Name()+": "+s.Reason)
		}
		for _, d := range s.Destinations {
			if d.Reason != "" && d.Reason != s.Reason {
				warnings = append(warnings, d.Name+": "+d.Reason)
			}
		}
	}
	return warnings
}

func layService(p *page, s lb.ServiceView) {
	how := fmt.Sprintf("%v, %s scheduler", s.Mode, s.Scheduler)
	if s.OnePacket {
		how += ", one-packet mode"
	}
	if s.Persistence > 0 {
		how += fmt.Sprintf(", %ds persistence", s.Persistence)
	}
	p.line("%-18s (%s)", "    "+s.Name(), how)
	p.line("%-20s %s", "        State:", state(s.Enabled, s.Healthy, s.Active))
	p.line("%-20s Low %.2f, High %.2f, Currently %.2f", "        Watermarks:", s.Low, s.High, s.Current)
}

// status is a destination's state as it stands behind its name.
func (d destination) status() string {
	if !d.VserverEnabled {
		return "vserver disabled"
	}
	return state(d.Enabled, d.Healthy, d.Active)
}

func layDestinations(p *page, all []destination) {
	p.line("Destinations")
	for i, d := range all {
		p.line("[%4d] %s (%s)", i+1, d.Name, d.status())
	}
}

func layDestination(p *page, d destination) {
	vserver := d.Vserver
	if !d.VserverEnabled {
		vserver += " (disabled)"
	}
	p.line("Destination")
	p.field("Name:", d.Name)
	p.field("Vserver:", vserver)
	p.field("Backend:", d.Backend)
	p.field("Enabled:", d.Enabled)
	p.field("Healthy:", d.Healthy)
	p.field("Active:", d.Active)
	if d.Reason != "" {
		p.field("Reason:", d.Reason)
	}
}

func layBackends(p *page, all []backend) {
	p.line("Backends")
	for i, b := range all {
		suffix := ""
		if b.State != "enabled" {
			suffix = " (" + b.State + ")"
		}
		p.line("[%4d] %s%s", i+1, b.Hostname, suffix)
	}
}

func layBackend(p *page, b backend) {
	p.line("Backend")
	p.line("  Hostname: %s", b.Hostname)
	p.line("  Destinations:")
	for i, d := range b.Destinations {
		p.line("  [%3d] %s (%s)", i+1, d.Name, d.status())
	}
}
