//go:build lab

// Package node_test runs one node of ours as an operator would: the real
// binaries, started by the watchdog alone, on a kernel with IPVS, with web
// servers behind it and a client before it.
package node_test

import (
	"os"
	"regexp"
	"testing"

	"seesaw/lab"
	"seesaw/lab/site"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// rig is the field report's network with one node of ours in it.
type rig struct {
	*site.Site
	node *site.Node
}

// newRig builds the network; nothing of ours runs yet.
func newRig(t *testing.T) *rig {
	t.Helper()
	s := site.New(t, 1)
	return &rig{s, s.Nodes[0]}
}

// serve starts everything and waits until both backends answer.
func (s *rig) serve(t *testing.T) {
	t.Helper()
	s.node.Start(t)
	s.WaitFor(t, site.Patience, "backend01", "backend02")
}

// lines drops what differs from run to run: times and counters.
func lines(text string) string {
	for _, r := range []struct{ re, with string }{
		{`[A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d UTC`, "TIME"},
		{`Duration: +\S+ `, "Duration:            N "},
		{`(Transitions|Advertisements Sent|Advertisements Rcvd): +\d+`, "$1: N"},
	} {
		text = regexp.MustCompile(r.re).ReplaceAllString(text, r.with)
	}
	return text
}
