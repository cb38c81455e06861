package plan

import (
	"net/netip"

	"seesaw/internal/lb"
)

// DummyName is the interface of our own on which dedicated and anycast VIPs
// live. It is never the host's dummy0.
const DummyName = "seesaw0"

// Found is what the host has, as far as it can matter to us.
type Found struct {
	Links map[string]Link
	// Addrs holds every address of the links above, ours or not.
	Addrs map[AddrKey]AddrState
	// Services holds every IPVS service of the host with its destinations, all
	// with Want = lb.Present.
	Services map[lb.ServiceKey]lb.Service
	// Sysctls holds the present value of each setting that a plan may want to
	// change and that this kernel has.
	Sysctls map[string]string
}

// Link is a network interface.
type Link struct {
	Name    string
	Up      bool // administratively
	Carrier bool
	MAC     string // lower case, colons
	Parent  string // of a VLAN
	VLAN    uint16 // zero = not a VLAN
	Dummy   bool
}

// AddrKey is an address on a link.
type AddrKey struct {
	Link string
	Addr netip.Addr
}

// AddrState is what else there is to an address.
type AddrState struct {
	Bits int // prefix length
	// Deprecated is true for an IPv6 address that is never chosen as a source
	// (preferred lifetime zero).
	Deprecated bool
	// Ours is true if the address bears our protocol number.
	Ours bool
}
