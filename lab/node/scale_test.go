//go:build lab

package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// manyVservers writes a cluster of n vservers with four backends each, all on
// the two web servers' segment. With checks each backend has a TCP check of its
// own.
func manyVservers(n int, checks bool) string {
	var b strings.Builder
	b.WriteString(`seesaw_vip { fqdn: "seesaw-vip.localdomain." ipv4: "192.168.37.80/24" status: PRODUCTION }
node { fqdn: "node01.localdomain." ipv4: "192.168.37.76/24" status: PRODUCTION }
`)
	check := ""
	if checks {
		check = " healthcheck { type: TCP interval: 10 timeout: 5 }"
	}
	for i := range n {
		fmt.Fprintf(&b, "vserver {\n  name: \"v%04d\"\n  entry_address { fqdn: \"v%04d.localdomain.\" ipv4: \"10.1.%d.%d/32\" status: PRODUCTION }\n  rp: \"ops\"\n", i, i, i/250, 1+i%250)
		fmt.Fprintf(&b, "  vserver_entry { protocol: TCP port: 80 scheduler: WLC mode: DSR%s }\n", check)
		for j := range 4 {
			fmt.Fprintf(&b, "  backend { host { fqdn: \"b%d.localdomain.\" ipv4: \"192.168.38.%d/24\" status: PRODUCTION } weight: 1 }\n", j, 1+j)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// farm gives one host the four backends' addresses.
func (s *rig) farm(t *testing.T) {
	t.Helper()
	s.node.Addr(t, site.NodeIf, "192.168.38.76/24")
	for j := range 4 {
		s.Backends[0].Addr(t, "eth0", fmt.Sprintf("192.168.38.%d/24", 1+j))
	}
}

// destinations counts the kernel's.
func (s *rig) destinations(t *testing.T) int {
	t.Helper()
	var table []byte
	if err := s.node.Do(func() (err error) {
		table, err = os.ReadFile("/proc/thread-self/net/ip_vs")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(table), "  -> ") - 1 // a line of the heading looks alike
}

// TestFiveHundredVservers: with a TCP check for each backend, from disk, the
// kernel is complete within five seconds of the engine's start.
func TestFiveHundredVservers(t *testing.T) {
	s := newRig(t)
	s.farm(t)
	cfg, _ := site.FieldReport(t)
	s.node.Configure(t, cfg, manyVservers(500, true))
	s.node.Start(t)
	lab.WaitFor(t, site.Patience, "the engine", func() (bool, string) { return s.node.PID(t, "engine") != "", "" })
	began := s.startOf(t, "engine")
	lab.WaitFor(t, 60*time.Second, "2000 destinations", func() (bool, string) {
		n := s.destinations(t)
		return n == 2000, fmt.Sprint(n)
	})
	took := time.Since(began)
	t.Logf("500 × 4 with checks complete %v after the engine's start", took)
	if took > 5*time.Second {
		t.Errorf("complete after %v, want within 5 s", took)
	}
}

// startOf is when a daemon's process began, to a hundredth of a second.
func (s *rig) startOf(t *testing.T, name string) time.Time {
	t.Helper()
	var ticks, uptime float64
	stat := s.node.Run(t, "cat", "/proc/"+s.node.PID(t, name)+"/stat")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if _, err := fmt.Sscan(fields[19], &ticks); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(s.node.Run(t, "cat", "/proc/uptime"), &uptime); err != nil {
		t.Fatal(err)
	}
	return time.Now().Add(-time.Duration((uptime - ticks/100) * float64(time.Second)))
}

// TestFourThousandVservers prints how long a table of 4,000 × 4 takes beside
// ipvsadm -R of the same table, and what each daemon weighs.
func TestFourThousandVservers(t *testing.T) {
	s := newRig(t)
	s.farm(t)
	cfg, _ := site.FieldReport(t)
	s.node.Configure(t, cfg, manyVservers(4000, false))
	s.node.Start(t)
	lab.WaitFor(t, site.Patience, "the engine", func() (bool, string) { return s.node.PID(t, "engine") != "", "" })
	began := s.startOf(t, "engine")
	lab.WaitFor(t, 3*time.Minute, "16000 destinations", func() (bool, string) {
		n := s.destinations(t)
		return n == 16000, fmt.Sprint(n)
	})
	ours := time.Since(began)
	for _, name := range site.Daemons {
		t.Logf("seesaw_%s: %s resident", name, s.resident(t, name))
	}

	// The same table by ipvsadm, in a host of its own.
	peer := s.Lab.Host("peer")
	s.LAN.Plug(peer, "eth0", "192.168.38.77/24")
	table := filepath.Join("/var/lib/seesaw", "table")
	peer.WriteFile(t, table, s.node.Run(t, "ipvsadm", "-Sn"))
	start := time.Now()
	peer.Run(t, "sh", "-c", "ipvsadm -R < "+table)
	theirs := time.Since(start)
	t.Logf("4,000 × 4: ours %v from the engine's start, ipvsadm -R %v, ratio %.2f", ours, theirs, float64(ours)/float64(theirs))
}

// resident is a daemon's memory, as the kernel says.
func (s *rig) resident(t *testing.T, name string) string {
	t.Helper()
	status := s.node.Run(t, "cat", "/proc/"+s.node.PID(t, name)+"/status")
	m := regexp.MustCompile(`VmRSS:\s+(\d+ kB)`).FindStringSubmatch(status)
	if m == nil {
		t.Fatalf("no VmRSS of seesaw_%s", name)
	}
	return m[1]
}
