// Package probe asks one backend once whether it serves: one file per
// protocol, a context and a check in, a result out.
//
// It keeps no state, no connection and no goroutine between two probes, never
// repeats a probe and never judges: retries are healthcheck/verdict's,
// schedules are healthcheck's, which is the only caller. All functions may be
// called concurrently.
//
// Every probe talks to Check.Addr, whatever names stand in what it sends. For
// DSR and TUN that is the VIP: the socket carries Check.Mark, by which IPVS on
// this node forwards the packets to the backend, and is bound to Check.Source,
// because a packet from the VIP to itself would never leave the node.
package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"seesaw/internal/lb"
)

// Result is the outcome of one probe.
type Result struct {
	OK bool
	// Message says in an operator's words what happened: one line of printable
	// text, of at most 400 bytes.
	Message string
}

// Prober sends one probe. It returns when the target has answered or failed,
// and at the latest when ctx ends; nothing that it started outlives it.
type Prober func(ctx context.Context, c lb.Check) Result

// ErrUnsupported is why For has no prober for a kind of check.
var ErrUnsupported = errors.New("this kind of health check is not supported yet")

// For returns the prober of a kind of check, or an error that wraps
// ErrUnsupported.
func For(kind lb.CheckKind) (Prober, error) {
	switch kind {
	case lb.CheckICMP:
		return icmpProbe, nil
	case lb.CheckUDP:
		return udpProbe, nil
	case lb.CheckTCP, lb.CheckTLS:
		return tcpProbe, nil
	case lb.CheckHTTP, lb.CheckHTTPS:
		return httpProbe, nil
	case lb.CheckDNS:
		return dnsProbe, nil
	}
	return nil, fmt.Errorf("%v: %w (use another type, such as TCP, HTTP or ICMP_PING)", kind, ErrUnsupported)
}

// Probe sends the one probe that c describes. A check of a kind that has no
// prober fails with the reason, and so does one whose prober panics: the
// other checks must not die with it.
func Probe(ctx context.Context, c lb.Check) Result {
	p, err := For(c.Kind)
	if err != nil {
		return Result{Message: err.Error()}
	}
	return guard(ctx, p, c)
}

func guard(ctx context.Context, p Prober, c lb.Check) (r Result) {
	defer func() {
		if v := recover(); v != nil {
			r = Result{Message: fmt.Sprintf("bug: the %v probe of %v panicked: %s", c.Kind, c.Addr, clip(fmt.Sprint(v), longest))}
		}
	}()
	r = p(ctx, c)
	r.Message = clip(strings.Map(printable, r.Message), 400)
	return r
}

// printable keeps what a server said from disturbing a terminal or a log.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// passed and failed make a result of the outcome of a probe's last step.
func passed(message string) Result { return Result{OK: true, Message: message} }

func failed(err error) Result { return Result{Message: err.Error()} }
