package cli

import (
	"cmp"
	"slices"

	"seesaw/internal/lb"
)

// destination is one destination with the vserver it belongs to.
type destination struct {
	Vserver        string `json:"vserver"`
	VserverEnabled bool   `json:"vserver_enabled"`
	lb.DestinationView
	protocol lb.Protocol
}

// backend is one machine with all that it serves.
type backend struct {
	Hostname     string        `json:"hostname"`
	State        string        `json:"state"` // enabled, disabled or partially disabled
	Destinations []destination `json:"destinations"`
}

// destinationsOf lists the destinations of all vservers, sorted by vserver, address, port and protocol.
func destinationsOf(vservers []lb.VserverView) []destination {
	var all []destination
	for _, v := range vservers {
		for _, s := range v.Services {
			for _, d := range s.Destinations {
				all = append(all, destination{v.Name, v.Enabled, d, s.Protocol})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b destination) int {
		return cmp.Or(cmp.Compare(a.Vserver, b.Vserver), a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port), cmp.Compare(a.protocol, b.protocol))
	})
	return all
}

// backendsOf lists the backends of all vservers, sorted by hostname.
func backendsOf(vservers []lb.VserverView) []backend {
	byName := make(map[string]int)
	var all []backend
	for _, d := range destinationsOf(vservers) {
		at, known := byName[d.Backend]
		if !known {
			at = len(all)
			byName[d.Backend] = at
			all = append(all, backend{Hostname: d.Backend})
		}
		all[at].Destinations = append(all[at].Destinations, d)
	}
	for i := range all {
		all[i].State = stateOf(all[i].Destinations)
	}
	slices.SortFunc(all, func(a, b backend) int { return cmp.Compare(a.Hostname, b.Hostname) })
	return all
}

// stateOf says what the destinations of a backend make of it.
func stateOf(all []destination) string {
	disabled, unserved := 0, 0
	for _, d := range all {
		if !d.Enabled {
			disabled++
		}
		if !d.VserverEnabled {
			unserved++
		}
	}
	switch {
	case disabled == len(all) || unserved == len(all):
		return "disabled"
	case disabled+unserved > 0:
		return "partially disabled"
	}
	return "enabled"
}
