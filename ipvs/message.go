package ipvs

import (
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

const genlHeaderLen = 4

// nlmsgerr attribute with the kernel's explanation (NLMSGERR_ATTR_MSG).
const errAttrMessage = 1

// request is one command for a generic netlink family.
type request struct {
	family  uint16 // message type
	cmd     uint8
	version uint8
	flags   uint16 // beside NLM_F_REQUEST
	body    []byte // attributes
}

// appendTo appends the request as a netlink message.
func (r request) appendTo(b []byte, seq uint32) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.SizeofNlMsghdr+genlHeaderLen+len(r.body)))
	b = binary.NativeEndian.AppendUint16(b, r.family)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|r.flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0) // port: the kernel fills it
	b = append(b, r.cmd, r.version, 0, 0)
	// Attributes are padded, so the next message starts aligned.
	return append(b, r.body...)
}

// message is one netlink message from the kernel; body is a slice of the
// receive buffer.
type message struct {
	typ   uint16
	flags uint16
	seq   uint32
	body  []byte
}

// messages walks the netlink messages in b and stops at the first broken header.
func (d *decoder) messages(b []byte) iter.Seq[message] {
	return func(yield func(message) bool) {
		for len(b) >= unix.SizeofNlMsghdr {
			n := int(binary.NativeEndian.Uint32(b))
			if n < unix.SizeofNlMsghdr || n > len(b) {
				d.fail("netlink message claims %d of %d bytes", n, len(b))
				return
			}
			m := message{
				typ:   binary.NativeEndian.Uint16(b[4:]),
				flags: binary.NativeEndian.Uint16(b[6:]),
				seq:   binary.NativeEndian.Uint32(b[8:]),
				body:  b[unix.SizeofNlMsghdr:n],
			}
			if !yield(m) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

// ends reports whether m is the last message of its request.
func (m message) ends() bool { return m.typ == unix.NLMSG_ERROR || m.typ == unix.NLMSG_DONE }

// attributes returns what follows the generic netlink header.
func (m message) attributes() []byte { return m.body[min(genlHeaderLen, len(m.body)):] }

// result returns the error that a message which ends a request carries; nil
// for an acknowledgement.
func (m message) result() error {
	if len(m.body) < 4 {
		if m.typ == unix.NLMSG_DONE {
			return nil
		}
		return kernelError{errno: unix.EBADMSG}
	}
	errno := -int32(binary.NativeEndian.Uint32(m.body))
	if errno == 0 {
		return nil
	}
	return kernelError{errno: unix.Errno(errno), message: m.explanation()}
}

// explanation returns the text of an extended acknowledgement. It follows the
// error number and, in an NLMSG_ERROR, the header of the request, and the
// rest of the request unless that is capped.
func (m message) explanation() string {
	if m.flags&unix.NLM_F_ACK_TLVS == 0 {
		return ""
	}
	rest := m.body[4:]
	if m.typ == unix.NLMSG_ERROR {
		if len(rest) < unix.SizeofNlMsghdr {
			return ""
		}
		skip := unix.SizeofNlMsghdr
		if m.flags&unix.NLM_F_CAPPED == 0 {
			skip = align(int(binary.NativeEndian.Uint32(rest)))
		}
		rest = rest[min(skip, len(rest)):]
	}
	var d decoder
	for typ, v := range d.attrs(rest) {
		if typ == errAttrMessage {
			return d.text(v)
		}
	}
	return ""
}
