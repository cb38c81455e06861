package vrrp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// What surrounds an advert on the wire (RFC 9568 section 5.1).
const (
	// Protocol is the IP protocol number.
	Protocol = 112
	// TTL is the TTL or hop limit adverts are sent with, and the only one they are accepted with.
	TTL = 255
)

const (
	headerLen   = 8
	versionType = 3<<4 | 1
	maxAddrs    = 255
)

// GroupIPv4 is the multicast group of IPv4 adverts (RFC 9568 section 5.1.1.2).
func GroupIPv4() netip.Addr { return netip.AddrFrom4([4]byte{224, 0, 0, 18}) }

// GroupIPv6 is the multicast group of IPv6 adverts (RFC 9568 section 5.1.2.2).
func GroupIPv6() netip.Addr { return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12}) }

// Advert is the content of a VRRPv3 packet (RFC 9568 section 5.2).
type Advert struct {
	VRID     uint8
	Priority uint8
	// Interval is Max Advertise Interval: whole centiseconds from MinInterval to MaxInterval.
	Interval time.Duration
	// Addrs are the virtual addresses, 1 to 255, all of the packet's family.
	Addrs []netip.Addr
}

// Append appends a as sent from src to dst, with the checksum in the form given (over IPv6 the
// form does not matter), and returns the longer slice. On error b comes back as it was.
func (a *Advert) Append(b []byte, src, dst netip.Addr, form Checksum) ([]byte, error) {
	src, dst = plain(src), plain(dst)
	if err := a.check(src, dst); err != nil {
		return b, err
	}
	start := len(b)
	b = append(b, versionType, a.VRID, a.Priority, uint8(len(a.Addrs)))
	b = binary.BigEndian.AppendUint16(b, uint16(a.Interval/Centisecond))
	b = append(b, 0, 0)
	for _, addr := range a.Addrs {
		b = appendAddr(b, addr)
	}
	msg := b[start:]
	acc := sum(0, msg)
	if form == WithPseudoHeader || src.Is6() {
		acc += pseudoSum(src, dst, len(msg))
	}
	binary.BigEndian.PutUint16(msg[6:], fold(acc))
	return b, nil
}

func (a *Advert) check(src, dst netip.Addr) error {
	if !src.IsValid() || src.Is4() != dst.Is4() {
		return fmt.Errorf("vrrp: cannot send advert from %v to %v: not of one address family", src, dst)
	}
	if a.VRID == 0 {
		return fmt.Errorf("vrrp: cannot send advert from %v: virtual router id 0 is out of range: use 1 to 255", src)
	}
	if err := CheckInterval(a.Interval); err != nil {
		return err
	}
	if len(a.Addrs) == 0 || len(a.Addrs) > maxAddrs {
		return fmt.Errorf("vrrp: cannot send advert from %v with %d virtual addresses: use 1 to %d", src, len(a.Addrs), maxAddrs)
	}
	for _, addr := range a.Addrs {
		if !addr.IsValid() || addr.Is4() != src.Is4() {
			return fmt.Errorf("vrrp: cannot send virtual address %v in an advert from %v: not of one address family", addr, src)
		}
	}
	return nil
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return append(b, v[:]...)
	}
	v := a.As16()
	return append(b, v[:]...)
}

// Packet is a received advert before it is believed.
type Packet struct {
	Src, Dst netip.Addr
	TTL      int    // TTL or hop limit
	Payload  []byte // what follows the IP header; not kept
}

// Parse reads the advert in p into a, if it passes every check of RFC 9568 section 7.1 for
// the virtual router vrid; otherwise it says which check failed, and a is unchanged. It
// reuses a.Addrs. An IPv4 checksum may have either form; the one found is returned.
func (a *Advert) Parse(p Packet, vrid uint8) (Checksum, Reject) {
	src, dst := plain(p.Src), plain(p.Dst)
	msg := p.Payload
	form, reject := check(msg, src, dst, p.TTL, vrid)
	if reject != RejectNone {
		return form, reject
	}
	a.VRID = msg[1]
	a.Priority = msg[2]
	a.Interval = interval(msg)
	a.Addrs = a.Addrs[:0]
	for list := msg[headerLen:]; len(list) > 0; {
		if src.Is4() {
			a.Addrs = append(a.Addrs, netip.AddrFrom4([4]byte(list)))
			list = list[4:]
		} else {
			a.Addrs = append(a.Addrs, netip.AddrFrom16([16]byte(list)))
			list = list[16:]
		}
	}
	return form, RejectNone
}

// check is section 7.1. The VRID comes early: what is meant for another virtual router
// on the link is not this one's to complain about.
func check(msg []byte, src, dst netip.Addr, ttl int, vrid uint8) (Checksum, Reject) {
	if !src.IsValid() || src.Is4() != dst.Is4() {
		return 0, RejectFamily
	}
	if len(msg) < headerLen {
		return 0, RejectShort
	}
	addrLen := 16
	if src.Is4() {
		addrLen = 4
	}
	switch {
	case msg[0]>>4 != versionType>>4:
		return 0, RejectVersion
	case msg[0]&0xf != versionType&0xf:
		return 0, RejectType
	case msg[1] != vrid || vrid == 0:
		return 0, RejectVRID
	case ttl != TTL:
		return 0, RejectTTL
	case msg[3] == 0: // erratum 8299
		return 0, RejectCount
	case len(msg) != headerLen+int(msg[3])*addrLen:
		return 0, RejectLength
	}
	form, ok := verify(msg, src, dst)
	switch {
	case !ok:
		return 0, RejectChecksum
	case interval(msg) == 0: // erratum 8301
		return form, RejectInterval
	}
	return form, RejectNone
}

// interval leaves out the four reserved bits (section 5.2.6).
func interval(msg []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint16(msg[4:])&0x0fff) * Centisecond
}

func verify(msg []byte, src, dst netip.Addr) (Checksum, bool) {
	acc := sum(0, msg)
	if src.Is4() && fold(acc) == 0 {
		return MessageOnly, true
	}
	return WithPseudoHeader, fold(acc+pseudoSum(src, dst, len(msg))) == 0
}
