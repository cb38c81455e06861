package ipvs

import (
	"fmt"
	"net/netip"
	"strings"
)

// Destination is a real server of a service, found there by [Destination.AddrPort].
type Destination struct {
	// Address may be of the other family than the service's if Forward is
	// ForwardTunnel; the kernel refuses that while a sync daemon runs.
	Address netip.Addr
	Port    uint16

	Forward Forwarding
	// Weight 0 takes no new connections. The kernel accepts up to 2147483647.
	Weight uint32
	// At UpperThreshold connections the destination takes no new ones until
	// fewer than LowerThreshold are left. 0 means no limit.
	UpperThreshold uint32
	LowerThreshold uint32

	// The tunnel fields count for ForwardTunnel only, TunnelPort for TunnelGUE only.
	TunnelType  TunnelType
	TunnelPort  uint16
	TunnelFlags TunnelFlags

	// Connection counts and Stats are filled by the kernel and ignored when sent.
	ActiveConns     uint32
	InactiveConns   uint32
	PersistentConns uint32
	Stats           Stats
}

// AddrPort returns the identity of d within its service, IPv4-mapped addresses unmapped.
func (d Destination) AddrPort() netip.AddrPort {
	return netip.AddrPortFrom(d.Address.Unmap(), d.Port)
}

// Equal reports whether the kernel would hold the same for d and o; counters
// do not count, nor do tunnel fields that d's way of forwarding does not use.
func (d Destination) Equal(o Destination) bool { return d.settings() == o.settings() }

// settings returns d without counters and unused fields.
func (d Destination) settings() Destination {
	s := Destination{
		Address: d.Address.Unmap(), Port: d.Port,
		Forward: d.Forward, Weight: d.Weight,
		UpperThreshold: d.UpperThreshold, LowerThreshold: d.LowerThreshold,
	}
	if d.Forward == ForwardTunnel {
		s.TunnelType, s.TunnelFlags = d.TunnelType, d.TunnelFlags
		if d.TunnelType == TunnelGUE {
			s.TunnelPort = d.TunnelPort
		}
	}
	return s
}

// String describes d on one line: "10.0.0.7:80 tunnel gue:6080 weight 5".
func (d Destination) String() string {
	s := d.settings()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", hostPort(s.Address, s.Port), s.Forward)
	if s.Forward == ForwardTunnel {
		fmt.Fprintf(&b, " %s", s.TunnelType)
		if s.TunnelPort != 0 {
			fmt.Fprintf(&b, ":%d", s.TunnelPort)
		}
		if s.TunnelFlags != 0 {
			fmt.Fprintf(&b, " %s", s.TunnelFlags)
		}
	}
	fmt.Fprintf(&b, " weight %d", s.Weight)
	if s.UpperThreshold != 0 || s.LowerThreshold != 0 {
		fmt.Fprintf(&b, " connections %d..%d", s.LowerThreshold, s.UpperThreshold)
	}
	return b.String()
}

// Forwarding is how packets reach a destination (IP_VS_CONN_F_FWD_MASK).
type Forwarding uint32

// The forwarding methods.
const (
	ForwardMasq   Forwarding = 0 // rewrite the destination address (NAT)
	ForwardLocal  Forwarding = 1 // hand to this host
	ForwardTunnel Forwarding = 2 // encapsulate; see TunnelType
	ForwardRoute  Forwarding = 3 // direct routing: same packet, other MAC address
	ForwardBypass Forwarding = 4 // send on to the original destination
)

var forwardingNames = [...]string{"masq", "local", "tunnel", "route", "bypass"}

// String returns "masq", "local", "tunnel", "route", "bypass" or the number.
func (f Forwarding) String() string {
	if int(f) < len(forwardingNames) {
		return forwardingNames[f]
	}
	return fmt.Sprintf("forwarding(%d)", uint32(f))
}

// TunnelType is the encapsulation of ForwardTunnel.
type TunnelType uint8

// The encapsulations. TunnelGUE needs a TunnelPort.
const (
	TunnelIPIP TunnelType = 0
	TunnelGUE  TunnelType = 1
	TunnelGRE  TunnelType = 2
)

var tunnelNames = [...]string{"ipip", "gue", "gre"}

// String returns "ipip", "gue", "gre" or the number.
func (t TunnelType) String() string {
	if int(t) < len(tunnelNames) {
		return tunnelNames[t]
	}
	return fmt.Sprintf("tunnel(%d)", uint8(t))
}

// TunnelFlags choose the checksum of GUE and GRE; 0 means none.
type TunnelFlags uint16

// The checksum flags of a tunnel.
const (
	TunnelCsum    TunnelFlags = 0x1 // checksum of the outer header
	TunnelRemCsum TunnelFlags = 0x2 // remote checksum offload; GUE only
)

// String returns "nocsum", "csum", "remcsum" or several joined by "|".
func (f TunnelFlags) String() string {
	if f == 0 {
		return "nocsum"
	}
	return bitNames(uint32(f), "csum", "remcsum")
}
