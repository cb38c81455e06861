package probe

import (
	"context"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/icmp"

	"seesaw/internal/lb"
)

func TestICMP(t *testing.T) {
	needRoot(t)
	for _, host := range loopbacks {
		t.Run(host, func(t *testing.T) {
			c := checkOf(lb.CheckICMP, netip.AddrPortFrom(netip.MustParseAddr(host), 0))
			wantResult(t, run(t, c), true, "echo reply")
			c.Source = c.Addr
			wantResult(t, run(t, c), true, "echo reply")
		})
	}
}

// TestICMPManyAtOnce has the replies to all probes arrive at every socket.
func TestICMPManyAtOnce(t *testing.T) {
	needRoot(t)
	results := make(chan Result)
	for range 50 {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			results <- Probe(ctx, checkOf(lb.CheckICMP, netip.MustParseAddrPort("127.0.0.1:0")))
		}()
	}
	for range 50 {
		if r := <-results; !r.OK {
			t.Error(r.Message)
		}
	}
}

func TestICMPSilence(t *testing.T) {
	needRoot(t)
	// 240.0.0.0/4 is routed like any other address by Linux and answers nowhere;
	// where no route leads there the message says so at once.
	c := checkOf(lb.CheckICMP, netip.MustParseAddrPort("127.0.0.1:0"))
	c.Addr = netip.MustParseAddr("240.0.0.1")
	c.Timeout = 100 * time.Millisecond
	wantResult(t, run(t, c), false, "240.0.0.1: ")
}

func TestEchoOnTheWire(t *testing.T) {
	body := &icmp.Echo{ID: 0x1234, Seq: 7, Data: []byte("HealthcheckHealthcheckHealthcheckHealthcheck\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")}
	tests := []struct{ addr, want string }{
		{"192.0.2.1", "0800351412340007"},   // RFC 792, checksum as the original's
		{"2001:db8::1", "8000000012340007"}, // RFC 4443, checksum by the kernel
	}
	for _, tt := range tests {
		got, err := marshalEcho(netip.MustParseAddr(tt.addr), body)
		if err != nil || len(got) != 64 || hex.EncodeToString(got[:8]) != tt.want {
			t.Errorf("%s: % x (%v), want a header of %s and 64 bytes", tt.addr, got, err, tt.want)
		}
	}
}

func TestIsReply(t *testing.T) {
	want := newEcho()
	for _, host := range loopbacks {
		addr := netip.MustParseAddr(host)
		kind := byte(0)
		if addr.Is6() {
			kind = 129
		}
		good, err := marshalEcho(addr, want)
		if err != nil {
			t.Fatal(err)
		}
		good[0] = kind
		if !isReply(addr, good, want) {
			t.Errorf("%s: the reply is not taken", host)
		}
		for _, i := range []int{0, 1, 4, 5, 6, 7, 8, 63} { // not the checksum: payload is compared
			bad := append([]byte(nil), good...)
			bad[i] ^= 1
			if isReply(addr, bad, want) {
				t.Errorf("%s: a reply with byte %d changed is taken", host, i)
			}
		}
		for n := range good {
			if isReply(addr, good[:n], want) {
				t.Errorf("%s: %d bytes of the reply are taken", host, n)
			}
		}
		if isReply(addr, append(good, 0), want) {
			t.Errorf("%s: a longer reply is taken", host)
		}
	}
}

func TestEchoesDiffer(t *testing.T) {
	a, b := newEcho(), newEcho()
	if string(a.Data) == string(b.Data) {
		t.Error("two probes have one payload")
	}
	if len(a.Data) != echoData {
		t.Errorf("%d bytes of data, want %d", len(a.Data), echoData)
	}
}
