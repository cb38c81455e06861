package lab

import (
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

// into has a process start in a control group.
func (s share) into(attr *syscall.SysProcAttr) {
	if s.dir != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(s.dir.Fd())
	}
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

// Output runs the command and returns what it wrote to stdout, up to its end:
// unlike exec.Cmd's it does not wait for daemons that the command leaves behind.
func (c *Cmd) Output() ([]byte, error) {
	return c.record(func(f *os.File) { c.Stdout = f })
}

// CombinedOutput is Output for stdout and stderr together.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	return c.record(func(f *os.File) { c.Stdout, c.Stderr = f, f })
}

// record runs the command with a file in memory in the place of a pipe.
func (c *Cmd) record(attach func(*os.File)) ([]byte, error) {
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("lab: file for output: %w", err)
	}
	f := os.NewFile(uintptr(fd), "output")
	defer f.Close()
	attach(f)
	runErr := c.Run()
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(runErr, err)
	}
	out := make([]byte, info.Size())
	if _, err := f.ReadAt(out, 0); err != nil { // not Read: a daemon may still write
		return nil, errors.Join(runErr, err)
	}
	return out, runErr
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
