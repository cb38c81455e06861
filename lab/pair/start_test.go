//go:build lab

package pair_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// startsVariable in the environment is how often TestStartTogether starts a pair.
const startsVariable = "PAIR_STARTS"

func starts(t *testing.T) int {
	t.Helper()
	text := os.Getenv(startsVariable)
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", startsVariable, err)
	}
	return n
}

// TestStartTogether: two nodes that begin at the same moment, with nothing left
// from earlier, agree at once and for good.
func TestStartTogether(t *testing.T) {
	for i := range starts(t) {
		t.Run(fmt.Sprint(i), startTogether)
	}
}

func startTogether(t *testing.T) {
	p := &pair{Site: site.Bare(t, 2), interval: standard}
	p.prepare(t)
	began := time.Now()
	for _, n := range p.Nodes {
		n.Start(t)
	}
	var ready time.Time
	lab.WaitFor(t, site.Patience, "a leader", func() (bool, string) {
		s := p.leads.Since(began)
		return len(s.Leaders) > 0, s.String()
	})
	for _, n := range p.Nodes {
		n.WaitCLI(t, site.Patience, "Advertisements", "show", "ha")
	}
	for _, n := range p.Nodes {
		if at := haReady(t, n); ready.IsZero() || at.Before(ready) {
			ready = at
		}
	}
	// Long enough for a quarrel to show.
	lab.WaitFor(t, site.Patience, "quiet", func() (bool, string) {
		quiet := time.Since(p.leads.Since(began).Settled)
		return quiet > 2*p.masterDown(), quiet.String()
	})
	s := p.leads.Since(began)
	settled := s.Settled.Sub(ready)
	t.Logf("first ha ready %v after the start; settled %v later: %v", ready.Sub(began), settled, s)
	if len(s.Leaders) != 1 || settled > p.masterDown()+time.Second {
		t.Errorf("one leader after %v (%v), want it within %v", settled, s, p.masterDown()+time.Second)
	}
	if s.Several > p.interval {
		t.Errorf("both led for %v, want at most %v", s.Several, p.interval)
	}
	if s.TakeOver > 1 && s.Several == 0 {
		t.Errorf("%v; want no flap", s)
	}
}

// readyLine is what ha logs once it takes part, with glog's time.
var readyLine = regexp.MustCompile(`(?m)^I(\d{4} \d\d:\d\d:\d\d\.\d{6}).*taking part in the election`)

// haReady is when ha of a node began to take part.
func haReady(t *testing.T, n *site.Node) time.Time {
	t.Helper()
	var m []string
	lab.WaitFor(t, site.Patience, "ha of "+n.Name, func() (bool, string) {
		text := n.Logs(t, "ha")
		m = readyLine.FindStringSubmatch(text)
		return m != nil, text
	})
	at, err := time.ParseInLocation("20060102 15:04:05.000000", time.Now().Format("2006")+m[1], time.Local)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
