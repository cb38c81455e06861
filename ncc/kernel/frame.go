package kernel

import (
	"encoding/binary"
	"net/netip"
)

// mac is an Ethernet hardware address.
type mac [6]byte

// ARP operations (RFC 826).
const (
	arpRequest = 1
	arpReply   = 2
)

// Ethernet types (IEEE 802 Numbers).
const (
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// Lengths in bytes.
const (
	etherLen = 14
	arpLen   = 28
	ipv6Len  = 40
	naLen    = 24 + 8 // the advertisement and its one option
)

var (
	broadcast = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	// allNodesMAC is ff02::1 as an Ethernet multicast address (RFC 2464 7).
	allNodesMAC = mac{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}
	allNodes    = netip.MustParseAddr("ff02::1")
)

// appendEther appends an Ethernet header.
func appendEther(b []byte, dst, src mac, kind uint16) []byte {
	b = append(b, dst[:]...)
	b = append(b, src[:]...)
	return binary.BigEndian.AppendUint16(b, kind)
}

// arpFrame is a broadcast gratuitous ARP packet for an IPv4 address: sender and
// target protocol address are both the address announced (RFC 5227 3, and
// RFC 5944 4.6 for the reply form). Some neighbours refresh their table on a
// request, some on a reply, so a caller sends both.
func arpFrame(op uint16, src mac, ip netip.Addr) []byte {
	addr := ip.As4()
	// The target hardware address means nothing in a request and is zero
	// (RFC 5227 1.1); in a reply it is the one to store (RFC 5944 4.6).
	var target mac
	if op == arpReply {
		target = src
	}
	b := appendEther(make([]byte, 0, etherLen+arpLen), broadcast, src, etherARP)
	b = append(b,
		0, 1, // hardware: Ethernet
		0x08, 0x00, // protocol: IPv4
		6, 4) // their address lengths
	b = binary.BigEndian.AppendUint16(b, op)
	b = append(b, src[:]...)
	b = append(b, addr[:]...)
	b = append(b, target[:]...)
	return append(b, addr[:]...)
}

// Flags of a neighbour advertisement (RFC 4861 4.4). Solicited is never set on
// one that nobody asked for.
const (
	naRouter   = 0x80
	naOverride = 0x20
)

// advertFrame is an unsolicited neighbour advertisement for an IPv6 address, to
// all nodes: router and override set, solicited not, as the holder of a virtual
// address sends it (RFC 9568 6.4.1). The address is its own source, so that it
// needs no other one on the link.
func advertFrame(src mac, ip netip.Addr) []byte {
	from, to := ip.As16(), allNodes.As16()
	b := appendEther(make([]byte, 0, etherLen+ipv6Len+naLen), allNodesMAC, src, etherIPv6)
	b = append(b, 0x60, 0, 0, 0) // version 6
	b = binary.BigEndian.AppendUint16(b, naLen)
	b = append(b,
		58,  // next header: ICMPv6
		255) // hop limit: anything less is dropped (RFC 4861 7.1.2)
	b = append(b, from[:]...)
	b = append(b, to[:]...)
	icmp := len(b)
	b = append(b,
		136, 0, // neighbour advertisement
		0, 0, // checksum, below
		naRouter|naOverride, 0, 0, 0)
	b = append(b, from[:]...) // target
	b = append(b, 2, 1)       // option: target link-layer address, 8 bytes
	b = append(b, src[:]...)
	binary.BigEndian.PutUint16(b[icmp+2:], checksumICMPv6(from, to, b[icmp:]))
	return b
}

// checksumICMPv6 is the Internet checksum over the pseudo-header of RFC 8200
// 8.1 and the message, whose own checksum field is zero.
func checksumICMPv6(from, to [16]byte, message []byte) uint16 {
	sum := uint32(len(message)) + 58
	for _, part := range [][]byte{from[:], to[:], message} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
