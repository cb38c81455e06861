package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"seesaw/internal/lb"
)

// Overridable says whether a vserver is there to be overridden.
func (c *Core) Overridable(name string) error {
	if c.vservers[name] == nil {
		return fmt.Errorf("no vserver %q (seesaw show vservers lists them)", name)
	}
	return nil
}

// Overrides returns the last that was said about every vserver, sorted, be it in
// the config or not. The caller may keep it.
func (c *Core) Overrides() []lb.OverrideRecord {
	return slices.SortedFunc(maps.Values(c.overrides), func(a, b lb.OverrideRecord) int { return strings.Compare(a.Vserver, b.Vserver) })
}

// override records what an operator says about a vserver. To say the same again
// is news too: the other node may have heard something else meanwhile.
func (c *Core) override(ev Override) {
	old, said := c.overrides[ev.Vserver]
	if c.vservers[ev.Vserver] == nil || !said && ev.State == lb.OverrideDefault {
		return
	}
	at := c.now.Round(0).UTC()
	if !at.After(old.Time) {
		// The clock that stamped the last word is ahead of ours; this is later all
		// the same.
		at = old.Time.Add(1)
	}
	c.record(lb.OverrideRecord{Vserver: ev.Vserver, State: ev.State, Time: at, Node: c.cfg.Node.Addrs.List()[0].String()})
}

// record puts records in force in place of those of the same vservers.
func (c *Core) record(records ...lb.OverrideRecord) {
	c.changeChecks(func() {
		for _, r := range records {
			if old := c.overrides[r.Vserver].State; old != r.State {
				c.log("vserver override", "vserver", r.Vserver, "old", old.String(), "new", r.State.String(), "node", r.Node)
			}
			c.overrides[r.Vserver] = r
			if v := c.vservers[r.Vserver]; v != nil && v.override != r.State {
				v.override = r.State
				c.setOff(v)
			}
		}
	})
	c.emit(SaveOverrides{c.Overrides()})
}
