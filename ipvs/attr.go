package ipvs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/vishvananda/netlink/nl"
)

const attrHeaderLen = 4

// align rounds up to the 4 bytes that netlink messages and attributes start at.
func align(n int) int { return (n + 3) &^ 3 }

// appendAttr appends one attribute with its padding.
func appendAttr(b []byte, typ uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrHeaderLen+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	return append(b, make([]byte, align(len(value))-len(value))...)
}

func appendU16(b []byte, typ, v uint16) []byte {
	var a [2]byte
	binary.NativeEndian.PutUint16(a[:], v)
	return appendAttr(b, typ, a[:]...)
}

// appendPort appends a number in network byte order.
func appendPort(b []byte, typ, port uint16) []byte {
	return appendAttr(b, typ, byte(port>>8), byte(port))
}

func appendU32(b []byte, typ uint16, v uint32) []byte {
	var a [4]byte
	binary.NativeEndian.PutUint32(a[:], v)
	return appendAttr(b, typ, a[:]...)
}

// appendString appends s and its closing NUL.
func appendString(b []byte, typ uint16, s string) []byte {
	return appendAttr(b, typ, append([]byte(s), 0)...)
}

// appendNested appends an attribute made of those that fill appends.
func appendNested(b []byte, typ uint16, fill func([]byte) []byte) []byte {
	start := len(b)
	b = appendAttr(b, typ|nl.NLA_F_NESTED)
	b = fill(b)
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// decoder reads attributes and keeps the first error, so that a decode
// function is a plain switch with one check at its end.
type decoder struct{ err error }

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// attrs walks the attributes in b and yields each with its flag bits removed.
// Values are slices of b. It stops at the first broken header.
func (d *decoder) attrs(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		// Fewer bytes than a header are padding of the last attribute.
		for len(b) >= attrHeaderLen {
			n := int(binary.NativeEndian.Uint16(b))
			typ := binary.NativeEndian.Uint16(b[2:]) & nl.NLA_TYPE_MASK
			if n < attrHeaderLen || n > len(b) {
				d.fail("attribute %d claims %d of %d bytes", typ, n, len(b))
				return
			}
			if !yield(typ, b[attrHeaderLen:n]) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

// sized returns v, or n zeros and an error if it is shorter than n.
func (d *decoder) sized(what string, v []byte, n int) []byte {
	if len(v) >= n {
		return v
	}
	d.fail("%s has %d bytes, want %d", what, len(v), n)
	return make([]byte, n)
}

func (d *decoder) u8(what string, v []byte) uint8 { return d.sized(what, v, 1)[0] }

func (d *decoder) u16(what string, v []byte) uint16 {
	return binary.NativeEndian.Uint16(d.sized(what, v, 2))
}

func (d *decoder) port(what string, v []byte) uint16 {
	return binary.BigEndian.Uint16(d.sized(what, v, 2))
}

func (d *decoder) u32(what string, v []byte) uint32 {
	return binary.NativeEndian.Uint32(d.sized(what, v, 4))
}

// uint reads a number of 4 or 8 bytes by its length.
func (d *decoder) uint(what string, v []byte) uint64 {
	if len(v) >= 8 {
		return binary.NativeEndian.Uint64(v)
	}
	return uint64(d.u32(what, v))
}

// text reads a string up to its NUL or to the end of the attribute.
func (d *decoder) text(v []byte) string {
	s, _, _ := bytes.Cut(v, []byte{0})
	return string(s)
}
