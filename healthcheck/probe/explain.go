package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"seesaw/internal/lb"
)

// step is what a probe was doing when it failed, as the verb of its message.
type step string

const (
	connecting step = "connect"
	handshake  step = "TLS handshake with"
	sending    step = "send to"
	receiving  step = "receive from"
	pinging    step = "ping"
)

// explain turns the error of one step of a probe into a sentence that names
// step, target and reason, and where the reason tells it, the remedy:
//
//	connect 192.0.2.1:80 (via backend 10.0.0.7, mark 65536): timed out after 5s (does …?)
func explain(ctx context.Context, c lb.Check, s step, err error) error {
	return fmt.Errorf("%s %s: %w", s, target(c), reason(ctx, c, s, err))
}

// mismatch is the error of a target that answered, but not as expected.
func mismatch(c lb.Check, format string, args ...any) error {
	return fmt.Errorf("%v %s: %s", c.Kind, target(c), fmt.Sprintf(format, args...))
}

// target names what is probed: the address, and for a marked probe also the
// backend behind it.
func target(c lb.Check) string {
	to := c.Addr.String()
	if c.Port != 0 && c.Kind != lb.CheckICMP {
		to = netip.AddrPortFrom(c.Addr, c.Port).String()
	}
	if c.Mode == 0 && c.Mark == 0 {
		return to
	}
	return fmt.Sprintf("%s (via backend %v, mark %d)", to, c.Backend, c.Mark)
}

// reason is the innermost cause of err with the remedy where one is known. It
// wraps the cause.
func reason(ctx context.Context, c lb.Check, s step, err error) error {
	cause := rootCause(ctx, c, err)
	if h := hint(c, s, cause); h != "" {
		return fmt.Errorf("%w (%s)", cause, h)
	}
	return cause
}

// timeoutError is the end of the time that a probe had.
type timeoutError time.Duration

func (e timeoutError) Error() string {
	if e <= 0 {
		return "timed out"
	}
	return "timed out after " + time.Duration(e).String()
}

var (
	errCancelled = errors.New("probe cancelled")
	errClosed    = errors.New("connection closed by the server")
)

// rootCause strips the net package's wrapping, which names addresses that the
// message names already, and gives the end of the context its own words.
func rootCause(ctx context.Context, c lb.Check, err error) error {
	var (
		errno syscall.Errno
		wait  interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &errno) && errno != syscall.ETIMEDOUT:
		return errno
	case errors.Is(ctx.Err(), context.Canceled):
		return errCancelled
	case ctx.Err() != nil, errors.As(err, &wait) && wait.Timeout():
		return timeoutError(c.Timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed
	}
	return err
}

// hint is the remedy for a cause, "" when none is known.
func hint(c lb.Check, s step, cause error) string {
	marked := c.Mode != 0 || c.Mark != 0
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		late      timeoutError
	)
	switch {
	case errors.Is(cause, syscall.EPERM) && marked:
		return "seesaw_healthcheck needs CAP_NET_ADMIN for marks, or CAP_NET_RAW on Linux 5.17 and later"
	case errors.Is(cause, syscall.EPERM) && c.Kind == lb.CheckICMP:
		return "seesaw_healthcheck needs CAP_NET_RAW for ping"
	case errors.Is(cause, syscall.EADDRNOTAVAIL) && c.Source.IsValid():
		return fmt.Sprintf("is the source address %v on this node?", c.Source)
	case errors.Is(cause, syscall.ENETUNREACH) && marked:
		return "this node needs a route to the VIP; any will do, a default route too"
	case errors.Is(cause, syscall.EMFILE), errors.Is(cause, syscall.ENFILE):
		return "raise the limit of open files, LimitNOFILE= in systemd"
	case marked && (errors.As(cause, &late) || s == connecting && unanswered(cause)):
		return "does the backend have the VIP on its loopback, and does the service run there?"
	case errors.As(cause, &authority), errors.As(cause, &name), errors.As(cause, &invalid):
		return "tls_verify: false accepts any certificate"
	case errors.As(cause, &record):
		return "does the server speak TLS on this port?"
	}
	return ""
}

// unanswered says whether a connection failed for want of somebody to take it.
func unanswered(cause error) bool {
	return errors.Is(cause, syscall.ECONNREFUSED) || errors.Is(cause, syscall.ECONNRESET) ||
		errors.Is(cause, syscall.EHOSTUNREACH)
}

// longest is how many bytes of somebody else's text a message may carry.
const longest = 80

// clip shortens text to n bytes.
func clip(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len(more)], "") + more
}

// quote shows received or expected bytes on one line, shortened.
func quote(b []byte) string {
	if len(b) <= longest {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q…", b[:longest])
}
