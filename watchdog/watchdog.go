// Package watchdog starts the daemons of a node in the order of their dependencies, restarts what ends,
// and stops all in reverse order.
//
// What to do and when is decided in machine.go, which knows neither clock nor process; this package's other
// files carry it out. It is no init system: it knows nothing of what its services do and keeps no pipe to
// them, so that it can be killed, restarted and upgraded while they run. A new watchdog finds the running
// services by their records in RunDir/watchdog and supervises them as if it had started them.
// cmd/seesaw_watchdog calls it; Run owns all state and runs in one goroutine.
package watchdog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Service is one program to keep running.
type Service struct {
	Name         string   // unique; the process is called seesaw_<Name>
	Binary       string   // absolute path
	Args         []string // without the program's name
	Dependencies []string // services that must have been ready before this one starts
	Priority     int      // nice value, -20 to 19
	TermTimeout  time.Duration
	User, Group  string // empty: root, and the user's own group
	// Restricted: the process gets Capabilities (as CAP_NET_RAW) and no others, now or by any exec.
	Restricted   bool
	Capabilities []string
	Realtime     bool   // SCHED_RR
	MemLock      uint64 // RLIMIT_MEMLOCK in bytes, all ones for no limit; 0: as it is
}

// Config is what a Watchdog needs.
type Config struct {
	Services []Service // in any order
	RunDir   string    // default /var/run/seesaw
	StateDir string    // default /var/lib/seesaw; made if missing
	LogDir   string    // of the services' standard output and error; default /var/log/seesaw
}

// ErrRunning says that another watchdog runs in the same RunDir.
var ErrRunning = errors.New("another watchdog is running")

// Watchdog supervises services. Make it with New.
type Watchdog struct {
	cfg      Config
	log      *slog.Logger
	services map[string]Service
	machine  *machine

	children map[string]*child // running, by service
	// events carries what other goroutines saw: readers of the notify sockets and watchers of adopted
	// processes send, Run receives; unbuffered, senders give up when Run has ended.
	events chan func()
}

// New checks cfg, fills its defaults and starts nothing.
func New(cfg Config, log *slog.Logger) (*Watchdog, error) {
	setDefault(&cfg.RunDir, "/var/run/seesaw")
	setDefault(&cfg.StateDir, "/var/lib/seesaw")
	setDefault(&cfg.LogDir, "/var/log/seesaw")
	m, err := newMachine(cfg.Services)
	if err != nil {
		return nil, err
	}
	w := &Watchdog{
		cfg: cfg, log: log, machine: m,
		services: map[string]Service{},
		children: map[string]*child{},
		events:   make(chan func()),
	}
	for _, s := range cfg.Services {
		w.services[s.Name] = s
	}
	return w, nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// dir holds this watchdog's own files.
func (w *Watchdog) dir() string { return filepath.Join(w.cfg.RunDir, "watchdog") }

func (w *Watchdog) path(service, kind string) string {
	return filepath.Join(w.dir(), service+"."+kind)
}

// Run supervises until ctx is cancelled, then stops all services in reverse order of their dependencies and
// returns when no process of theirs is left. It returns an error before anything is started, or never:
// ErrRunning, or what is wrong with RunDir. Its process must have no other children.
func (w *Watchdog) Run(ctx context.Context) error {
	if err := w.makeDirectories(); err != nil {
		return err
	}
	lock, err := lockFile(filepath.Join(w.dir(), "watchdog.lock"))
	if errors.Is(err, errLocked) {
		return fmt.Errorf("%w in %s (stop it first)", ErrRunning, w.dir())
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", w.dir(), err)
	}
	defer lock.Close()
	if err := becomeSubreaper(); err != nil {
		w.log.Warn("processes that a service leaves behind are not found", "err", err)
	}
	w.warnRoot()

	// The runtime sends; capacity 1, since one wake-up reaps all; never closed.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)

	watch, cancel := context.WithCancel(context.WithoutCancel(ctx)) // services notify while they stop, too
	defer cancel()
	closeSockets := w.listen(watch)
	defer closeSockets()

	w.adopt(watch)
	w.loop(ctx, ended)
	w.killStrays()
	w.log.Info("all services have stopped")
	return nil
}

// loop serves events until everything has stopped.
func (w *Watchdog) loop(ctx context.Context, ended <-chan os.Signal) {
	timer := time.NewTimer(0) // the first tick starts what waits for nothing
	defer timer.Stop()
	logs := time.NewTicker(logCheckInterval)
	defer logs.Stop()
	stop := ctx.Done()
	for !w.machine.done() {
		select {
		case <-stop:
			stop = nil
			w.log.Info("stopping all services")
			w.step(stopAll{})
		case <-ended:
			w.reap()
		case handle := <-w.events:
			handle()
		case <-timer.C:
			w.step(tick{})
		case <-logs.C:
			w.boundLogs()
		}
		if at := w.machine.deadline(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
	}
}

// step feeds one event to the machine and carries out what it says, and what follows from that.
func (w *Watchdog) step(ev event) {
	queue := []event{ev}
	for len(queue) > 0 {
		effects := w.machine.step(time.Now(), queue[0])
		queue = queue[1:]
		for _, e := range effects {
			switch e := e.(type) {
			case start:
				if err := w.start(w.services[e.name]); err != nil {
					queue = append(queue, exited{e.name, err.Error()})
				}
			case signalGroup:
				w.signal(e.name, e.signal)
			case note:
				w.note(e)
			}
		}
	}
}

func (w *Watchdog) note(n note) {
	args := []any{"service", n.name}
	if n.reason != "" {
		args = append(args, "reason", n.reason)
	}
	if n.wait > 0 {
		args = append(args, "wait", n.wait)
	}
	level := slog.LevelInfo
	if n.trouble {
		level = slog.LevelWarn
	}
	w.log.Log(context.Background(), level, n.text, args...)
}

// warnRoot says once which services have all rights for want of a user key.
func (w *Watchdog) warnRoot() {
	var names []string
	for _, s := range w.cfg.Services {
		if s.User == "" && !s.Restricted {
			names = append(names, s.Name)
		}
	}
	if len(names) > 0 && os.Getuid() == 0 {
		w.log.Warn("services run as root with all capabilities: set user and capabilities in watchdog.cfg", "services", names)
	}
}
