// Package vm runs one command where the kernel has IPVS: in a virtual machine
// with Debian's kernel, or, on a host whose own kernel has IPVS, directly in
// namespaces of its own.
//
// It knows nothing of tests and topologies; the lab command calls it. Nothing
// is built into the guest: it sees this machine's root file system read-only
// with a memory overlay over it, so whatever is installed here is there too.
package vm

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed install.sh
var installScript string

// Job is one command and what it needs to run.
type Job struct {
	Command []string
	Dir     string    // working directory, absolute
	Env     []string  // K=V, beside the few that are always set
	Out     string    // results directory, absolute: the same and writable in host and guest
	Cache   string    // kernel and initramfs, absolute
	Output  io.Writer // the command's stdout and stderr, as they come
	Log     io.Writer // what the lab itself has to say
	Timeout time.Duration
	Memory  int // of the guest, in MiB
	CPUs    int // of the guest

	// Terminal is the command's stdin; Output must then be the same terminal. Without
	// it stdin is empty.
	Terminal *os.File
	// Forward is the port of this machine's 127.0.0.1 from which a command with a
	// terminal can be reached; another one if it is taken (see AtVariable).
	Forward int
}

// check refuses what could not be passed on.
func (j Job) check() error {
	if len(j.Command) == 0 {
		return errors.New("lab: no command")
	}
	for _, dir := range []string{j.Dir, j.Out, j.Cache} {
		if !filepath.IsAbs(dir) || strings.ContainsAny(dir, " \t\n,") {
			return fmt.Errorf("lab: %q: need an absolute path without blanks and commas", dir)
		}
	}
	for _, kv := range j.Env {
		if k, _, ok := strings.Cut(kv, "="); !ok || !isName(k) {
			return fmt.Errorf("lab: environment %q: need NAME=VALUE", kv)
		}
	}
	return nil
}

// isName reports whether a shell can export s.
func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// script is the job as a shell script; the guest and the namespaces run the same.
func (j Job) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cd %s || exit 125\n", quote(j.Dir))
	env := append([]string{"HOME=/root", "TERM=" + j.termName(), "LANG=C.UTF-8", "LAB_OUT=" + j.Out}, j.Env...)
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, "export %s=%s\n", k, quote(v))
	}
	b.WriteString("exec")
	for _, word := range j.Command {
		b.WriteString(" " + quote(word))
	}
	b.WriteString("\n")
	return b.String()
}

// quote makes one shell word of s.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Install brings the machine what the lab needs: tools only, or with a cache
// directory qemu and a kernel too.
func Install(ctx context.Context, log io.Writer, cache ...string) error {
	for _, dir := range cache {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-s"}, cache...)...)
	cmd.Stdin = strings.NewReader(installScript)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("lab: install packages and kernel (lab/vm/install.sh): %w", err)
	}
	return nil
}

// HostHasIPVS reports whether this machine needs no virtual machine: we are root
// and its kernel has IPVS or can load it.
func HostHasIPVS() bool {
	if os.Geteuid() != 0 {
		return false
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		return true
	}
	return exec.Command("modprobe", "-q", "ip_vs").Run() == nil
}

// status turns the end of a process into an exit status; err is for a process
// that did not run to its end by itself.
func status(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// locked opens and locks the cache against a second lab command, until the
// returned function is called.
func locked(cache string) (func(), error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lab: lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}
