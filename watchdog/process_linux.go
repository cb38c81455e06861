package watchdog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// errLocked says that some process holds the lock.
var errLocked = errors.New("locked by another process")

// lockFile opens path and locks it. The lock lasts as long as any process holds this open file: closing ours
// leaves the lock with the children that inherited it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("flock %s: %w", path, err)
	}
	return f, nil
}

// becomeSubreaper makes orphans below us our children (prctl(2)), to be reaped and, at the end, killed.
func becomeSubreaper() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// procStat is what we need of /proc/PID/stat.
type procStat struct {
	state   byte // Z: a zombie
	parent  int
	session int
	start   uint64 // clock ticks since boot
}

func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(b)
}

// parseStat reads the fields of proc_pid_stat(5). The second, the name, may hold anything, so fields are
// counted from the last closing parenthesis: state is the third, starttime the 22nd.
func parseStat(b []byte) (procStat, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return procStat{}, fmt.Errorf("stat without a name: %.40q", b)
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 20 {
		return procStat{}, fmt.Errorf("stat with %d fields after the name, want 20", len(f))
	}
	parent, err1 := strconv.Atoi(string(f[1]))
	session, err2 := strconv.Atoi(string(f[3]))
	start, err3 := strconv.ParseUint(string(f[19]), 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return procStat{}, fmt.Errorf("stat: %w", err)
	}
	return procStat{state: f[0][0], parent: parent, session: session, start: start}, nil
}

// processName is a service's argv[0].
func processName(service string) string { return "seesaw_" + service }

// programName returns a process's argv[0].
func programName(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	name, _, _ := bytes.Cut(b, []byte{0})
	return string(name)
}

// processes returns the ids of all processes.
func processes() []int {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, n := range names {
		if pid, err := strconv.Atoi(filepath.Base(n)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// holders returns the processes other than ours that have path open: every process of a service inherits
// the service's lock, also those that have left its process group.
func holders(path string) []int {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	var pids []int
	for _, pid := range processes() {
		if pid == os.Getpid() {
			continue
		}
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if open, err := os.Readlink(fd); err == nil && open == path {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// openProcess returns a pidfd that can be waited for by Go's poller.
func openProcess(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return os.NewFile(uintptr(fd), fmt.Sprintf("pidfd %d", pid)), nil
}

// awaitEnd blocks until the process behind pidfd has ended, or returns an error when pidfd is closed.
func awaitEnd(pidfd *os.File) error {
	raw, err := pidfd.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return err == nil && n == 1
	})
}

// describeStatus says how a process ended.
func describeStatus(s syscall.WaitStatus) string {
	switch {
	case s.Signaled() && s.CoreDump():
		return fmt.Sprintf("killed by signal %d (%v), core dumped", s.Signal(), s.Signal())
	case s.Signaled():
		return fmt.Sprintf("killed by signal %d (%v)", s.Signal(), s.Signal())
	}
	return fmt.Sprintf("exit code %d", s.ExitStatus())
}
