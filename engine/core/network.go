package core

import (
	"cmp"
	"maps"
	"slices"

	"seesaw/internal/lb"
)

// network is what ncc has been told and what it has still to be told.
type network struct {
	last    uint64 // the newest version that we made
	base    uint64 // the version that ncc has
	full    bool   // ncc must be told everything
	node    bool   // the node part has changed
	touched map[string]bool
	news    bool // something has changed since the last Apply effect
	report  lb.NodeReport
	known   bool // ncc has answered at least once
}

func newNetwork(epoch uint64) network {
	return network{last: epoch, full: true, touched: make(map[string]bool)}
}

// touch notes that a vserver must be told to ncc.
func (n *network) touch(vserver string) {
	n.touched[vserver] = true
	n.news = true
}

func (n *network) touchNode() { n.node, n.news = true, true }

// lose forgets what ncc has.
func (n *network) lose() { n.full = true }

func (n *network) takeNews() bool {
	news := n.news
	n.news = false
	return news
}

// Update returns what ncc must be told: what has changed since the update that
// it last confirmed, or nothing, which renews the engine's lease. Until it is
// answered by an Applied or NotApplied event no other may be taken. Before the
// first Load there is nothing to tell; ok is then false.
func (c *Core) Update() (u lb.Update, ok bool) {
	if c.cluster == nil {
		return lb.Update{}, false
	}
	n := &c.net
	u = lb.Update{Base: n.base, Version: n.base, Full: n.full, Node: c.node()}
	if !n.full && len(n.touched) == 0 && !n.node {
		return u, true
	}
	n.last++
	u.Version = n.last
	names := slices.Sorted(maps.Keys(n.touched))
	if n.full {
		names = slices.Sorted(maps.Keys(c.vservers))
	}
	for _, name := range names {
		if v := c.vservers[name]; v != nil {
			u.Changed = append(u.Changed, v.wanted())
		} else {
			u.Removed = append(u.Removed, name)
		}
	}
	clear(n.touched)
	n.full, n.node = false, false
	return u, true
}

// applied takes ncc's answer.
func (c *Core) applied(r lb.Report) {
	n := &c.net
	if r.Resend {
		n.lose()
		n.news = true
		return
	}
	n.base, n.report = r.Version, r.Node
	if !n.known {
		n.known = true
		c.emit(Direct{}) // ha may have been waiting for it
	}
	for _, vr := range r.Vservers {
		if v := c.vservers[vr.Name]; v != nil {
			c.observe(v, vr)
		}
	}
	c.tellChecks()
}

// observe takes what is true of a vserver.
func (c *Core) observe(v *vserver, r lb.VserverReport) {
	v.present = r.VIPs
	for _, p := range r.Problems {
		if !slices.ContainsFunc(v.problems, func(old lb.Problem) bool { return old.Object == p.Object && old.Reason == p.Reason }) {
			c.warn("cannot be made as wanted", "vserver", v.cfg.Name, "object", p.Object, "err", p.Reason)
		}
	}
	v.problems = r.Problems
	found := make(map[lb.ServiceKey]lb.ServiceReport, len(r.Services))
	for _, s := range r.Services {
		found[s.Key] = s
	}
	for _, s := range v.services {
		sr, present := found[s.key]
		was := s.present
		s.present = present
		for _, d := range s.destinations {
			d.present = slices.ContainsFunc(sr.Destinations, func(x lb.DestinationReport) bool { return x.Addr == d.addr })
		}
		if s.health == lb.HealthUnknown && s.present != was {
			// That it is up decides which watermark counts.
			if s.health = s.judge(); s.health != lb.HealthUnknown {
				c.net.touch(v.cfg.Name)
			}
		}
	}
}

// node returns what the node itself needs.
func (c *Core) node() lb.Node {
	cfg := c.cfg.Node
	return lb.Node{
		NodeInterface: cfg.NodeInterface,
		LBInterface:   cfg.LBInterface,
		Addrs:         cfg.Addrs.List(),
		ClusterVIPs:   cfg.VIPs.List(),
		VRID:          cfg.VRID,
		VirtualMAC:    cfg.UseVMAC,
		Link:          c.ha.link(),
		Peer:          cfg.HasPeer(),
		AnnounceEvery: cfg.AnnounceEvery,
		VLANs:         c.cluster.VLANs,
		Probes:        c.probes,
	}
}

// setProbes lists the firewall-mark services that DSR and TUN probes need. The
// list is not changed once made: updates share it.
func (c *Core) setProbes(wanted map[lb.CheckID]lb.Check) {
	var list []lb.ProbeMark
	for _, def := range wanted {
		if def.Mark != 0 {
			list = append(list, lb.ProbeMark{Mark: def.Mark, Backend: def.Backend, Mode: def.Mode})
		}
	}
	slices.SortFunc(list, func(a, b lb.ProbeMark) int { return cmp.Compare(a.Mark, b.Mark) })
	if list = slices.Compact(list); !slices.Equal(list, c.probes) {
		c.probes = list
		c.net.touchNode()
	}
}

// wanted returns what a vserver needs of the host.
func (v *vserver) wanted() lb.Vserver {
	w := lb.Vserver{Name: v.cfg.Name}
	if v.off != "" {
		return w
	}
	for _, vip := range v.vips {
		gate := v.gate(vip)
		if gate == lb.Unhealthy {
			continue
		}
		vip.Want = want(gate)
		w.VIPs = append(w.VIPs, vip)
		for _, s := range v.services {
			if health := worse(gate, s.health); s.vip == vip.Addr && health != lb.Unhealthy && !s.unmarked() {
				w.Services = append(w.Services, s.wanted(want(health)))
			}
		}
	}
	lb.SortVserver(&w)
	return w
}

// want is what should become of an object of a given health; one that is
// unhealthy is not named at all.
func want(h lb.Health) lb.Want {
	if h == lb.Healthy {
		return lb.Present
	}
	return lb.AsFound
}

func (s *service) wanted(w lb.Want) lb.Service {
	out := lb.Service{
		Key: s.key, Scheduler: s.entry.Scheduler, Persistence: s.entry.Persistence, Want: w,
	}
	if s.entry.OnePacket {
		out.Flags |= lb.OnePacket
	}
	if s.entry.Scheduler == "sh" || s.entry.Scheduler == "mh" {
		out.Flags |= lb.Fallback | lb.HashPort
	}
	for _, d := range s.destinations {
		if d.health == lb.Unhealthy {
			continue
		}
		out.Destinations = append(out.Destinations, lb.Destination{
			Addr: d.addr, Port: s.key.Port, Mode: s.entry.Mode, Weight: d.backend.Weight,
			Upper: s.entry.UThreshold, Lower: s.entry.LThreshold, Want: want(d.health),
		})
	}
	return out
}
