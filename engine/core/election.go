package core

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"seesaw/internal/lb"
)

// vrrpGroup is where adverts go (RFC 9568 5.1.1.2, 5.1.2.2).
func vrrpGroup(f lb.Family) netip.Addr {
	if f == lb.IPv6 {
		return netip.AddrFrom16([16]byte{0xff, 0x02, 15: 0x12})
	}
	return netip.AddrFrom4([4]byte{224, 0, 0, 18})
}

// election is what the engine knows of ha.
type election struct {
	started bool // a config has been loaded
	// role is the last that ha has reported, or Unknown if it has been silent for
	// too long.
	role   lb.Role
	report lb.HAReport
	word   time.Time // when ha was last heard; zero = never
	// lost is set if ha fell silent for too long: the LB interface goes down.
	lost     bool
	failover bool // ask ha to resign, once
}

// link is what should become of the LB interface.
func (e *election) link() lb.Want {
	switch {
	case e.role == lb.RoleLeader:
		return lb.Present
	case e.role != lb.RoleUnknown || e.lost:
		return lb.Absent
	}
	return lb.AsFound
}

// haConfig is what ha should run with.
func (c *Core) haConfig() lb.HAConfig {
	cfg := c.cfg.Node
	h := lb.HAConfig{
		Interface: cfg.NodeInterface, LBInterface: cfg.LBInterface, Peer: cfg.HasPeer(),
		VRID: cfg.VRID, Priority: c.member.Priority, Interval: cfg.AdvertInterval, Preempt: cfg.Preempt,
	}
	f := lb.IPv4
	if !cfg.Addrs.IPv4.IsValid() {
		f = lb.IPv6
	}
	h.Local, h.Group = cfg.Addrs.Addr(f), vrrpGroup(f)
	if vip := cfg.VIPs.Addr(f); vip.IsValid() {
		h.VIPs = []netip.Addr{vip}
	}
	h.Enabled = c.cluster != nil && c.member.HA
	return h
}

func sameHA(a, b lb.HAConfig) bool {
	return slices.Equal(a.VIPs, b.VIPs) && a.Enabled == b.Enabled && a.Interface == b.Interface && a.LBInterface == b.LBInterface &&
		a.Local == b.Local && a.Group == b.Group && a.Peer == b.Peer && a.VRID == b.VRID &&
		a.Priority == b.Priority && a.Interval == b.Interval && a.Preempt == b.Preempt
}

// Directive returns what ha should do now; ok is false before the first Load.
// A request to resign is handed out once.
func (c *Core) Directive(now time.Time) (d lb.HADirective, ok bool) {
	if c.cluster == nil {
		return lb.HADirective{}, false
	}
	d = lb.HADirective{Config: c.haConfig(), Led: c.leads(), SinceWord: time.Hour, Failover: c.ha.failover}
	if !c.ha.word.IsZero() {
		d.SinceWord = now.Sub(c.ha.word)
	}
	c.ha.failover = false
	return d, true
}

// leads says whether this node leads as far as is known: by ha's last word, or
// before its first one by how the LB interface was found.
func (c *Core) leads() bool {
	if c.ha.word.IsZero() && !c.ha.lost {
		return c.net.known && c.net.report.LinkFoundUp && c.net.report.LinkUp
	}
	return c.ha.role == lb.RoleLeader
}

// Ready says whether ha can be told what to do: the config is loaded and ncc
// has said whether this node led before.
func (c *Core) Ready() bool { return c.cluster != nil && c.net.known }

// haReported takes ha's word. A role of unknown is that of an ha that has not
// decided yet: the last one holds.
func (c *Core) haReported(r lb.HAReport) {
	if r.Role == lb.RoleUnknown {
		return
	}
	if r.Role > lb.RoleShutdown {
		c.warn("ha reports a role that is not known here: the last one holds", "role", r.Role.String())
		return
	}
	c.ha.word, c.ha.lost = c.now, false
	before := c.ha.role
	c.ha.role, c.ha.report = r.Role, r
	c.ha.failover = c.ha.failover && r.Role == lb.RoleLeader // else it was done, or was meant for another time
	if r.Role != before {
		c.log("role changed", "old", before.String(), "role", r.Role.String(), "reason", r.Reason)
		c.net.touchNode()
		c.emit(Direct{}) // an ha that is leaving waits to hear that its word has come
	}
}

// roleDeadline is when ha's silence ends the role that it reported: two
// master-down intervals after its last word, and never on a lone node, where
// nobody else could serve.
func (c *Core) roleDeadline() time.Time {
	if c.cluster == nil || !c.cfg.Node.HasPeer() || c.ha.role == lb.RoleUnknown || c.ha.word.IsZero() {
		return time.Time{}
	}
	return c.ha.word.Add(2 * masterDown(c.haConfig()))
}

// masterDown is how long a backup waits for an advert (RFC 9568 6.1).
func masterDown(h lb.HAConfig) time.Duration {
	return 3*h.Interval + time.Duration(256-int(h.Priority))*h.Interval/256
}

// expireRole ends the role of an ha that has fallen silent.
func (c *Core) expireRole() {
	deadline := c.roleDeadline()
	if deadline.IsZero() || c.now.Before(deadline) {
		return
	}
	c.warn("ha is silent: giving up the role that it last reported", "role", c.ha.role.String(), "silent", c.now.Sub(c.ha.word).String())
	c.ha.role, c.ha.lost, c.ha.failover = lb.RoleUnknown, true, false
	c.ha.report.Reason = "ha is silent (is seesaw_ha running?)"
	c.net.touchNode()
}

// Failover asks for the lead to be given to the peer. It is refused where there
// is no lead to give or nobody to take it.
func (c *Core) Failover(now time.Time) ([]Effect, error) {
	switch {
	case !c.cfg.Node.HasPeer():
		return nil, errors.New("failover: this node has no peer that could take over (cluster.peer_ipv4 and peer_ipv6 of seesaw.cfg)")
	case c.ha.role != lb.RoleLeader:
		return nil, fmt.Errorf("failover: this node is %v, only a LEADER can give up the lead", c.ha.role)
	}
	c.now, c.effects = now, nil
	c.ha.failover = true
	c.log("failover requested", "role", c.ha.role.String())
	c.emit(Direct{})
	return c.effects, nil
}
