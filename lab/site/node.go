package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
)

// binDir is where a node has our binaries: any user may start them there.
const binDir = "/run/seesaw-bin"

// Daemons in the order in which they start.
var Daemons = []string{"ncc", "engine", "ha", "healthcheck", "ecu"}

// Node is a host that runs ours.
type Node struct {
	*lab.Host
	MAC      string    // of the node interface
	Watchdog *lab.Proc // the one that was started last

	addr, peer string
	configured bool
}

// install shows the node the binaries that were just built.
func (n *Node) install(t testing.TB) {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "seesaw_watchdog")); err != nil {
		t.Fatalf("%v (run make build)", err)
	}
	n.Bind(t, bin, binDir)
}

// Configure writes the node's files, and the watchdog's as we ship it, but with
// the binaries that were just built.
func (n *Node) Configure(t testing.TB, cfg, cluster string) {
	t.Helper()
	n.WriteFile(t, "/etc/seesaw/seesaw.cfg", cfg)
	n.WriteFile(t, "/etc/seesaw/cluster.pb", cluster)
	n.WriteFile(t, "/etc/seesaw/watchdog.cfg", strings.ReplaceAll(Read(t, "etc/seesaw/watchdog.cfg"), "/usr/local/seesaw/", binDir+"/"))
	n.configured = true
}

// PairConfig is the field report's seesaw.cfg for this node of a pair, with more
// lines at its end.
func (n *Node) PairConfig(t testing.TB, more string) string {
	t.Helper()
	cfg, _ := FieldReport(t)
	for _, line := range []struct{ old, new string }{
		{"node_ipv4 = " + nodeAddr(0), "node_ipv4 = " + n.addr},
		{"#peer_ipv4 = " + nodeAddr(1), "peer_ipv4 = " + n.peer},
		{"primary = https://seesaw-config.localdomain/\n", ""},
	} {
		if !strings.Contains(cfg, line.old) {
			t.Fatalf("the field report's seesaw.cfg has no %q", line.old)
		}
		cfg = strings.Replace(cfg, line.old, line.new, 1)
	}
	return cfg + more
}

// Start starts the watchdog, which starts all else. The field report's config is
// written if nothing else was.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	if !n.configured {
		cfg, cluster := FieldReport(t)
		n.Configure(t, cfg, cluster)
	}
	n.Watchdog = n.Host.Start(t, binDir+"/seesaw_watchdog", "-log_dir=/var/log/seesaw")
}

// CLI runs the CLI and returns what it prints for programs and for people, and
// its exit code.
func (n *Node) CLI(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := n.Command(ctx, binDir+"/seesaw_cli", args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		t.Fatalf("%s: seesaw %v: %v", n.Name, args, err)
	}
	return out.String(), diag.String(), code
}

// WaitCLI waits until the CLI prints something.
func (n *Node) WaitCLI(t testing.TB, timeout time.Duration, want string, args ...string) string {
	t.Helper()
	var out string
	lab.WaitFor(t, timeout, fmt.Sprintf("%q in seesaw %v on %s", want, args, n.Name), func() (bool, string) {
		var diag string
		out, diag, _ = n.CLI(t, args...)
		return strings.Contains(out, want), out + diag
	})
	return out
}

// Is says whether the node has a role, LEADER or BACKUP, and both destinations
// serve, by what the CLI prints, which is its second result.
func (n *Node) Is(t testing.TB, role string) (bool, string) {
	t.Helper()
	ha, diag, _ := n.CLI(t, "-c", "show ha")
	if !strings.Contains(ha, role) {
		return false, ha + diag
	}
	dests, diag, _ := n.CLI(t, "-c", "show destinations")
	return strings.Count(dests, "(enabled, healthy, active)") == 2, dests + diag
}

// WaitRole waits until the node Is what it should be.
func (n *Node) WaitRole(t testing.TB, role string) {
	t.Helper()
	lab.WaitFor(t, Patience, role+" with two healthy destinations on "+n.Name, func() (bool, string) { return n.Is(t, role) })
}

// PID of a daemon; several if there are, one a line; "" if it does not run.
func (n *Node) PID(t testing.TB, name string) string {
	t.Helper()
	out, err := n.Try(t, "pgrep", "-x", "-f", "seesaw_"+name+"( .*)?")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

// Kill sends a signal, such as "KILL", to a daemon.
func (n *Node) Kill(t testing.TB, signal, name string) {
	t.Helper()
	pid := n.PID(t, name)
	if pid == "" {
		t.Fatalf("seesaw_%s does not run on %s", name, n.Name)
	}
	n.Run(t, "sh", "-c", "kill -"+signal+" "+strings.ReplaceAll(pid, "\n", " "))
}

// KillAndWait kills a daemon and waits until the watchdog has started another.
func (n *Node) KillAndWait(t testing.TB, name string) {
	t.Helper()
	before := n.PID(t, name)
	n.Kill(t, "KILL", name)
	lab.WaitFor(t, Patience, "a new "+name+" on "+n.Name, func() (bool, string) {
		now := n.PID(t, name)
		return now != "" && now != before, now
	})
}

// Logs returns what a daemon has logged in all its lives.
func (n *Node) Logs(t testing.TB, name string) string {
	t.Helper()
	out, err := n.Try(t, "sh", "-c", "find /var/log/seesaw -type f \\( -name 'seesaw_"+name+".log.*' -o -name 'seesaw_"+name+".*.INFO.*' \\) -exec cat {} +")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// IPVS is the node's table as the kernel prints it.
func (n *Node) IPVS(t testing.TB) string {
	t.Helper()
	return n.Run(t, "ipvsadm", "-Ln")
}
