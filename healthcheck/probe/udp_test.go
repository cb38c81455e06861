package probe

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// packets is a UDP socket on a free port that answers each datagram with what
// reply makes of it; nil is no answer.
func packets(t *testing.T, host string, reply func([]byte) []byte) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := reply(buf[:n]); answer != nil {
				pc.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		pc.Close()
		<-done
	})
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestUDP(t *testing.T) {
	tests := []struct {
		name, send, receive string
		ok                  bool
		words               string
	}{
		{"empty both ways", "", "", true, "answered as expected"},
		{"echo", "foo", "foo", true, "answered as expected"},
		{"beginning of the answer", "foo\n", "foo", true, "answered as expected"},
		{"answer too short", "foo", "foo\n", false, `received "foo", want "foo\n"`},
		{"answer differs in length", "foo", "foooo", false, `received "foo", want "foooo"`},
		{"nothing sent, answer expected", "", "foo", false, `received "", want "foo"`},
		{"bytes", "\x00\x01\x02\x03", "\x00\x01\x02\x03", true, ""},
		{"bytes, too short", "\x00\x01", "\x00\x01\x02\x03", false, `want "\x00\x01\x02\x03"`},
		{"bytes differ", "\x00\x01", "\x02", false, `received "\x00", want "\x02"`},
		{"any answer", "\x00\x01", "", true, "answered as expected"},
	}
	for _, host := range loopbacks {
		at := packets(t, host, func(b []byte) []byte { return b })
		for _, tt := range tests {
			t.Run(host+"/"+tt.name, func(t *testing.T) {
				c := checkOf(lb.CheckUDP, at)
				c.Send, c.Receive = tt.send, tt.receive
				wantResult(t, run(t, c), tt.ok, tt.words)
			})
		}
	}
}

func TestUDPNobody(t *testing.T) {
	for _, host := range loopbacks {
		pc, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		at := pc.LocalAddr().(*net.UDPAddr).AddrPort()
		pc.Close()
		wantResult(t, run(t, checkOf(lb.CheckUDP, at)), false, "receive from "+at.String()+": connection refused")
	}
}

func TestUDPSilence(t *testing.T) {
	at := packets(t, "127.0.0.1", func([]byte) []byte { return nil })
	c := checkOf(lb.CheckUDP, at)
	c.Timeout = 100 * time.Millisecond
	wantResult(t, run(t, c), false, "receive from "+at.String()+": timed out after 100ms")
}
