package demo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"seesaw/lab"
)

// limit is what a step may cost.
type limit struct {
	lost int           // connections; below zero: not limited, because the gap is
	gap  time.Duration // 0: not limited, because loss is
	note string        // for people
}

// check says what was too much; "" if nothing was.
func (l limit) check(r lab.Result) string {
	switch {
	case r.Sent == 0:
		return "nothing was measured"
	case l.lost >= 0 && r.Lost > l.lost:
		return fmt.Sprintf("%d of %d requests lost, allowed %d (%v)", r.Lost, r.Sent, l.lost, r)
	case l.gap > 0 && (r.Gap == 0 || r.Gap > l.gap):
		return fmt.Sprintf("longest gap %v, allowed %v (%v)", ms(r.Gap), ms(l.gap), r)
	}
	return ""
}

// row is one measurement.
type row struct {
	what string
	r    lab.Result
	l    limit
}

// table shows all measurements.
func table(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-38s %8s %5s %12s  %s\n", "measured", "requests", "lost", "longest gap", "allowed")
	var sent, lost int
	for _, m := range rows {
		verdict := ""
		if m.l.check(m.r) != "" {
			verdict = "  <- FAILED"
		}
		fmt.Fprintf(&b, "%-38s %8d %5d %12v  %s%s\n", m.what, m.r.Sent, m.r.Lost, ms(m.r.Gap), m.l.note, verdict)
		sent += m.r.Sent
		lost += m.r.Lost
	}
	fmt.Fprintf(&b, "%-38s %8d %5d\n", "together", sent, lost)
	return b.String()
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

var (
	// activeDestination is a line of "show destinations" for one that gets requests.
	activeDestination = regexp.MustCompile(`(?m)^\[ *\d+\] [^\s/]+/([^\s/]+)\S* \(enabled, healthy, active\)$`)
	// service and realServer are lines of ipvsadm -Ln: the mark of a service that has
	// one; a backend's address and weight.
	service    = regexp.MustCompile(`^(?:TCP|UDP|FWM) +(\S+)`)
	realServer = regexp.MustCompile(`^  -> (\S+) +\S+ +(\d+) `)
)

// firstProbeMark is where the marks begin by which checks in DSR mode reach one
// backend; services on lower marks are the clients'.
const firstProbeMark = 1 << 16

// cliServers lists the backends that get requests, as the CLI says: ADDRESS:PORT,
// or the address alone for a service on a mark.
func cliServers(text string) []string {
	var all []string
	for _, m := range activeDestination.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}

// kernelServers lists the same as the kernel's table has them.
func kernelServers(text string) []string {
	var all []string
	probe := false
	for line := range strings.Lines(text) {
		if m := service.FindStringSubmatch(line); m != nil {
			mark, err := strconv.Atoi(m[1])
			probe = err == nil && mark >= firstProbeMark
		}
		if m := realServer.FindStringSubmatch(line); m != nil && !probe && m[2] != "0" {
			all = append(all, strings.TrimSuffix(m[1], ":0"))
		}
	}
	slices.Sort(all)
	return all
}
