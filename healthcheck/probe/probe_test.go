package probe

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"seesaw/internal/lb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopbacks are the addresses that every test of a protocol runs on.
var loopbacks = []string{"127.0.0.1", "::1"}

// checkOf is a check of a target on this host, with time enough to answer even
// on a machine that is busy with much else.
func checkOf(kind lb.CheckKind, at netip.AddrPort) lb.Check {
	return lb.Check{
		ID: 1, Kind: kind, Addr: at.Addr(), Backend: at.Addr(), Port: at.Port(),
		Interval: time.Second, Timeout: 20 * time.Second,
	}
}

// brief shortens the timeout of a check that is expected to time out.
func brief(words string, c *lb.Check) {
	if strings.Contains(words, "timed out after 200ms") {
		c.Timeout = 200 * time.Millisecond
	}
}

// run sends one probe with the check's timeout, and fails the test when it
// takes longer or when its message is not one line that operators can read.
func run(t *testing.T, c lb.Check) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), c.Timeout)
	defer cancel()
	begin := time.Now()
	r := Probe(ctx, c)
	took := time.Since(begin)
	if took > c.Timeout+5*time.Second || r.OK && took >= c.Timeout {
		t.Errorf("the probe took %v with a timeout of %v: %s", took, c.Timeout, r.Message)
	}
	if r.Message == "" || strings.ContainsAny(r.Message, "\n\r\x00") || len(r.Message) > 400 {
		t.Errorf("message %q is empty, too long or not one line", r.Message)
	}
	return r
}

// wantResult compares a result; the message has to contain some words.
func wantResult(t *testing.T, got Result, ok bool, words string) {
	t.Helper()
	if got.OK != ok || !strings.Contains(got.Message, words) {
		t.Errorf("got %v, %q; want %v and a message with %q", got.OK, got.Message, ok, words)
	}
}

// needRoot fails a test that cannot run otherwise.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs CAP_NET_RAW and CAP_NET_ADMIN: run it as root, e.g. sudo go test ./healthcheck/probe")
	}
}

func TestFor(t *testing.T) {
	for k := lb.CheckKind(0); k < 12; k++ {
		p, err := For(k)
		switch k {
		case lb.CheckICMP, lb.CheckUDP, lb.CheckTCP, lb.CheckHTTP, lb.CheckHTTPS, lb.CheckTLS, lb.CheckDNS:
			if p == nil || err != nil {
				t.Errorf("%v: no prober: %v", k, err)
			}
		default:
			if p != nil || !errors.Is(err, ErrUnsupported) {
				t.Errorf("%v (%d): error %v, want ErrUnsupported", k, k, err)
			}
		}
	}
}

func TestUnsupportedKindFailsWithTheReason(t *testing.T) {
	r := run(t, checkOf(lb.CheckRADIUS, netip.MustParseAddrPort("127.0.0.1:1812")))
	wantResult(t, r, false, "RADIUS: this kind of health check is not supported yet (use another type")
}

func TestPanicIsAFailure(t *testing.T) {
	c := checkOf(lb.CheckTCP, netip.MustParseAddrPort("127.0.0.1:80"))
	r := guard(t.Context(), func(context.Context, lb.Check) Result { panic("oops " + strings.Repeat("x", 500)) }, c)
	wantResult(t, r, false, "bug: the TCP probe of 127.0.0.1 panicked: oops xxx")
	if len(r.Message) > 300 {
		t.Errorf("the message has %d bytes", len(r.Message))
	}
}

// TestCancelled stops a probe long before its timeout, as the daemon does when
// it stops itself.
func TestCancelled(t *testing.T) {
	at := silentTCP(t, "127.0.0.1")
	for _, kind := range []lb.CheckKind{lb.CheckTCP, lb.CheckTLS, lb.CheckHTTP, lb.CheckHTTPS} {
		t.Run(kind.String(), func(t *testing.T) {
			c := checkOf(kind, at)
			c.Receive = "x"
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			wantResult(t, Probe(ctx, c), false, "probe cancelled")
		})
	}
}
