package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Proc is a process that runs in a host while the test goes on.
type Proc struct {
	cmd  *Cmd
	log  string
	done chan struct{} // closed when the process has ended and err is set
	err  error
}

// Start starts a command in the host. Its output goes to a file that is part of
// the bundle. It is killed with the host, at the latest.
func (h *Host) Start(t testing.TB, name string, args ...string) *Proc {
	t.Helper()
	// Not the test's context: that ends before clean-up, and the bundle shows a living process.
	return h.StartCommand(t, h.Command(context.Background(), name, args...))
}

// StartCommand is Start for a command prepared by Command, for those that need an
// environment or a directory. Its Stdout and Stderr are set here.
func (h *Host) StartCommand(t testing.TB, c *Cmd) *Proc {
	t.Helper()
	p := &Proc{cmd: c, done: make(chan struct{})}
	p.log = filepath.Join(h.lab.dir, fmt.Sprintf("%s-%02d-%s.log", h.Name, len(h.procs), filepath.Base(c.Path)))
	f, err := os.Create(p.log)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	defer f.Close()
	c.Stdout, c.Stderr = f, f // a file, not a pipe: it may outlive its parent
	if err := c.Start(); err != nil {
		t.Fatalf("%s: start %s: %v", h.Name, strings.Join(c.Args, " "), err)
	}
	go func() {
		p.err = c.Wait()
		close(p.done)
	}()
	h.procs = append(h.procs, p)
	return p
}

// Signal sends a signal to the process.
func (p *Proc) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v to %s: %v", s, p.cmd.Path, err)
	}
}

// Wait waits for the process to end and returns what exec.Cmd.Wait says; the
// test fails when it has not ended in time.
func (p *Proc) Wait(t testing.TB, timeout time.Duration) error {
	t.Helper()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		t.Fatalf("%s still runs after %v; it says:\n%s", p.cmd.Path, timeout, p.Output(t))
		return nil
	}
}

// Running reports whether the process has not ended yet.
func (p *Proc) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Output returns what the process has written to stdout and stderr so far.
func (p *Proc) Output(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	return string(text)
}
