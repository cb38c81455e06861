package lb

import "net/netip"

// Host is a named machine or service with an address in each family. Each
// address keeps the prefix length that the config gave it; a family that is
// absent has the zero Prefix.
type Host struct {
	Name string
	IPv4 netip.Prefix
	IPv6 netip.Prefix
}

// Addr returns the host's address in a family, or the zero Addr.
func (h Host) Addr(f Family) netip.Addr { return h.Prefix(f).Addr() }

// Prefix returns the host's address with its prefix length in a family, or
// the zero Prefix.
func (h Host) Prefix(f Family) netip.Prefix {
	if f == IPv6 {
		return h.IPv6
	}
	return h.IPv4
}
