//go:build demo

package demo

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/term"

	"seesaw/lab"
	"seesaw/lab/site"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

const (
	interval = 200 * time.Millisecond // between adverts, when nothing is configured
	// A backup takes over after this (RFC 9568 6.1; the lower priority is 253), and
	// may need some more to say so.
	masterDown = 3*interval + 3*interval/256
	slack      = 50 * time.Millisecond
	// Two checks a second apart find a dead backend, each within a second.
	outWithin = 4 * time.Second
)

// What steps may cost.
var (
	noLoss   = limit{note: "0 lost"}
	untilOut = limit{lost: -1, note: "loss until it is out"}
	takeOver = limit{lost: -1, gap: masterDown + slack, note: fmt.Sprintf("gap %v", ms(masterDown+slack))}
	planned  = limit{lost: -1, gap: interval, note: fmt.Sprintf("gap %v", interval)}
)

// demo is the network with what has been measured in it.
type demo struct {
	*site.Site
	*screen
	leads *site.Leads
	rows  []row
}

// TestDemo tells the story. It passes only if all of it was so.
func TestDemo(t *testing.T) {
	began := time.Now()
	s := &screen{out: os.Stdout, terminal: term.IsTerminal(int(os.Stdout.Fd()))}
	done := make(chan struct{})
	defer close(done)
	go s.tick(done)
	s.say(`
Seesaw, a pair, on kernel %s with IPVS:

   client --+-- node01 --+-- www1   nginx
            '-- node02 --'-- www2   nginx`, kernelRelease(t))
	s.begin("building the network")
	d := build(told{t, s})
	for i, step := range []struct {
		what string
		run  func(*demo, told)
	}{
		{"Both nodes start. One leads, the other backs it.", (*demo).start},
		{"The client asks; requests alternate between the backends by their weights, 2 and 1.", (*demo).alternate},
		{"A backend is killed (nginx of www2).", (*demo).killBackend},
		{"It is started again.", (*demo).returnBackend},
		{"The leader is cut from the wire.", (*demo).cutLeader},
		{"The old leader's cable is back. Nobody should notice.", (*demo).returnLeader},
		{"A planned change: seesaw failover.", (*demo).failover},
		{"What the CLI says, and what the kernel has.", (*demo).compare},
	} {
		s.say("\n%d. %s", i+1, step.what)
		if !d.step(t, fmt.Sprint(i+1), step.run) {
			s.say("     The story ends here.")
			break
		}
	}
	s.say("\n%s", table(d.rows))
	verdict := "All of it was so."
	if t.Failed() {
		verdict = "NOT all of it was so: see FAILED above; evidence is in lab-out/ once this has ended."
	}
	s.say("%s (%.0f s)", verdict, time.Since(began).Seconds())
	d.visit(told{t, s})
}

// step runs one step and reports whether the next one makes sense.
func (d *demo) step(t *testing.T, name string, run func(*demo, told)) (ended bool) {
	t.Run(name, func(t *testing.T) {
		run(d, told{t, d.screen})
		ended = true
	})
	d.begin("")
	return ended
}

// measured keeps a result and fails the step if it was too much.
func (d *demo) measured(t told, what string, r lab.Result, l limit) {
	d.rows = append(d.rows, row{what, r, l})
	t.say("     %s: %d requests, %d lost, longest gap %v (allowed: %s)", what, r.Sent, r.Lost, ms(r.Gap), l.note)
	if wrong := l.check(r); wrong != "" {
		t.Errorf("%s: %s", what, wrong)
		if r.Disturbed() {
			t.say("     (the client itself was up to %v late: this machine was too busy to measure; run it again)", ms(r.Late))
		}
	}
}

// start starts both nodes and waits until they are as they should be.
func (d *demo) start(t told) {
	d.begin("starting")
	for _, n := range d.Nodes {
		n.Start(t)
	}
	d.begin("waiting for a leader and for healthy backends")
	lab.WaitFor(t, site.Patience, "leader", func() (bool, string) {
		now := d.leads.Now()
		return len(now) == 1, fmt.Sprint(now)
	})
	leader, backup := d.roles(t)
	d.settled(t, leader, "LEADER")
	d.settled(t, backup, "BACKUP")
	d.WaitFor(t, site.Patience, "www1", "www2")
	t.say("     %s leads, %s backs it; %s answers.", leader.Name, backup.Name, site.VIP)
}

// roles says who leads and who does not; there must be one of each.
func (d *demo) roles(t told) (leader, backup *site.Node) {
	now := d.leads.Now()
	if len(now) != 1 {
		t.Fatalf("leading: %v, want one of two", now)
	}
	return d.Nodes[now[0]], d.Nodes[1-now[0]]
}

// settled waits until a node says that it has a role and finds both web servers
// healthy.
func (d *demo) settled(t told, n *site.Node, role string) {
	n.WaitCLI(t, site.Patience, role, "-c", "show ha")
	lab.WaitFor(t, site.Patience, "healthy web servers on "+n.Name, func() (bool, string) {
		out, diag, _ := n.CLI(t, "-c", "show destinations")
		servers := cliServers(out)
		return slices.Contains(servers, ours+"71:80") && slices.Contains(servers, ours+"72:80"), out + diag
	})
}

// alternate shows single requests, then measures.
func (d *demo) alternate(t told) {
	const requests = 12
	out := d.Client.Run(t, "sh", "-c", fmt.Sprintf("for i in $(seq %d); do curl -sS -m 1 http://%s/; done", requests, site.VIP))
	answers := strings.Fields(out)
	t.say("     %d times curl http://%s/ : %s", requests, site.VIP, strings.Join(answers, " "))
	if len(answers) != requests || !slices.Contains(answers, "www1") || !slices.Contains(answers, "www2") {
		t.Errorf("want %d answers, from both", requests)
	}
	d.begin("a new connection every 20 ms")
	r := d.UnderLoad(t, lab.Every, func() {})
	d.measured(t, "steady", r, noLoss)
	if share := float64(r.Answers["www1"]) / float64(r.Sent); share < 0.5 || share > 0.8 {
		t.Errorf("www1 answered %.0f %%, its weight asks for 67 %%", 100*share)
	}
}

// killBackend measures until the dead backend is out of the kernel's table, and
// then without it.
func (d *demo) killBackend(t told) {
	leader, _ := d.roles(t)
	load := lab.StartLoad(t, d.Client, site.Target, lab.Every)
	load.WaitForAnswers(t, site.Patience, 20)
	d.begin("waiting for the health check to find it")
	d.Web[1].Stop(t)
	out := d.waitServer(t, leader, false)
	r := load.Stop(t)
	t.say("     out of the kernel's table after %.1f s (a check every second, one retry);", out.Seconds())
	t.say("     until then the scheduler, WLC, itself sends little to who does not answer")
	d.measured(t, "a backend dies, until it is out", r, untilOut)
	if out > outWithin {
		t.Errorf("taken out after %v, want at most %v", ms(out), outWithin)
	}
	d.begin("asking on")
	r = d.UnderLoad(t, lab.Every, func() {})
	d.measured(t, "without it", r, noLoss)
	if r.Answers["www2"] != 0 {
		t.Errorf("www2 answers, and is dead: %v", r)
	}
}

// returnBackend measures while the backend comes back.
func (d *demo) returnBackend(t told) {
	leader, _ := d.roles(t)
	d.begin("waiting for the health check to trust it")
	r := d.UnderLoad(t, lab.Every, func() {
		d.Web[1].Start(t)
		in := d.waitServer(t, leader, true)
		t.say("     in the kernel's table again after %.1f s", in.Seconds())
		d.begin("waiting for its first answer")
		d.WaitFor(t, site.Patience, "www1", "www2")
	})
	d.measured(t, "a backend returns", r, noLoss)
}

// waitServer waits until www2 is, or is not, in a node's kernel table, and
// returns how long that took.
func (d *demo) waitServer(t told, n *site.Node, in bool) time.Duration {
	return lab.WaitFor(t, site.Patience, fmt.Sprintf("table with www2: %v", in), func() (bool, string) {
		text := n.IPVS(t)
		return slices.Contains(kernelServers(text), ours+"72:80") == in, text
	})
}

// cutLeader pulls both cables of the leader.
func (d *demo) cutLeader(t told) {
	leader, backup := d.roles(t)
	began := time.Now()
	d.begin("waiting for " + backup.Name)
	r := d.UnderLoad(t, lab.Every, func() {
		began = time.Now()
		d.LAN.Cut(t, leader.Host)
		d.waitLeader(t, backup)
	})
	s := d.leads.Since(began)
	t.say("     %s leads; none led for %v, both for %v", backup.Name, ms(s.Nobody), ms(s.Several))
	d.measured(t, "the leader is cut off", r, takeOver)
	if s.Several > masterDown {
		t.Errorf("both led for %v, want at most %v", ms(s.Several), ms(masterDown))
	}
}

// returnLeader gives the node that was cut off its cables back.
func (d *demo) returnLeader(t told) {
	_, old := d.roles(t)
	began := time.Now()
	d.begin("waiting for " + old.Name + " to be a good backup")
	r := d.UnderLoad(t, lab.Every, func() {
		d.LAN.Mend(t, old.Host)
		d.settled(t, old, "BACKUP")
	})
	s := d.leads.Since(began)
	t.say("     %s is back as the backup", old.Name)
	d.measured(t, "the old leader returns", r, noLoss)
	if s.TakeOver+s.GaveUp != 0 {
		t.Errorf("the lead changed: %v", s)
	}
}

// failover hands the lead over by the command.
func (d *demo) failover(t told) {
	leader, backup := d.roles(t)
	d.begin("handing over to " + backup.Name)
	r := d.UnderLoad(t, lab.Every, func() {
		if out, diag, code := leader.CLI(t, "-c", "failover"); code != 0 {
			t.Fatalf("seesaw failover on %s: exit %d: %s%s", leader.Name, code, out, diag)
		}
		d.waitLeader(t, backup)
	})
	t.say("     %s leads", backup.Name)
	d.measured(t, "seesaw failover", r, planned)
	d.settled(t, leader, "BACKUP")
}

// waitLeader waits until this node leads, and no other.
func (d *demo) waitLeader(t told, n *site.Node) {
	want := []int{slices.Index(d.Nodes, n)}
	lab.WaitFor(t, site.Patience, n.Name+" leading", func() (bool, string) {
		now := d.leads.Now()
		return slices.Equal(now, want), fmt.Sprint(now)
	})
}

// compare shows the leader's view beside its kernel's table: the same backends.
func (d *demo) compare(t told) {
	leader, backup := d.roles(t)
	d.settled(t, leader, "LEADER")
	d.settled(t, backup, "BACKUP")
	d.begin("looking")
	var dests, table string
	lab.WaitFor(t, site.Patience, "the same backends in CLI and kernel", func() (bool, string) {
		dests, _, _ = leader.CLI(t, "-c", "show destinations")
		table = leader.IPVS(t)
		said, have := cliServers(dests), kernelServers(table)
		return len(said) > 0 && slices.Equal(said, have), fmt.Sprintf("CLI %v, kernel %v", said, have)
	})
	ha, _, _ := leader.CLI(t, "-c", "show ha")
	for _, part := range []struct{ command, text string }{
		{"seesaw show ha", ha}, {"seesaw show destinations", dests}, {"ipvsadm -Ln", table},
	} {
		t.say("%s# %s\n%s", leader.Name, part.command, part.text)
	}
	t.say("     The same backends in both. (Marks from %d on are the health checks' own.)", firstProbeMark)
}
