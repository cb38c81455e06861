package ipvs

import (
	"testing"

	"golang.org/x/sys/unix"
)

// seedAttrs adds well-formed and broken attribute lists to the corpus in testdata/fuzz.
func seedAttrs(f *testing.F, nested []byte) {
	var d decoder
	for _, v := range d.attrs(nested) {
		f.Add(v)
		f.Add(v[:len(v)-1])
	}
	f.Add([]byte{})
	f.Add([]byte{5, 0, 1, 0, 1})
	f.Add([]byte{3, 0, 1, 0})
	f.Add([]byte{255, 255, 1, 0})
}

// FuzzDecodeService demands that whatever decodes and can be sent decodes to
// the same again.
func FuzzDecodeService(f *testing.F) {
	b, err := appendService(nil, Service{Address: addr("192.0.2.1"), Protocol: TCP, Port: 80, Scheduler: "wlc", PEName: "sip"})
	if err != nil {
		f.Fatal(err)
	}
	seedAttrs(f, b)
	f.Fuzz(func(t *testing.T, in []byte) {
		first, err := decodeService(in)
		if err != nil {
			return
		}
		_ = first.String()
		b, err := appendService(nil, first)
		if err != nil {
			return
		}
		again, err := decodeService(attribute(t, b, attrService))
		if err != nil || !again.Equal(first) {
			t.Errorf("%v: %s became %s", err, first, again)
		}
	})
}

func FuzzDecodeDestination(f *testing.F) {
	b, err := appendDestination(nil, Destination{Address: addr("2001:db8::7"), Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGRE})
	if err != nil {
		f.Fatal(err)
	}
	seedAttrs(f, b)
	f.Fuzz(func(t *testing.T, in []byte) {
		first, err := decodeDestination(in, IPv4)
		if err != nil {
			return
		}
		_ = first.String()
		b, err := appendDestination(nil, first)
		if err != nil {
			return
		}
		again, err := decodeDestination(attribute(t, b, attrDest), IPv4)
		if err != nil || !again.Equal(first) {
			t.Errorf("%v: %s became %s", err, first, again)
		}
	})
}

func FuzzDecodeDaemon(f *testing.F) {
	b, err := appendDaemon(nil, Daemon{State: DaemonMaster, Interface: "eth0", Group: addr("224.0.0.81"), Port: 8848, TTL: 1})
	if err != nil {
		f.Fatal(err)
	}
	seedAttrs(f, b)
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := decodeDaemon(in)
		if err == nil {
			_ = d.String()
		}
		_, _ = decodeTimeouts(in)
		_, _ = decodeInfo(in)
	})
}

// FuzzMessages demands that a datagram of any content is walked to its end.
func FuzzMessages(f *testing.F) {
	f.Add(ack(1, unix.ENOENT).data)
	f.Add(done(1).data)
	f.Add(answer(1, unix.NLM_F_MULTI, appendU32(nil, 1, 2)).data)
	f.Add(raw(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, make([]byte, 24)...))
	f.Add([]byte{255, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		var d decoder
		total := 0
		for m := range d.messages(in) {
			total += unix.SizeofNlMsghdr + len(m.body)
			_ = m.attributes()
			if m.ends() {
				_ = m.result()
			}
		}
		if total > len(in) {
			t.Errorf("%d bytes of messages in %d", total, len(in))
		}
	})
}
