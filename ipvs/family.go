package ipvs

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Family is an address family with the kernel's numbers. The zero value means
// "the family of the address beside it".
type Family uint16

// The families that IPVS serves.
const (
	IPv4 Family = unix.AF_INET
	IPv6 Family = unix.AF_INET6
)

// String returns "IPv4", "IPv6" or the number.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return fmt.Sprintf("family(%d)", uint16(f))
}

// familyOf returns the family of a valid address.
func familyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// Protocol is an IP protocol number.
type Protocol uint16

// The protocols that IPVS can balance by port.
const (
	TCP  Protocol = unix.IPPROTO_TCP
	UDP  Protocol = unix.IPPROTO_UDP
	SCTP Protocol = unix.IPPROTO_SCTP
)

// String returns "TCP", "UDP", "SCTP" or "IP(n)".
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("IP(%d)", uint16(p))
}
