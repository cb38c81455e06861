package ipvs

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const testFamily = 0x19

// fakeKernel is a link with a scripted kernel behind it. respond returns the
// datagrams that answer one message; a nil respond acknowledges as the kernel
// does. It resolves the IPVS family by itself.
type fakeKernel struct {
	respond func(sent) []datagram
	sendErr error

	queue  []datagram
	writes [][]sent
	closed int
}

// datagram is what one receive returns.
type datagram struct {
	data []byte
	err  error
}

// sent is one message that the kernel got.
type sent struct {
	message
	cmd uint8
}

func (k *fakeKernel) send(b []byte) error {
	if k.sendErr != nil {
		return k.sendErr
	}
	var (
		d     decoder
		write []sent
	)
	for m := range d.messages(append([]byte(nil), b...)) {
		s := sent{message: m, cmd: m.body[0]}
		write = append(write, s)
		switch {
		case m.typ != testFamily:
			k.queue = append(k.queue, resolved(m.seq, testFamily), ack(m.seq, 0))
		case k.respond != nil:
			k.queue = append(k.queue, k.respond(s)...)
		case m.flags&unix.NLM_F_ACK != 0:
			k.queue = append(k.queue, ack(m.seq, 0))
		}
	}
	if d.err != nil {
		return d.err
	}
	k.writes = append(k.writes, write)
	return nil
}

func (k *fakeKernel) receive(b []byte, _ time.Time) (int, error) {
	if len(k.queue) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	next := k.queue[0]
	k.queue = k.queue[1:]
	return copy(b, next.data), next.err
}

func (k *fakeKernel) close() { k.closed++ }

// commands returns the commands sent to the IPVS family, one slice a write.
func (k *fakeKernel) commands() [][]uint8 {
	var all [][]uint8
	for _, w := range k.writes {
		var cmds []uint8
		for _, s := range w {
			if s.typ == testFamily {
				cmds = append(cmds, s.cmd)
			}
		}
		if cmds != nil {
			all = append(all, cmds)
		}
	}
	return all
}

// newFake returns a handle on the fake kernel with windows of 4 requests.
func newFake(t *testing.T, k *fakeKernel) *Handle {
	t.Helper()
	h, err := newHandle(newConn(k, 4*answerCost, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// raw makes one netlink message.
func raw(typ, flags uint16, seq uint32, body ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, body...)
	return append(b, make([]byte, align(len(b))-len(b))...)
}

func native32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// ack is the capped answer to a request, with or without an error.
func ack(seq uint32, errno unix.Errno) datagram {
	body := append(native32(uint32(-int32(errno))), make([]byte, unix.SizeofNlMsghdr)...)
	return datagram{data: raw(unix.NLMSG_ERROR, unix.NLM_F_CAPPED, seq, body...)}
}

func done(seq uint32) datagram {
	return datagram{data: raw(unix.NLMSG_DONE, unix.NLM_F_MULTI, seq, native32(0)...)}
}

// answer is a message with attributes.
func answer(seq uint32, flags uint16, attrs []byte) datagram {
	return datagram{data: raw(testFamily, flags, seq, append([]byte{0, 1, 0, 0}, attrs...)...)}
}

func resolved(seq uint32, family uint16) datagram {
	return answer(seq, 0, appendU16(nil, 1, family))
}
