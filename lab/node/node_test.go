//go:build lab

// Package node_test runs one node of ours as an operator would: the real
// binaries, started by the watchdog alone, on a kernel with IPVS, with web
// servers behind it and a client before it.
package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// The field report's network: one segment, no default route, one node with two
// interfaces, two web servers in DSR mode, a client.
const (
	vip     = "192.168.37.200"
	target  = vip + ":80"
	nodeIf  = "eno16777728"
	lbIf    = "eno33554960"
	startIn = 30 * time.Second // patience where a test does not measure
)

// site is the field report's network with one node of ours in it.
type site struct {
	lab        *lab.Lab
	lan        *lab.Segment
	node       *lab.Host
	client     *lab.Host
	backends   []*lab.Host
	web        []*lab.Web
	nodeMAC    string
	watchdog   *lab.Proc
	configured bool
}

// newSite builds the network; nothing of ours runs yet.
func newSite(t *testing.T) *site {
	t.Helper()
	l := lab.New(t)
	s := &site{lab: l, lan: l.Segment("lan"), node: l.Host("node01"), client: l.Host("client")}
	s.nodeMAC = s.lan.Plug(s.node, nodeIf, "192.168.37.76/24")
	s.lan.Plug(s.node, lbIf)
	s.lan.Plug(s.client, "eth0", "192.168.37.172/24")
	s.install(t)
	for i, name := range []string{"backend01", "backend02"} {
		h := l.Host(name)
		s.lan.Plug(h, "eth0", fmt.Sprintf("192.168.37.%d/24", 71+i))
		lab.DSRBackend(t, h, vip)
		s.backends = append(s.backends, h)
		s.web = append(s.web, lab.Nginx(t, h, name, 80))
	}
	return s
}

// configure writes the node's files: the field report's unless others are given.
func (s *site) configure(t *testing.T, cfg, cluster string) {
	t.Helper()
	s.node.WriteFile(t, "/etc/seesaw/seesaw.cfg", cfg)
	s.node.WriteFile(t, "/etc/seesaw/cluster.pb", cluster)
	s.node.WriteFile(t, "/etc/seesaw/watchdog.cfg", watchdogConfig(t))
	s.configured = true
}

// read returns a file of the project.
func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func fieldReport(t *testing.T) (cfg, cluster string) {
	return read(t, "internal/config/testdata/fieldreport.cfg"), read(t, "internal/config/testdata/fieldreport.pb")
}

// binDir is where the node has our binaries: any user may start them there.
const binDir = "/run/seesaw-bin"

// install shows the node the binaries that were just built.
func (s *site) install(t *testing.T) {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "seesaw_watchdog")); err != nil {
		t.Fatalf("%v (run make build)", err)
	}
	s.node.Bind(t, bin, binDir)
}

// watchdogConfig is the one that we ship, with the binaries that were just
// built.
func watchdogConfig(t *testing.T) string {
	t.Helper()
	return strings.ReplaceAll(read(t, "etc/seesaw/watchdog.cfg"), "/usr/local/seesaw/", binDir+"/")
}

// start starts the watchdog, which starts all else. The field report's config
// is written if nothing else was.
func (s *site) start(t *testing.T) {
	t.Helper()
	if !s.configured {
		cfg, cluster := fieldReport(t)
		s.configure(t, cfg, cluster)
	}
	s.watchdog = s.node.Start(t, binDir+"/seesaw_watchdog", "-log_dir=/var/log/seesaw")
}

// serve starts everything and waits until both backends answer.
func (s *site) serve(t *testing.T) {
	t.Helper()
	s.start(t)
	s.waitFor(t, startIn, "backend01", "backend02")
}

// waitFor waits until the VIP answers, and exactly these backends do.
func (s *site) waitFor(t *testing.T, timeout time.Duration, names ...string) {
	t.Helper()
	lab.WaitFor(t, timeout, fmt.Sprintf("answers from %v", names), func() (bool, string) {
		r := lab.Burst(t, s.client, target, 4, 1)
		ok := r.Lost == 0 && len(r.Answers) == len(names)
		for _, name := range names {
			ok = ok && r.Answers[name] > 0
		}
		return ok, r.String()
	})
}

// cli runs the CLI and returns what it prints for programs and for people, and
// its exit code.
func (s *site) cli(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := s.node.Command(ctx, binDir+"/seesaw_cli", args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		t.Fatalf("seesaw %v: %v", args, err)
	}
	return out.String(), diag.String(), code
}

// waitCLI waits until the CLI prints something.
func (s *site) waitCLI(t *testing.T, timeout time.Duration, want string, args ...string) string {
	t.Helper()
	var out string
	lab.WaitFor(t, timeout, fmt.Sprintf("%q in seesaw %v", want, args), func() (bool, string) {
		var diag string
		out, diag, _ = s.cli(t, args...)
		return strings.Contains(out, want), out + diag
	})
	return out
}

// ipvs is the node's table as the kernel prints it.
func (s *site) ipvs(t *testing.T) string {
	t.Helper()
	return s.node.Run(t, "ipvsadm", "-Ln")
}

// daemons in the order in which they start.
var daemons = []string{"ncc", "engine", "ha", "healthcheck", "ecu"}

// pid of a daemon, as the watchdog recorded it.
func (s *site) pid(t *testing.T, name string) string {
	t.Helper()
	out, err := s.node.Try(t, "pgrep", "-x", "-f", "seesaw_"+name+"( .*)?")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

// kill sends a signal to a daemon.
func (s *site) kill(t *testing.T, signal, name string) {
	t.Helper()
	pid := s.pid(t, name)
	if pid == "" {
		t.Fatalf("seesaw_%s does not run", name)
	}
	s.node.Run(t, "sh", "-c", "kill -"+signal+" "+strings.ReplaceAll(pid, "\n", " "))
}

// logs returns what a daemon has logged in all its lives.
func (s *site) logs(t *testing.T, name string) string {
	t.Helper()
	out, err := s.node.Try(t, "sh", "-c", "find /var/log/seesaw -type f \\( -name 'seesaw_"+name+".log.*' -o -name 'seesaw_"+name+".*.INFO.*' \\) -exec cat {} +")
	if err != nil {
		t.Fatal(err)
	}
	return out
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
