package probe

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

func TestTCP(t *testing.T) {
	tests := []struct {
		name, send, receive string
		ok                  bool
		words               string
	}{
		{"connect only", "", "", true, "connected"},
		{"echo", "foo", "foo", true, "answered as expected"},
		{"beginning of the answer", "foo\n", "foo", true, "answered as expected"},
		{"answer too short", "foo", "foo\n", false, "timed out after 200ms"},
		{"answer differs in length", "foo", "foooo", false, "timed out after 200ms"},
		{"answer differs", "foo", "bar", false, `received "foo", want "bar"`},
		{"nothing sent, answer expected", "", "foo", false, "timed out after 200ms"},
		{"send only", "foo", "", true, "answered as expected"},
		{"bytes that are no text", "\x00\xff\x01", "\x00\xff\x01", true, ""},
	}
	for _, host := range loopbacks {
		at := echoTCP(t, host)
		for _, tt := range tests {
			t.Run(host+"/"+tt.name, func(t *testing.T) {
				c := checkOf(lb.CheckTCP, at)
				brief(tt.words, &c)
				c.Send, c.Receive = tt.send, tt.receive
				wantResult(t, run(t, c), tt.ok, tt.words)
			})
		}
	}
}

func TestTCPRefused(t *testing.T) {
	for _, host := range loopbacks {
		at := closedTCP(t, host)
		wantResult(t, run(t, checkOf(lb.CheckTCP, at)), false, "connect "+at.String()+": connection refused")
	}
}

func TestTCPSlowPeer(t *testing.T) {
	slow := func(gap time.Duration) netip.AddrPort {
		return listen(t, "127.0.0.1", func(c net.Conn) {
			for _, b := range []byte("slow") {
				time.Sleep(gap) // the peer's slowness is what is tested
				c.Write([]byte{b})
			}
		})
	}
	c := checkOf(lb.CheckTCP, slow(30*time.Millisecond))
	c.Receive = "slow"
	wantResult(t, run(t, c), true, "answered as expected")
	c = checkOf(lb.CheckTCP, slow(150*time.Millisecond))
	c.Receive, c.Timeout = "slow", 250*time.Millisecond
	wantResult(t, run(t, c), false, "receive from "+target(c)+": timed out after 250ms")
}

func TestTCPPeerCloses(t *testing.T) {
	at := listen(t, "127.0.0.1", func(c net.Conn) {
		io.WriteString(c, "fo")
	})
	c := checkOf(lb.CheckTCP, at)
	c.Receive = "foo"
	wantResult(t, run(t, c), false, "connection closed by the server")
}

// TestTCPSendsAll has a peer that does not read before a while: the probe may
// not give up on what the socket cannot take at once.
func TestTCPSendsAll(t *testing.T) {
	const size = 8 << 20
	at := listen(t, "127.0.0.1", func(c net.Conn) {
		time.Sleep(50 * time.Millisecond) // until the probe's socket is full
		if n, _ := io.CopyN(io.Discard, c, size); n == size {
			io.WriteString(c, "all")
		}
	})
	c := checkOf(lb.CheckTCP, at)
	c.Timeout = 5 * time.Second
	c.Send, c.Receive = strings.Repeat("x", size), "all"
	wantResult(t, run(t, c), true, "answered as expected")
}

func TestTCPNeverReadingPeer(t *testing.T) {
	done := make(chan struct{})
	at := listen(t, "127.0.0.1", func(net.Conn) { <-done })
	t.Cleanup(func() { close(done) })
	c := checkOf(lb.CheckTCP, at)
	c.Timeout = 200 * time.Millisecond
	c.Send = strings.Repeat("x", 32<<20)
	wantResult(t, run(t, c), false, "send to "+target(c)+": timed out after 200ms")
}

func TestTLS(t *testing.T) {
	for _, host := range loopbacks {
		at := echoTLS(t, host)
		tests := []struct {
			name, send, receive string
			verify, ok          bool
			words               string
		}{
			{"handshake only", "", "", false, true, "connected"},
			{"echo", "foo", "foo", false, true, "answered as expected"},
			{"wrong answer", "foo", "bar", false, false, `TCP_TLS ` + at.String() + `: received "foo", want "bar"`},
			{"certificate of nobody that we know", "", "", true, false, "tls_verify: false accepts any certificate"},
		}
		for _, tt := range tests {
			t.Run(host+"/"+tt.name, func(t *testing.T) {
				c := checkOf(lb.CheckTLS, at)
				c.Send, c.Receive, c.TLSVerify = tt.send, tt.receive, tt.verify
				wantResult(t, run(t, c), tt.ok, tt.words)
			})
		}
	}
}

// echoTLS is echoTCP with a certificate that no authority has signed.
func echoTLS(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil) // for its certificate
	lender.StartTLS()
	cert := lender.TLS.Certificates[0]
	lender.Close()
	return listen(t, host, func(c net.Conn) {
		tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		defer tc.Close()
		io.Copy(tc, tc)
	})
}

func TestTLSAgainstOthers(t *testing.T) {
	tests := []struct {
		name  string
		at    netip.AddrPort
		words string
	}{
		{"silent peer", silentTCP(t, "127.0.0.1"), "TLS handshake with %s: timed out after 200ms"},
		{"no TLS", says(t, "127.0.0.1", "220 mail.example.org ESMTP\r\n"), "does the server speak TLS on this port?"},
		{"nobody", closedTCP(t, "127.0.0.1"), "connect %s: connection refused"},
		{"closes", listen(t, "127.0.0.1", func(net.Conn) {}), "TLS handshake with %s: connection"},
	}
	for _, kind := range []lb.CheckKind{lb.CheckTLS, lb.CheckHTTPS} {
		for _, tt := range tests {
			t.Run(kind.String()+"/"+tt.name, func(t *testing.T) {
				c := checkOf(kind, tt.at)
				brief(tt.words, &c)
				wantResult(t, run(t, c), false, strings.ReplaceAll(tt.words, "%s", tt.at.String()))
			})
		}
	}
}
