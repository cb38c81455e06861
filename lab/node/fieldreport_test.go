//go:build lab

package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/lab"
	"seesaw/lab/site"
)

// TestFieldReport is the main job: the two files verbatim, modules not loaded,
// no dummy0, no default route, a config server that cannot be reached.
func TestFieldReport(t *testing.T) {
	s := newRig(t)
	lab.UnloadModules(t, "ip_vs", "dummy", "nf_conntrack")
	load := lab.StartLoad(t, s.Client, site.Target, lab.Every)
	began := time.Now()
	s.node.Start(t)
	load.WaitForAnswers(t, site.Patience, 1)
	first := load.SoFar().FirstGood.Sub(began)
	load.Stop(t)
	t.Logf("from the watchdog's exec to the first 200: %v", first)
	if first >= 5*time.Second {
		t.Errorf("first answer after %v, want under 5 s", first)
	}
	s.WaitFor(t, site.Patience, "backend01", "backend02")

	r := lab.Burst(t, s.Client, site.Target, 1000, 4)
	t.Log(r)
	if r.Lost != 0 {
		t.Errorf("%d of 1000 connections lost", r.Lost)
	}
	for _, name := range []string{"backend01", "backend02"} {
		if n := r.Answers[name]; n < 490 || n > 510 {
			t.Errorf("%s served %d of 1000, want 500 within 1 %%", name, n)
		}
	}
}

// TestGolden compares every show and config command with what the original
// prints for the same cluster.
func TestGolden(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	s.node.WaitCLI(t, site.Patience, "LEADER", "-c", "show ha")
	s.node.WaitCLI(t, site.Patience, "[   2] test-vserver/192.168.37.72:80/TCP (enabled, healthy, active)", "-c", "show destinations")
	for _, g := range golden(t) {
		out, diag, code := s.node.CLI(t, "-c", g.command)
		if diff := cmp.Diff(lines(g.output), lines(out+diag)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", g.command, diff)
		}
		if code != g.exit {
			t.Errorf("%s: exit %d, want %d", g.command, code, g.exit)
		}
	}
}

type transcript struct {
	command, output string
	exit            int
}

// golden reads the transcript of the original.
func golden(t *testing.T) (list []transcript) {
	t.Helper()
	for part := range strings.SplitSeq("\n"+site.Read(t, "lab/node/testdata/golden.txt"), "\n### ") {
		head, body, _ := strings.Cut(part, "\n")
		switch {
		case strings.HasPrefix(head, "exit "):
			list[len(list)-1].exit = int(head[5] - '0')
		case head != "" && !strings.HasPrefix(head, "#"):
			if body != "" {
				body += "\n"
			}
			list = append(list, transcript{command: head, output: body})
		}
	}
	if len(list) < 10 {
		t.Fatalf("transcript has %d commands", len(list))
	}
	return list
}

// TestOnlyTheLBInterfaceAnswers: both interfaces are on one segment, and only
// one may say that it has the VIP.
func TestOnlyTheLBInterfaceAnswers(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	want := site.VMAC
	if got := s.Client.Neighbour(t, site.VIP); got != want {
		t.Errorf("the client has the VIP at %q, want the LB interface's %s (the node interface has %s)", got, want, s.node.MAC)
	}
	// Of two answers a client may keep the right one by luck: look at the wire.
	wire := s.Client.Start(t, "tcpdump", "-l", "-n", "-e", "-i", "eth0", "arp")
	lab.WaitFor(t, site.Patience, "tcpdump", func() (bool, string) {
		out := wire.Output(t)
		return strings.Contains(out, "listening on"), out
	})
	for i := range 100 {
		s.Client.Run(t, "ip", "neigh", "flush", "all")
		if r := lab.Burst(t, s.Client, site.Target, 1, 1); r.Lost != 0 {
			t.Fatalf("resolution %d: %v", i, r)
		}
		if got := s.Client.Neighbour(t, site.VIP); got != want {
			t.Fatalf("resolution %d: the client has the VIP at %q, want %s", i, got, want)
		}
	}
	answers := 0
	for line := range strings.SplitSeq(wire.Output(t), "\n") {
		if _, mac, is := strings.Cut(line, "Reply "+site.VIP+" is-at "); is {
			if answers++; !strings.HasPrefix(mac, want) {
				t.Fatalf("somebody else answers for the VIP: %s", line)
			}
		}
	}
	if answers < 50 { // tcpdump may be behind with the last ones
		t.Errorf("%d answers seen on the wire: the test has not looked", answers)
	}
}
