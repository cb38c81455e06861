package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// ErrNotMember: the cluster config does not name this node.
var ErrNotMember = errors.New("this node is not in the cluster config")

// Accept says whether a cluster config can be put in force on this node.
func (c *Core) Accept(cluster *config.Cluster) error {
	if _, ok := cluster.Member(c.cfg.Node.Addrs); !ok {
		return fmt.Errorf("%w: no node has the address %v (cluster.node_ipv4 and node_ipv6 of seesaw.cfg must be those of a node in the cluster file)",
			ErrNotMember, c.cfg.Node.Addrs.List())
	}
	return nil
}

// load puts a cluster config in force, which Accept has let pass.
func (c *Core) load(ev Load) {
	c.cluster = ev.Cluster
	c.inUse = ev.View
	before := c.haConfig()
	c.member, _ = ev.Cluster.Member(c.cfg.Node.Addrs)
	c.changeChecks(c.loadVservers)
	c.net.touchNode()
	if after := c.haConfig(); !c.ha.started || !sameHA(before, after) {
		c.ha.started = true
		c.emit(Direct{})
	}
	if c.marks.keep(c.marksInUse()) {
		c.emit(SaveMarks{c.marks.used()})
	}
	c.log("cluster config in force", "source", ev.View.InUse, "vservers", len(c.vservers), "left out", len(ev.Cluster.Faulty), "checks", len(c.checks))
}

// loadVservers makes the vservers those of the config. One that says what it
// said before is left alone.
func (c *Core) loadVservers() {
	for _, name := range slices.Sorted(maps.Keys(c.vservers)) {
		if c.cluster.Vserver(name) == nil {
			c.vservers[name].gone = true
			delete(c.vservers, name)
			c.net.touch(name)
			c.log("vserver removed from the config", "vserver", name)
		}
	}
	for _, cfg := range c.cluster.Vservers {
		old := c.vservers[cfg.Name]
		if old != nil && old.cfg.Equal(cfg) && sameKinds(old, c.cluster) {
			c.setOff(old)
			continue
		}
		v := c.expand(cfg)
		v.override = c.overrides[cfg.Name].State
		if old != nil {
			v.inherit(old)
			old.gone = true
			c.log("vserver changed in the config", "vserver", cfg.Name)
		}
		c.vservers[cfg.Name] = v
		c.setOff(v)
		c.reviewVserver(v)
	}
}

// sameKinds reports whether a vserver's addresses are still of the kind they
// were: the dedicated subnets are not part of the vserver.
func sameKinds(v *vserver, cluster *config.Cluster) bool {
	for _, vip := range v.vips {
		if cluster.VIPKind(vip.Addr) != vip.Kind {
			return false
		}
	}
	return true
}

// setOff decides whether a vserver is enabled.
func (c *Core) setOff(v *vserver) {
	before := v.off
	switch {
	case !c.member.Vservers:
		v.off = fmt.Sprintf("this node has status %v in the config", c.member.Status)
	case v.override == lb.OverrideDisabled:
		v.off = "disabled by an override"
	case v.override == lb.OverrideEnabled || v.cfg.Enabled:
		v.off = ""
	default:
		v.off = fmt.Sprintf("its address has status %v in the config", v.cfg.Status)
	}
	if v.off != before {
		c.net.touch(v.cfg.Name)
	}
}
