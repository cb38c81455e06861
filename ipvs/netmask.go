package ipvs

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Netmask tells which part of a client's address counts for persistence. The
// zero value counts all of it; make others with [PrefixNetmask]. Values mean
// something beside their service's family only: the number holds what does NOT
// count, of an IPv4 address the bits, of an IPv6 address how many at its end.
// So every mask that the kernel can hold, 0.0.0.0 too, is a different value.
type Netmask uint32

// PrefixNetmask returns the mask that counts the first length bits. Lengths
// outside the family's range (0 to 32, 1 to 128) are moved to its nearest end.
func PrefixNetmask(f Family, length int) Netmask {
	if f == IPv6 {
		return Netmask(128 - min(max(length, 1), 128))
	}
	return Netmask(uint64(1<<32-1) >> min(max(length, 0), 32))
}

// appendNetmask appends an IPv4 mask in network byte order, an IPv6 prefix
// length in the host's.
func appendNetmask(b []byte, f Family, m Netmask) []byte {
	if f == IPv6 {
		return appendU32(b, svcNetmask, 128-uint32(m))
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], ^uint32(m))
	return appendAttr(b, svcNetmask, a[:]...)
}

// netmask reads what appendNetmask writes.
func (d *decoder) netmask(f Family, v []byte) Netmask {
	v = d.sized("netmask", v, 4)
	if f != IPv6 {
		return Netmask(^binary.BigEndian.Uint32(v))
	}
	length := binary.NativeEndian.Uint32(v)
	if length < 1 || length > 128 {
		d.fail("IPv6 netmask is a prefix length of %d", length)
		return 0
	}
	return Netmask(128 - length)
}

// text returns the prefix length, or dots where an IPv4 mask has none.
func (m Netmask) text(f Family) string {
	if f == IPv6 {
		return fmt.Sprint(128 - int(m))
	}
	if length := bits.LeadingZeros32(uint32(m)); PrefixNetmask(IPv4, length) == m {
		return fmt.Sprint(length)
	}
	return fmt.Sprintf("%d.%d.%d.%d", ^byte(m>>24), ^byte(m>>16), ^byte(m>>8), ^byte(m))
}
