package watchdog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// killWait bounds how long a start waits for killed remains of the service's former process to be gone.
const killWait = time.Second

// child is a running main process of a service.
type child struct {
	record
	pidfd *os.File // of an adopted process, whose end no SIGCHLD tells; nil for our own
}

// adopt takes over what a former watchdog has left running.
func (w *Watchdog) adopt(ctx context.Context) {
	w.sayUnknown()
	found := map[string]bool{}
	for _, u := range w.machine.units {
		r, ok := w.find(u.name)
		if !ok {
			continue
		}
		pidfd, err := openProcess(r.pid)
		if err != nil {
			continue // it has just ended
		}
		if st, err := readStat(r.pid); err != nil || st.start != r.start {
			pidfd.Close() // it ended before the pidfd was opened: another process has its number
			continue
		}
		w.children[u.name] = &child{record: r, pidfd: pidfd}
		w.keepRecord(u.name)
		go w.watch(ctx, u.name, r.pid, pidfd)
		found[u.name] = r.ready
	}
	w.step(adopted{found})
}

// find returns the running main process of a service: the recorded one if it still is that process, else
// (the former watchdog died before it wrote the record) the holder of the service's lock that was started as
// a main process.
func (w *Watchdog) find(name string) (record, bool) {
	r, err := readRecord(w.path(name, "pid"))
	if err == nil {
		if st, err := readStat(r.pid); err == nil && st.start == r.start && st.state != 'Z' {
			return r, true
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		w.log.Warn("pid file ignored", "service", name, "err", err)
	}
	for _, pid := range holders(w.path(name, "lock")) {
		if st, err := readStat(pid); err == nil && st.session == pid && st.state != 'Z' && programName(pid) == processName(name) {
			return record{pid: pid, start: st.start}, true
		}
	}
	return record{}, false
}

// sayUnknown names the records of services that are no longer in the configuration.
func (w *Watchdog) sayUnknown() {
	files, _ := filepath.Glob(filepath.Join(w.dir(), "*.pid"))
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".pid")
		if _, ok := w.services[name]; ok {
			continue
		}
		if r, ok := w.find(name); ok {
			w.log.Warn("process of a service that is no longer configured is left running: stop it by hand", "service", name, "pid", r.pid)
		} else {
			_ = os.Remove(f)
		}
	}
}

// watch reports the end of an adopted process.
func (w *Watchdog) watch(ctx context.Context, name string, pid int, pidfd *os.File) {
	if err := awaitEnd(pidfd); err != nil {
		return // closed: somebody else knows
	}
	w.send(ctx, func() {
		if c := w.children[name]; c != nil && c.pid == pid {
			w.ended(name, "ended (adopted, so its exit status is unknown)")
		}
	})
}

// send hands f to the loop.
func (w *Watchdog) send(ctx context.Context, f func()) {
	select {
	case w.events <- f:
	case <-ctx.Done():
	}
}

// reap collects every child that has ended: main processes and orphans that came to us. It is the only place
// that waits for children, in the goroutine that starts them, so that no exit is lost or taken for another's.
func (w *Watchdog) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		for name, c := range w.children {
			if c.pid == pid && c.pidfd == nil {
				w.ended(name, describeStatus(status))
				break
			}
		}
	}
}

// ended follows the end of a service's main process: what it left behind in its group goes with it. The
// group's number cannot have been given away yet: that takes a whole round of process ids.
func (w *Watchdog) ended(name, reason string) {
	c := w.children[name]
	_ = syscall.Kill(-c.pid, syscall.SIGKILL)
	if c.pidfd != nil {
		c.pidfd.Close()
	}
	delete(w.children, name)
	_ = os.Remove(w.path(name, "pid"))
	if w.machine.isEnding { // else before its next start
		_ = killAll(holders(w.path(name, "lock")))
	}
	w.step(exited{name, reason})
}

// signal reaches a service's main process and its group.
func (w *Watchdog) signal(name string, s syscall.Signal) {
	if c := w.children[name]; c != nil {
		_ = syscall.Kill(-c.pid, s) // it may be ending just now
	}
}

// markReady keeps a service's readiness for our successor.
func (w *Watchdog) markReady(name string) {
	w.children[name].ready = true
	w.keepRecord(name)
	w.step(notified{name})
}

// keepRecord writes a child's record. Without one our successor still finds the child by its lock.
func (w *Watchdog) keepRecord(name string) {
	if err := writeRecord(w.path(name, "pid"), w.children[name].record); err != nil {
		w.log.Warn("record of a running service not kept", "service", name, "err", err)
	}
}

// serviceLock takes the lock that the service's next process is to inherit. Processes that still hold it are
// the remains of the former one, and are killed.
func (w *Watchdog) serviceLock(name string) (*os.File, error) {
	path := w.path(name, "lock")
	lock, err := lockFile(path)
	if !errors.Is(err, errLocked) {
		return lock, err
	}
	left := holders(path)
	if err := killAll(left); err != nil {
		return nil, err
	}
	if lock, err = lockFile(path); err != nil {
		return nil, fmt.Errorf("%s: %w (processes %v)", path, err, left)
	}
	return lock, nil
}

// killAll kills the processes and waits until they are gone.
func killAll(pids []int) error {
	limit := time.Now().Add(killWait)
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone
		}
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		err = pollUntil(fd, limit)
		_ = unix.Close(fd)
		if err != nil {
			return fmt.Errorf("process %d of the former instance does not end after KILL: %w", pid, err)
		}
	}
	return nil
}

// pollUntil waits for a pidfd to report the end of its process.
func pollUntil(fd int, limit time.Time) error {
	for {
		left := max(0, int(time.Until(limit).Milliseconds()))
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, left)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return os.ErrDeadlineExceeded
		default:
			return nil
		}
	}
}

// killStrays ends what services have left behind outside their groups: as their subreaper we are the parent
// of all of it by now. Killing one may hand us its children, hence the rounds.
func (w *Watchdog) killStrays() {
	for range 10 {
		w.reap()
		strays := slices.DeleteFunc(processes(), func(pid int) bool {
			st, err := readStat(pid)
			return err != nil || st.parent != os.Getpid() || st.state == 'Z'
		})
		if len(strays) == 0 {
			return
		}
		w.log.Info("killing processes that services left behind", "pids", strays)
		if err := killAll(strays); err != nil {
			w.log.Warn("process left behind", "err", err)
		}
	}
}
