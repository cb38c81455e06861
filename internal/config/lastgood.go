package config

import (
	"slices"

	"google.golang.org/protobuf/proto"

	configpb "seesaw/proto/config"
)

// KeepLastGood gives each faulty vserver of c the last good version that there
// is of it in last, which may be nil. The result has those besides c's own, and
// kept names them in the order of Faulty; Faulty itself stays, as the reason.
// Its Raw has no faulty vserver, so it can be saved as what was accepted.
//
// A last good version is not kept if it can no longer be served: another
// vserver has its name or its address and port now, or a node its address. c
// and last are left as they are; if nothing is faulty, the result is c.
func (c *Cluster) KeepLastGood(last *Cluster) (result *Cluster, kept []string) {
	if len(c.Faulty) == 0 {
		return c, nil
	}
	raw := proto.CloneOf(c.Raw)
	raw.Vserver = c.goodRaw()
	own := len(raw.Vserver)
	raw.Vserver = append(raw.Vserver, c.candidates(last)...)

	// What is appended is read last: in a quarrel, it is at fault.
	r := reader{findings: findings{vserver: single}}
	result = r.cluster(raw)
	result.Faulty, result.Notices = c.Faulty, c.Notices
	raw.Vserver = slices.DeleteFunc(raw.Vserver, func(v *configpb.Vserver) bool {
		return result.Vserver(v.GetName()) == nil
	})
	for _, v := range raw.Vserver[own:] {
		kept = append(kept, v.GetName())
	}
	return result, kept
}

// goodRaw returns the messages of the vservers that have no fault. Of several
// with one name only the first can be good.
func (c *Cluster) goodRaw() []*configpb.Vserver {
	seen := make(map[string]bool)
	var good []*configpb.Vserver
	for _, v := range c.Raw.GetVserver() {
		if name := v.GetName(); !seen[name] {
			seen[name] = true
			if c.Vserver(name) != nil {
				good = append(good, v)
			}
		}
	}
	return good
}

// candidates returns the messages of last's good vservers whose names are
// faulty here, once each.
func (c *Cluster) candidates(last *Cluster) []*configpb.Vserver {
	if last == nil {
		return nil
	}
	good := make(map[string]*configpb.Vserver)
	for _, v := range last.goodRaw() {
		good[v.GetName()] = v
	}
	var list []*configpb.Vserver
	for _, f := range c.Faulty {
		if v := good[f.Name]; v != nil && c.Vserver(f.Name) == nil {
			list = append(list, v)
			delete(good, f.Name)
		}
	}
	return list
}
