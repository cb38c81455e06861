package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// inNamespaces runs f on an OS thread of its own after that thread has joined
// namespaces: those named by flags of the process behind a pidfd, or with flags 0
// the one that a namespace file stands for. The thread ends with f.
func inNamespaces(fd, flags int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime then ends the thread
		done <- func() error {
			if flags&unix.CLONE_NEWNS != 0 {
				// A thread that shares its working directory may not change its mounts.
				if err := unix.Unshare(unix.CLONE_FS); err != nil {
					return fmt.Errorf("lab: unshare the working directory: %w", err)
				}
			}
			if err := unix.Setns(fd, flags); err != nil {
				return fmt.Errorf("lab: join namespaces: %w", err)
			}
			return f()
		}()
	}()
	return <-done
}

// Cmd is an exec.Cmd that runs in a host (or a segment). Its process is a child
// of the test, so that signals and Wait mean the command itself; its working
// directory is / unless Dir is set.
type Cmd struct {
	*exec.Cmd
	fd, flags int
}

// command prepares a command for namespaces.
func command(ctx context.Context, fd, flags int, name string, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, name, args...), fd: fd, flags: flags}
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// Start starts the command, as exec.Cmd does.
func (c *Cmd) Start() error {
	return inNamespaces(c.fd, c.flags, c.Cmd.Start)
}

// Run starts the command and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns what it wrote to stdout.
func (c *Cmd) Output() ([]byte, error) {
	var out, problems bytes.Buffer
	c.Stdout = &out
	if c.Stderr == nil {
		c.Stderr = &problems
	}
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		exit.Stderr = problems.Bytes()
	}
	return out.Bytes(), err
}

// CombinedOutput runs the command and returns what it wrote.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// newNetns makes a network namespace that lives as long as the file is open and
// interfaces' ends need it.
func newNetns() (*os.File, error) {
	var f *os.File
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("lab: new network namespace: %w", err)
			}
			var err error
			f, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
			return err
		}()
	}()
	err := <-done
	return f, err
}
