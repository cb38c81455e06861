package vrrp

import (
	"encoding/binary"
	"net/netip"
)

// Checksum is what the checksum of an IPv4 advert covers. Over IPv6 there is only WithPseudoHeader.
type Checksum uint8

const (
	// MessageOnly is the IPv4 checksum of RFC 9568 section 5.2.8, also that of VRRPv2.
	MessageOnly Checksum = iota
	// WithPseudoHeader is the IPv4 checksum of RFC 5798 as keepalived and FRR read it.
	WithPseudoHeader
)

func (c Checksum) String() string {
	switch c {
	case MessageOnly:
		return "message only"
	case WithPseudoHeader:
		return "with pseudo-header"
	}
	return "unknown checksum form"
}

// sum adds the 16-bit words of b to acc (RFC 1071). A message is never longer than 8+16·255
// bytes, so 32 bits do not overflow. Its length is even.
func sum(acc uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		acc += uint32(binary.BigEndian.Uint16(b))
	}
	return acc
}

// pseudoSum is the sum of the pseudo-header. IPv4 and IPv6 (RFC 8200 section 8.1) order and
// size the fields differently, but their sum is the same: addresses, protocol, length.
func pseudoSum(src, dst netip.Addr, length int) uint32 {
	acc := uint32(Protocol) + uint32(length)
	return addrSum(addrSum(acc, src), dst)
}

func addrSum(acc uint32, a netip.Addr) uint32 {
	if a.Is4() {
		b := a.As4()
		return sum(acc, b[:])
	}
	b := a.As16()
	return sum(acc, b[:])
}

// fold ends a sum: the value of the checksum field, or 0 when the field was part of the sum and right.
func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return ^uint16(acc)
}
