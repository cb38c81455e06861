package lb

import (
	"fmt"
	"net/netip"
)

// Family is an address family.
type Family uint8

// The two address families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Families lists both families in the order in which they are shown.
func Families() [2]Family { return [2]Family{IPv4, IPv6} }

// FamilyOf returns the family of an address; an IPv4-mapped IPv6 address is
// IPv6, as it is for the kernel. The zero Addr has no family (0).
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return IPv4
	case a.Is6():
		return IPv6
	}
	return 0
}

func (f Family) String() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// MarshalText gives the operator\'s word.
func (f Family) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Protocol is an IANA protocol number.
type Protocol uint8

// The protocols that a service or a probe can have. A firewall-mark service
// has protocol 0.
const (
	ICMP   Protocol = 1
	TCP    Protocol = 6
	UDP    Protocol = 17
	ICMPv6 Protocol = 58
	SCTP   Protocol = 132
)

func (p Protocol) String() string {
	switch p {
	case ICMP:
		return "ICMP"
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case ICMPv6:
		return "ICMPv6"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("IP(%d)", uint8(p))
}

// MarshalText gives the operator\'s word.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Mode says how packets get from the balancer to a backend. The zero value is
// no mode.
type Mode uint8

// The forwarding modes, with the names that the kernel's tools use for them:
// direct routing, masquerading and tunnelling.
const (
	DSR Mode = 1 + iota
	NAT
	TUN
)

func (m Mode) String() string {
	switch m {
	case DSR:
		return "DSR"
	case NAT:
		return "NAT"
	case TUN:
		return "TUN"
	}
	return "None"
}

// MarshalText gives the operator\'s word.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// VIPKind says where a virtual address lives and how it is announced.
type VIPKind uint8

// The kinds of virtual address. Unicast lives on the LB interface or one of
// its VLANs and is announced by ARP and ND; Dedicated and Anycast live on our
// dummy interface as host addresses, and Anycast is announced by BGP.
const (
	Unicast VIPKind = 1 + iota
	Dedicated
	Anycast
)

func (k VIPKind) String() string {
	switch k {
	case Unicast:
		return "Unicast"
	case Dedicated:
		return "Dedicated"
	case Anycast:
		return "Anycast"
	}
	return "None"
}
