package core

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"seesaw/internal/lb"
)

// ClusterView returns the cluster as this node sees it.
func (c *Core) ClusterView() lb.ClusterView {
	view := lb.ClusterView{Version: c.cfg.Version, Site: c.cfg.Node.Cluster}
	if c.cluster == nil {
		return view
	}
	for _, m := range c.cluster.Members {
		n := lb.NodeView{
			Hostname: m.Host.Name, IPv4: m.Host.IPv4, IPv6: m.Host.IPv6, Priority: m.Priority,
			Local:     m.Host == c.member.Host,
			HAEnabled: m.HA, AnycastEnabled: m.Anycast && c.cfg.Node.AnycastEnabled,
			BGPEnabled: m.BGP && c.cfg.Node.AnycastEnabled, VserversEnabled: m.Vservers,
		}
		if n.Local {
			n.Problems = c.nodeProblems()
		}
		view.Nodes = append(view.Nodes, n)
	}
	return view
}

func (c *Core) nodeProblems() (lines []string) {
	for _, p := range c.net.report.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

// ConfigView returns which config is in force, with all that operators should
// be warned of.
func (c *Core) ConfigView() lb.ConfigView {
	view := c.inUse
	if c.cluster == nil {
		return view
	}
	view.LastUpdate = c.cluster.LastUpdated
	for _, a := range c.cluster.Attributes {
		view.Attributes = append(view.Attributes, lb.Attribute{Name: a.Name, Value: a.Value})
	}
	view.Warnings = slices.Concat(view.Warnings, c.cluster.Warnings, c.nodeProblems())
	for _, p := range c.cluster.Notices {
		view.Warnings = append(view.Warnings, p.String())
	}
	for _, f := range c.cluster.Faulty {
		for _, p := range f.Problems {
			view.Warnings = append(view.Warnings, p.String())
		}
	}
	return view
}

// HAView returns the state of the election.
func (c *Core) HAView() lb.HAView {
	r := c.ha.report
	return lb.HAView{
		State: c.ha.role, Since: r.Since, Reason: r.Reason,
		Transitions: r.Transitions, Sent: r.Sent, Received: r.Received, LastUpdate: c.ha.word,
	}
}

// VLANs returns the cluster's VLANs, sorted by id.
func (c *Core) VLANs() []lb.VLANView {
	if c.cluster == nil {
		return nil
	}
	var list []lb.VLANView
	for _, u := range c.cluster.VLANUse() {
		list = append(list, lb.VLANView{
			ID: u.VLAN.ID, Hostname: u.VLAN.Host.Name, IPv4: u.VLAN.Host.IPv4, IPv6: u.VLAN.Host.IPv6,
			IPv4Backends: u.Backends.IPv4, IPv6Backends: u.Backends.IPv6, IPv4VIPs: u.VIPs.IPv4, IPv6VIPs: u.VIPs.IPv6,
		})
	}
	return list
}

// Statistics finds a service's counters by its kernel identity; nil where there
// are none.
type Statistics map[lb.ServiceKey]lb.ServiceStatistics

// Vservers returns every vserver as it is, sorted by name, with the counters
// that the caller has read from ncc.
func (c *Core) Vservers(stats Statistics) []lb.VserverView {
	list := make([]lb.VserverView, 0, len(c.vservers))
	for _, name := range slices.Sorted(maps.Keys(c.vservers)) {
		list = append(list, c.vservers[name].view(stats))
	}
	return list
}

func (v *vserver) view(stats Statistics) lb.VserverView {
	view := lb.VserverView{
		Name: v.cfg.Name, Hostname: v.cfg.Host.Name, IPv4: v.cfg.Host.IPv4, IPv6: v.cfg.Host.IPv6,
		Enabled: v.off == "", ConfigEnabled: v.cfg.Enabled, Override: v.override,
		Warnings: slices.Clone(v.cfg.Warnings),
	}
	for _, p := range v.problems {
		view.Warnings = append(view.Warnings, p.String())
	}
	for _, s := range v.services {
		view.Services = append(view.Services, s.view(stats[s.key]))
	}
	return view
}

func (s *service) view(stats lb.ServiceStatistics) lb.ServiceView {
	all, healthy, _ := s.census()
	view := lb.ServiceView{
		Family: s.key.Family, Protocol: s.proto, Port: s.port, Mark: s.key.Mark,
		Mode: s.entry.Mode, Scheduler: s.entry.Scheduler, OnePacket: s.entry.OnePacket,
		Persistence: int(s.entry.Persistence / time.Second),
		Enabled:     s.v.off == "", Healthy: s.health == lb.Healthy, Active: s.present,
		Low: s.entry.Low, High: s.entry.High,
		Reason: s.whyNot(), Counters: stats.Counters,
	}
	if all > 0 {
		view.Current = float32(healthy) / float32(all)
	}
	for _, d := range s.destinations {
		view.Destinations = append(view.Destinations, d.view(stats))
	}
	slices.SortStableFunc(view.Destinations, func(a, b lb.DestinationView) int { return cmp.Compare(a.Backend, b.Backend) })
	return view
}

// whyNot says why a service is not serving, empty while it is.
func (s *service) whyNot() string {
	switch {
	case s.v.off != "":
		return s.v.off
	case s.health != lb.Healthy:
		return s.reason()
	case s.unmarked():
		return "all firewall marks are in use"
	case !s.present && s.blocked() != "":
		return fmt.Sprintf("%s on the same anycast address is not healthy", s.blocked())
	case !s.present:
		return s.v.notMade()
	}
	return ""
}

// notMade says why something that is wanted is not there.
func (v *vserver) notMade() string {
	if len(v.problems) > 0 {
		return v.problems[0].String()
	}
	return "ncc has not reported it yet"
}

func (d *destination) view(stats lb.ServiceStatistics) lb.DestinationView {
	view := lb.DestinationView{
		Name: d.name(), Backend: d.backend.Host.Name, Addr: d.addr, Port: d.s.key.Port, Weight: int32(d.backend.Weight),
		Enabled: d.backend.Enabled && d.s.v.off == "", Healthy: d.health == lb.Healthy, Active: d.present,
		Reason: d.reason,
	}
	if view.Reason == "" && !d.present {
		view.Reason = cmp.Or(d.s.whyNot(), d.s.v.notMade())
	}
	for _, x := range stats.Destinations {
		if x.Addr == d.addr && x.Port == d.s.key.Port {
			view.Counters, view.ActiveConn, view.Inactive = x.Counters, x.Active, x.Inactive
		}
	}
	return view
}
