//go:build lab

package node_test

import (
	"os/exec"
	"strings"
	"testing"

	"seesaw/lab"
	"seesaw/lab/site"
)

// Each test is a row of the field report's table: what stopped its author must
// not stop the next one, or must say what mends it.

// TestNoConfigServer: an empty section means the local file alone, without an
// error and without noise.
func TestNoConfigServer(t *testing.T) {
	s := newRig(t)
	cfg, cluster := site.FieldReport(t)
	cfg = strings.Replace(cfg, "primary = https://seesaw-config.localdomain/\n", "", 1)
	s.node.Configure(t, cfg, cluster)
	s.serve(t)
	out, diag, code := s.node.CLI(t, "config", "source")
	if out != "Config source is disk\n" || code != 0 {
		t.Errorf("config source says %q %q, exit %d", out, diag, code)
	}
	_, diag, code = s.node.CLI(t, "config", "source", "server")
	if code != 1 || !strings.Contains(diag, "config_server.primary") {
		t.Errorf("config source server on a node without one: exit %d, %q; want a refusal that says where to name one", code, diag)
	}
	for line := range strings.SplitSeq(s.node.Logs(t, "engine"), "\n") {
		if strings.HasPrefix(line, "E") || strings.Contains(line, "config server") {
			t.Errorf("the engine logs %q", line)
		}
	}
}

// TestServerNamed: with a server named, one line says that the
// local copy is in use, and -json says why.
func TestServerNamed(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	out, _, _ := s.node.CLI(t, "-json", "config", "status")
	for _, want := range []string{`"source": "server"`, `"in_use": "disk"`, "local copy is in use"} {
		if !strings.Contains(out, want) {
			t.Errorf("config status -json does not say %s:\n%s", want, out)
		}
	}
	said := 0
	for line := range strings.SplitSeq(s.node.Logs(t, "engine"), "\n") {
		if strings.HasPrefix(line, "W") && strings.Contains(line, "local copy is in use") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the log says %d times that the local copy is in use, want once:\n%s", said, s.node.Logs(t, "engine"))
	}
}

// TestModuleNeitherLoadedNorLoadable: nothing dies; the module and the command
// that mends it are named, and once it is mended the node serves by itself.
func TestModuleNeitherLoadedNorLoadable(t *testing.T) {
	s := newRig(t)
	lab.UnloadModules(t)
	s.node.HideModules(t)
	s.node.Start(t)
	s.waitProcesses(t)
	out := s.node.WaitCLI(t, site.Patience, "modprobe -a ip_vs", "show", "warnings")
	t.Log(out)
	if r := lab.Burst(t, s.Client, site.Target, 1, 1); r.Lost != 1 {
		t.Errorf("it serves without ip_vs? %v", r)
	}
	before := s.pids(t)
	// Mended from outside: this host's modprobe still finds nothing.
	if out, err := exec.Command("modprobe", "-a", "ip_vs", "ip_vs_rr").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.WaitFor(t, 2*site.Patience, "backend01", "backend02")
	if after := s.pids(t); after != before {
		t.Errorf("daemons were restarted: %s before, %s after", before, after)
	}
}

// waitProcesses waits until every daemon runs, whatever it says.
func (s *rig) waitProcesses(t *testing.T) {
	t.Helper()
	lab.WaitFor(t, site.Patience, "all daemons", func() (bool, string) {
		pids := s.pids(t)
		return len(strings.Fields(pids)) == len(site.Daemons), pids
	})
}

// pids of all daemons, in one line.
func (s *rig) pids(t *testing.T) string {
	t.Helper()
	var list []string
	for _, name := range site.Daemons {
		list = append(list, s.node.PID(t, name))
	}
	return strings.Join(list, " ")
}

// TestDummyMissing: the field report's cluster needs no dummy interface, so its
// absence is no fault.
func TestDummyMissing(t *testing.T) {
	s := newRig(t)
	if out, err := exec.Command("modprobe", "-a", "ip_vs", "ip_vs_rr").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lab.UnloadModules(t, "dummy")
	s.node.HideModules(t)
	s.serve(t)
	if out := s.node.Run(t, "ip", "-o", "link"); strings.Contains(out, "dummy") {
		t.Errorf("there is a dummy interface: the test shows nothing:\n%s", out)
	}
	out, diag, _ := s.node.CLI(t, "show", "warnings")
	if out != "No warnings.\n" {
		t.Errorf("warnings: %q %q", out, diag)
	}
}

// TestSysctlMissing: a setting that this kernel lacks degrades the node, says so
// and stops nothing.
func TestSysctlMissing(t *testing.T) {
	s := newRig(t)
	for _, name := range []string{"/proc/sys/net/ipv6", "/proc/sys/net/ipv4/vs"} {
		if _, err := s.node.Try(t, "test", "-d", name); err != nil {
			continue
		}
		s.node.Run(t, "mount", "-t", "tmpfs", "none", name)
	}
	s.serve(t)
	s.healthy(t)
	out, _, _ := s.node.CLI(t, "show", "warnings")
	t.Log(out)
	if !strings.Contains(out, "net/ipv") {
		t.Errorf("warnings do not name the missing setting: %q", out)
	}
}

// TestNoDefaultRoute: there is none and none is wanted.
func TestNoDefaultRoute(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	for _, family := range []string{"-4", "-6"} {
		if out := s.node.Run(t, "ip", family, "route", "show", "default"); out != "" {
			t.Errorf("ip %s has a default route: %s", family, out)
		}
	}
	if out := s.node.Run(t, "ip", "rule"); strings.Count(out, "\n") != 3 {
		t.Errorf("policy rules besides the kernel's three:\n%s", out)
	}
}

// TestServerForms: a URL, a host and host:port in the server field are all
// taken.
func TestServerForms(t *testing.T) {
	for _, form := range []string{"seesaw-config.localdomain", "seesaw-config.localdomain:10255"} {
		t.Run(form, func(t *testing.T) {
			s := newRig(t)
			cfg, cluster := site.FieldReport(t)
			s.node.Configure(t, strings.Replace(cfg, "https://seesaw-config.localdomain/", form, 1), cluster)
			s.serve(t)
		})
	}
}
