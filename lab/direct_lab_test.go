//go:build lab

package lab_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestHostWithIPVSNeedsNoMachine runs the lab command where the kernel has IPVS,
// which is here: it must start no second machine, keep its network to itself, and
// hand on the exit status.
func TestHostWithIPVSNeedsNoMachine(t *testing.T) {
	exe := os.Getenv("LAB_EXE")
	if exe == "" {
		t.Fatal("LAB_EXE is not set: run it with: make lab RUN=" + t.Name())
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	script := `set -e
ipvsadm -A -t 192.0.2.77:80 -s rr
ipvsadm -Ln
readlink /proc/self/ns/net
echo result >$LAB_OUT/result
exit 7`
	out := t.TempDir()
	cmd := exec.Command(exe, "-vm=auto", "-out", out, "-cache", t.TempDir(), "-timeout", "1m", "--", "sh", "-c", script)
	said, err := cmd.CombinedOutput()
	t.Logf("%s", said)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Fatalf("got %v, want exit status 7", err)
	}
	if !strings.Contains(string(said), "TCP  192.0.2.77:80 rr") {
		t.Error("the command's IPVS service is not in its own table")
	}
	if strings.Contains(string(said), ours) {
		t.Error("the command ran in our network namespace")
	}
	if text, err := os.ReadFile(out + "/result"); err != nil || string(text) != "result\n" {
		t.Errorf("result: %q, %v", text, err)
	}
	table, err := exec.Command("ipvsadm", "-Ln").CombinedOutput()
	if err != nil || strings.Contains(string(table), "192.0.2.77") {
		t.Errorf("our own table: %v\n%s", err, table)
	}
}
