package watchdog

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// realtimePriority is the SCHED_RR priority of realtime services: above everything ordinary, below the
// kernel's own threads at 50.
const realtimePriority = 10

// start runs a service's program. The process leads a session of its own, holds its lock as file 3, and
// writes to its log file: nothing of it depends on this process.
func (w *Watchdog) start(s Service) error {
	id, err := identify(s)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	lock, err := w.serviceLock(s.Name)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer lock.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer null.Close()
	out, err := w.openLog(s)
	if err != nil {
		w.log.Warn("output of the service is lost", "service", s.Name, "err", err)
		out = null
	} else {
		defer out.Close()
	}

	pid, err := w.fork(s, id, &syscall.ProcAttr{
		Env:   environment(os.Environ(), w.path(s.Name, "notify")),
		Files: []uintptr{null.Fd(), out.Fd(), out.Fd(), lock.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, Credential: id.credential, AmbientCaps: id.ambient},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Binary, err)
	}
	st, err := readStat(pid) // it is our child, so it stays in /proc until reaped
	if err != nil {
		w.log.Warn("start time of the service unknown", "service", s.Name, "err", err)
	}
	w.children[s.Name] = &child{record: record{pid: pid, start: st.start}}
	w.keepRecord(s.Name)
	w.log.Info("service started", "service", s.Name, "pid", pid)
	return nil
}

// environment is ours, with the notify socket of this watchdog instead of our own starter's.
func environment(ours []string, notify string) []string {
	var env []string
	for _, e := range ours {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM":
		default:
			env = append(env, e)
		}
	}
	return append(env, "NOTIFY_SOCKET="+notify)
}

// fork starts the program from a thread that is used once: nice value, scheduling class and bounding set
// belong to a thread and are inherited, so the child has them from its first instruction and before its
// privileges are dropped. The thread ends with the goroutine, which never unlocks it.
func (w *Watchdog) fork(s Service, id identity, attr *syscall.ProcAttr) (pid int, err error) {
	restore := w.limitMemory(s)
	defer restore()
	done := make(chan struct{}) // closed by the goroutine below, awaited here
	go func() {
		defer close(done)
		runtime.LockOSThread()
		w.schedule(s)
		if err = restrict(id); err != nil {
			return
		}
		argv := append([]string{processName(s.Name)}, s.Args...)
		pid, err = syscall.ForkExec(s.Binary, argv, attr)
	}()
	<-done
	return pid, err
}

// schedule sets what makes a service fast. A kernel that refuses costs speed, not service.
func (w *Watchdog) schedule(s Service) {
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, s.Priority); err != nil {
		w.log.Warn("nice value not set", "service", s.Name, "priority", s.Priority, "err", err)
	}
	if !s.Realtime {
		return
	}
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: realtimePriority}
	if err := unix.SchedSetAttr(0, attr, 0); err != nil {
		w.log.Warn("real-time priority not set", "service", s.Name, "err", err)
	}
}

// limitMemory sets RLIMIT_MEMLOCK for the next child by way of our own, and returns what puts ours back.
func (w *Watchdog) limitMemory(s Service) (restore func()) {
	if s.MemLock == 0 {
		return func() {}
	}
	var old unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old)
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: s.MemLock, Max: s.MemLock})
	}
	if err != nil {
		w.log.Warn("limit of locked memory not set", "service", s.Name, "err", err)
		return func() {}
	}
	return func() { _ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) }
}

// restrict takes from the calling thread what the child must never have again: capabilities outside its
// set, through the bounding set, and new ones through set-user-id programs.
func restrict(id identity) error {
	if !id.restricted {
		return nil
	}
	allowed := map[uintptr]bool{}
	for _, c := range id.ambient {
		allowed[c] = true
	}
	for c := uintptr(0); c <= 63; c++ {
		if allowed[c] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) { // unknown to this kernel
			return fmt.Errorf("drop capability %d: %w (the watchdog must run as root)", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	return nil
}
