//go:build lab

// Package pair_test runs two nodes of ours that back each other, on a kernel
// with IPVS, under steady load: take-overs, planned and not, faults that must not
// become one, and starts.
package pair_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// standard is the advert interval when nothing is configured.
const standard = 200 * time.Millisecond

// pair is two nodes on the field report's network.
type pair struct {
	*site.Site
	leads    *site.Leads
	interval time.Duration // between adverts
	more     string        // lines at the end of seesaw.cfg
}

// newPair starts two nodes and waits until one leads, the other backs it, and
// both have two healthy destinations.
func newPair(t *testing.T, interval time.Duration) *pair {
	t.Helper()
	p := &pair{Site: site.New(t, 2), interval: interval}
	p.start(t)
	return p
}

// start starts both nodes and waits until they are as they should be.
func (p *pair) start(t *testing.T) {
	t.Helper()
	p.prepare(t)
	for _, n := range p.Nodes {
		n.Start(t)
	}
	p.settled(t)
	p.WaitFor(t, site.Patience, "backend01", "backend02")
}

// prepare writes the nodes' files and begins the record of who leads.
func (p *pair) prepare(t *testing.T) {
	t.Helper()
	more := p.more
	if p.interval != standard {
		more += fmt.Sprintf("[ha]\nadvert_interval = %v\n", p.interval)
	}
	// Checks often enough for a test to wait for them.
	cluster := strings.Replace(site.PairCluster(t), "type: HTTP", "type: HTTP interval: 1 timeout: 1 retries: 3", 1)
	for _, n := range p.Nodes {
		n.Configure(t, n.PairConfig(t, more), cluster)
		n.Run(t, "ip", "link", "set", site.LBIf, "down") // up means that this node leads
	}
	p.leads = p.Watch(t)
}

// settled waits until one node leads, the other backs it, both say so, and both
// have two healthy destinations.
func (p *pair) settled(t *testing.T) {
	t.Helper()
	lab.WaitFor(t, 2*site.Patience, "one leader and one backup", func() (bool, string) {
		now := p.leads.Now()
		if len(now) != 1 {
			return false, fmt.Sprint("leading: ", now)
		}
		leads, which := p.Nodes[now[0]].Is(t, "LEADER")
		backs, other := p.Nodes[1-now[0]].Is(t, "BACKUP")
		return leads && backs, which + other
	})
}

// waitLeader waits until this node leads, and no other.
func (p *pair) waitLeader(t *testing.T, n *site.Node) {
	t.Helper()
	want := []int{slices.Index(p.Nodes, n)}
	lab.WaitFor(t, site.Patience, n.Name+" leading", func() (bool, string) {
		now := p.leads.Now()
		return slices.Equal(now, want), fmt.Sprint(now)
	})
}

// roles says who leads and who backs; there must be one of each.
func (p *pair) roles(t *testing.T) (leader, backup *site.Node) {
	t.Helper()
	now := p.leads.Now()
	if len(now) != 1 {
		t.Fatalf("leading: %v, want one of two", now)
	}
	return p.Nodes[now[0]], p.Nodes[1-now[0]]
}

// masterDown is the longer of both nodes' master-down intervals: the second node
// has priority 253 (RFC 9568 6.1).
func (p *pair) masterDown() time.Duration { return 3*p.interval + p.skew() }

func (p *pair) skew() time.Duration { return 3 * p.interval / 256 }

// every is how often a measurement at this advert interval opens a connection.
func (p *pair) every() time.Duration {
	if p.interval < 100*time.Millisecond {
		return lab.Faster
	}
	return lab.Every
}

// TestBackupIsQuiet: only the leader's LB interface is up, and the other node
// answers nothing for the VIP; show ha says on both what they are.
func TestBackupIsQuiet(t *testing.T) {
	p := newPair(t, standard)
	leader, backup := p.roles(t)
	for _, n := range []struct {
		node *site.Node
		up   bool
	}{{leader, true}, {backup, false}} {
		if _, err := n.node.Try(t, "sh", "-c", "ip -o link show dev "+site.LBIf+" up | grep -q ."); (err == nil) != n.up {
			t.Errorf("%s: LB interface up: %v, want %v", n.node.Name, err == nil, n.up)
		}
		out, _, _ := n.node.CLI(t, "show", "ha")
		t.Logf("%s\n%s", n.node.Name, out)
	}
	for range 20 {
		p.Client.Run(t, "ip", "neigh", "flush", "all")
		if r := lab.Burst(t, p.Client, site.Target, 1, 1); r.Lost != 0 {
			t.Fatal(r)
		}
		if got := p.Client.Neighbour(t, site.VIP); got != site.VMAC {
			t.Fatalf("the client has the VIP at %q, want %s (node interfaces: leader %s, backup %s)", got, site.VMAC, leader.MAC, backup.MAC)
		}
	}
	// Without the leader nobody answers: not before the other one leads.
	backup.Kill(t, "STOP", "ha")
	p.LAN.Cut(t, leader.Host)
	p.Client.Run(t, "ip", "neigh", "flush", "all")
	if r := lab.Burst(t, p.Client, site.Target, 10, 1); r.Lost != r.Sent {
		t.Errorf("the backup answers for the VIP: %v", r)
	}
}
