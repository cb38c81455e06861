package ipvs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// dump answers with attrs in one datagram each, then the end.
func dump(attrs ...[]byte) func(sent) []datagram {
	return func(s sent) []datagram {
		var all []datagram
		for _, a := range attrs {
			all = append(all, answer(s.seq, unix.NLM_F_MULTI, a))
		}
		return append(all, done(s.seq))
	}
}

func TestListServices(t *testing.T) {
	mark := Service{Family: IPv6, FWMark: 7, Scheduler: "rr"}
	h := newFake(t, &fakeKernel{respond: dump(serviceAttr(web), serviceAttr(mark))})
	got, err := h.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	first := web
	first.Family = IPv4
	var all []everyService
	for _, s := range got {
		all = append(all, everyService(s))
	}
	if diff := cmp.Diff([]everyService{everyService(first), everyService(mark)}, all, sameAddr); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestEmptyListIsNoError(t *testing.T) {
	h := newFake(t, &fakeKernel{respond: dump()})
	if got, err := h.ListServices(); err != nil || got == nil || len(got) != 0 {
		t.Errorf("services: %#v, %v", got, err)
	}
	if got, err := h.ListDestinations(web); err != nil || got == nil || len(got) != 0 {
		t.Errorf("destinations: %#v, %v", got, err)
	}
	if got, err := h.ListDaemons(); err != nil || got == nil || len(got) != 0 {
		t.Errorf("daemons: %#v, %v", got, err)
	}
}

func TestListDestinations(t *testing.T) {
	b, err := appendDestination(nil, backend)
	if err != nil {
		t.Fatal(err)
	}
	h := newFake(t, &fakeKernel{respond: dump(b)})
	got, err := h.ListDestinations(web)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v; want one destination", got, err)
	}
	if diff := cmp.Diff(everyDestination(backend), everyDestination(got[0]), sameAddr); diff != "" {
		t.Errorf("destination (-want +got):\n%s", diff)
	}
}

func TestGetService(t *testing.T) {
	h := newFake(t, &fakeKernel{respond: func(s sent) []datagram {
		return []datagram{answer(s.seq, 0, serviceAttr(web)), ack(s.seq, 0)}
	}})
	if got, err := h.GetService(web); err != nil || !got.Equal(web) {
		t.Errorf("got %s, %v; want %s", got, err, web)
	}
	h = newFake(t, &fakeKernel{})
	if _, err := h.GetService(web); err == nil || !strings.Contains(err.Error(), "returned 0 services") {
		t.Errorf("got %v, want an error", err)
	}
}

func TestInfoAndTimeouts(t *testing.T) {
	want := Timeouts{TCP: 900 * time.Second, TCPFin: 120 * time.Second, UDP: 300 * time.Second}
	h := newFake(t, &fakeKernel{respond: func(s sent) []datagram {
		attrs := appendU32(appendU32(nil, infoVersion, 0x10201), infoTableSize, 4096)
		if s.cmd == cmdGetConfig {
			attrs, _ = appendTimeouts(nil, want)
		}
		return []datagram{answer(s.seq, 0, attrs), ack(s.seq, 0)}
	}})
	if got, err := h.Info(); err != nil || got != (Info{0x10201, 4096}) {
		t.Errorf("info: %s, %v", got, err)
	}
	if got, err := h.GetTimeouts(); err != nil || got != want {
		t.Errorf("timeouts: %s, %v", got, err)
	}
	h = newFake(t, &fakeKernel{})
	if _, err := h.Info(); !errors.Is(err, unix.EBADMSG) {
		t.Errorf("acknowledged without an answer: got %v, want EBADMSG", err)
	}
}

// TestInterruptedDump: the flag may stand on any part; the list is read anew
// and holds nothing of the first attempt.
func TestInterruptedDump(t *testing.T) {
	attempts, good := 0, 3
	k := &fakeKernel{}
	k.respond = func(s sent) []datagram {
		attempts++
		all := dump(serviceAttr(web), serviceAttr(web))(s)
		if attempts < good {
			all[0].data[6] |= unix.NLM_F_DUMP_INTR
		}
		return all
	}
	h := newFake(t, k)
	got, err := h.ListServices()
	if err != nil || len(got) != 2 || attempts != good {
		t.Errorf("%d services after %d attempts, %v; want 2 after %d", len(got), attempts, err, good)
	}
	attempts, good = 0, 99
	if _, err := h.ListServices(); !errors.Is(err, ErrDumpInterrupted) || attempts != dumpAttempts {
		t.Errorf("after %d attempts: %v, want ErrDumpInterrupted after %d", attempts, err, dumpAttempts)
	}
}

func TestListSurvivesOverrun(t *testing.T) {
	attempts := 0
	h := newFake(t, &fakeKernel{respond: func(s sent) []datagram {
		attempts++
		if attempts < 3 {
			return append([]datagram{{err: unix.ENOBUFS}}, dump(serviceAttr(web))(s)[attempts-1:]...)
		}
		return dump(serviceAttr(web))(s)
	}})
	if got, err := h.ListServices(); err != nil || len(got) != 1 || attempts != 3 {
		t.Errorf("%d services, %v, after %d attempts", len(got), err, attempts)
	}
}

// TestUndecodableEntry: one broken entry fails the list but not the handle.
func TestUndecodableEntry(t *testing.T) {
	broken := appendNested(nil, attrService, func(b []byte) []byte { return appendU16(b, svcAF, 3) })
	k := &fakeKernel{respond: dump(serviceAttr(web), broken, serviceAttr(web))}
	h := newFake(t, k)
	if got, err := h.ListServices(); err == nil || got != nil || !strings.Contains(err.Error(), "list services: decode: service of unknown family(3)") {
		t.Errorf("got %v, %v", got, err)
	}
	k.respond = dump(serviceAttr(web))
	if got, err := h.ListServices(); err != nil || len(got) != 1 {
		t.Errorf("after that: %v, %v", got, err)
	}
}

func TestBrokenDatagram(t *testing.T) {
	k := &fakeKernel{respond: func(s sent) []datagram {
		return []datagram{{data: unhex(t, "ff000000 02000000 00000000 00000000")}, ack(s.seq, 0)}
	}}
	h := newFake(t, k)
	if err := h.Flush(); !errors.Is(err, ErrAnswerLost) || !strings.Contains(err.Error(), "claims 255 of 16 bytes") {
		t.Errorf("got %v", err)
	}
	k.respond = nil
	if err := h.Flush(); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// TestFamilyRenumbered: ip_vs was removed and loaded again, so its number
// changed; the next list finds the new one.
func TestFamilyRenumbered(t *testing.T) {
	k := &fakeKernel{}
	h := newFake(t, k)
	stale := true
	k.respond = func(s sent) []datagram {
		if stale {
			stale = false
			return []datagram{ack(s.seq, unix.ENOENT)}
		}
		return dump(serviceAttr(web))(s)
	}
	if got, err := h.ListServices(); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

// controller is a link on which the kernel answers the family question only.
type controller struct {
	fakeKernel
	answers func(seq uint32) []datagram
}

func (c *controller) send(b []byte) error {
	var d decoder
	for m := range d.messages(b) {
		c.queue = append(c.queue, c.answers(m.seq)...)
	}
	return d.err
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name    string
		answers func(seq uint32) []datagram
		is      error
		want    string
	}{
		{"not loaded", func(seq uint32) []datagram { return []datagram{ack(seq, unix.ENOENT)} }, ErrNotLoaded, "modprobe ip_vs"},
		{"not loaded is ENOENT", func(seq uint32) []datagram { return []datagram{ack(seq, unix.ENOENT)} }, unix.ENOENT, ""},
		{"other error", func(seq uint32) []datagram { return []datagram{ack(seq, unix.EIO)} }, unix.EIO, "find netlink family IPVS"},
		{"no number", func(seq uint32) []datagram { return []datagram{ack(seq, 0)} }, nil, "has no number"},
		{"short number", func(seq uint32) []datagram {
			return []datagram{answer(seq, 0, appendAttr(nil, 1, 9)), ack(seq, 0)}
		}, nil, "family number has 1 bytes"},
		{"silence", func(uint32) []datagram { return nil }, unix.ETIMEDOUT, "no answer in 1s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newHandle(newConn(&controller{answers: tt.answers}, 0, time.Second))
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v with %q", err, tt.is, tt.want)
			}
		})
	}
}

func TestResult(t *testing.T) {
	errno := native32(^uint32(unix.EINVAL) + 1)
	request := raw(testFamily, 0, 1, 1, 2, 3, 4)
	text := appendString(nil, errAttrMessage, "attribute type 5 has an invalid length")
	offset := appendU32(nil, 2, 20)
	join := func(parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	tests := []struct {
		name string
		m    message
		want string
	}{
		{"acknowledged", message{typ: unix.NLMSG_ERROR, body: native32(0)}, ""},
		{"end of a dump", message{typ: unix.NLMSG_DONE}, ""},
		{"end of a dump with an error", message{typ: unix.NLMSG_DONE, body: errno}, "invalid argument"},
		{"error too short", message{typ: unix.NLMSG_ERROR, body: []byte{1}}, "bad message"},
		{"plain", message{typ: unix.NLMSG_ERROR, body: join(errno, request)}, "invalid argument"},
		{"explained, capped", message{typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED, body: join(errno, request[:16], offset, text)},
			"invalid argument: attribute type 5 has an invalid length"},
		{"explained, whole request", message{typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS, body: join(errno, request, text)},
			"invalid argument: attribute type 5 has an invalid length"},
		{"explained, end of a dump", message{typ: unix.NLMSG_DONE, flags: unix.NLM_F_ACK_TLVS, body: join(errno, text)},
			"invalid argument: attribute type 5 has an invalid length"},
		{"explanation cut off", message{typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS, body: join(errno, request[:8])}, "invalid argument"},
		{"explanation without text", message{typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED, body: join(errno, request[:16], offset)}, "invalid argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := tt.m.result(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
