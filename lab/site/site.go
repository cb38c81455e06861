// Package site is the network of the field report with nodes of ours in it: one
// segment, no default route, nodes with two interfaces each, two web servers in
// DSR mode, a client. The nodes run the binaries that were just built, started by
// the watchdog alone, as an operator would.
//
// It is for the end-to-end tests below lab; it asserts nothing but that what it
// was told to do can be done.
package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
)

// The field report's names and addresses.
const (
	VIP       = "192.168.37.200" // of the vserver
	ClusterIP = "192.168.37.80"  // what the adverts list
	Target    = VIP + ":80"
	NodeIf    = "eno16777728"
	LBIf      = "eno33554960"
	VMAC      = "00:00:5e:00:01:3c" // RFC 9568 7.3, VRID 60
)

// Patience is for what a test does not measure.
const Patience = 30 * time.Second

// Site is the network.
type Site struct {
	Lab      *lab.Lab
	LAN      *lab.Segment
	Nodes    []*Node
	Client   *lab.Host
	Backends []*lab.Host // backend01 and backend02; their web servers answer so
	Web      []*lab.Web
}

// New builds the network with a number of nodes, each with the other one as its
// peer where there are two; nothing of ours runs yet.
func New(t testing.TB, nodes int) *Site {
	t.Helper()
	s := Bare(t, nodes)
	s.Client = s.Lab.Host("client")
	s.LAN.Plug(s.Client, "eth0", "192.168.37.172/24")
	for i, name := range []string{"backend01", "backend02"} {
		h := s.Lab.Host(name)
		s.LAN.Plug(h, "eth0", fmt.Sprintf("192.168.37.%d/24", 71+i))
		lab.DSRBackend(t, h, VIP)
		s.Backends = append(s.Backends, h)
		s.Web = append(s.Web, lab.Nginx(t, h, name, 80))
	}
	return s
}

// Bare is New without client and web servers.
func Bare(t testing.TB, nodes int) *Site {
	t.Helper()
	l := lab.New(t)
	s := &Site{Lab: l, LAN: l.Segment("lan")}
	for i := range nodes {
		n := &Node{Host: l.Host(fmt.Sprintf("node%02d", i+1)), addr: nodeAddr(i)}
		if nodes == 2 {
			n.peer = nodeAddr(1 - i)
		}
		n.MAC = s.LAN.Plug(n.Host, NodeIf, n.addr+"/24")
		s.LAN.Plug(n.Host, LBIf)
		n.install(t)
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

func nodeAddr(i int) string { return fmt.Sprintf("192.168.37.%d", 76+i) }

// Read returns a file of the project, named from its root. Tests run in a folder
// two below it.
func Read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// FieldReport returns the field report's two files, verbatim.
func FieldReport(t testing.TB) (cfg, cluster string) {
	t.Helper()
	return Read(t, "internal/config/testdata/fieldreport.cfg"), Read(t, "internal/config/testdata/fieldreport.pb")
}

// WaitFor waits until the VIP answers, and exactly these backends do.
func (s *Site) WaitFor(t testing.TB, timeout time.Duration, names ...string) {
	t.Helper()
	lab.WaitFor(t, timeout, fmt.Sprintf("answers from %v", names), func() (bool, string) {
		r := lab.Burst(t, s.Client, Target, 4, 1)
		ok := r.Lost == 0 && len(r.Answers) == len(names)
		for _, name := range names {
			ok = ok && r.Answers[name] > 0
		}
		return ok, r.String()
	})
}

// UnderLoad runs f while the client opens a new connection every so often, and
// returns what became of the connections.
func (s *Site) UnderLoad(t testing.TB, every time.Duration, f func()) lab.Result {
	t.Helper()
	load := lab.StartLoad(t, s.Client, Target, every)
	load.WaitForAnswers(t, Patience, 20)
	f()
	load.WaitForAnswers(t, Patience, 100)
	return load.Stop(t)
}

// PairCluster is the field report's cluster file with a second node in it.
func PairCluster(t testing.TB) string {
	t.Helper()
	_, cluster := FieldReport(t)
	const first = "vserver: <"
	text := strings.Replace(cluster, first, `node: < fqdn: "node02.localdomain." ipv4: "`+nodeAddr(1)+`/24" status: TESTING >
`+first, 1)
	if text == cluster {
		t.Fatalf("the field report's cluster has no %q", first)
	}
	return text
}
