// Package healthcheck is the daemon that finds out which backends serve: it
// runs the checks that the engine wants, each at its interval, and tells the
// engine each verdict that changes at once and all of them now and then.
//
// It decides nothing about traffic, keeps nothing on disk and does not end
// because of the engine: while that is away the checks carry on. How a single
// probe is sent is healthcheck/probe's matter, how results become a verdict
// healthcheck/verdict's. Its caller is cmd/seesaw_healthcheck.
//
// Run owns these goroutines: the scheduler, sole owner of all checks; one per
// probe in flight, bounded by Config.Concurrency; and two for the engine's
// session, one a direction. Results and updates reach the scheduler by
// channels, verdicts leave it through the outbox, which never blocks it.
package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"seesaw/healthcheck/probe"
	"seesaw/internal/lb"
)

// Config is what an operator can set. The zero value is right.
type Config struct {
	// DryRun sends no probe and calls every target healthy.
	DryRun bool
	// Concurrency is how many probes may be in flight together; a probe that is
	// due beyond it waits for its turn. 0 = 8,192, or fewer where the limit of
	// open files demands it.
	Concurrency int
	// ReportInterval is how often every verdict is sent, changed or not, which
	// repairs whatever got lost. 0 = 15 s.
	ReportInterval time.Duration
}

// Engine is the one that wants the checks and hears the verdicts.
type Engine interface {
	// Session opens a conversation that lasts until ctx ends or one side fails.
	// May block until ctx ends.
	Session(ctx context.Context) (Session, error)
}

// Session is one conversation with the engine. Both sides send everything first
// (Full) and changes after. Recv and Send are called by one goroutine each,
// concurrently, and both return an error once the session's ctx has ended.
type Session interface {
	// Recv waits for the next update.
	Recv() (lb.CheckUpdate, error)
	// Send hands a report over; it may block while the engine is slow.
	Send(lb.VerdictReport) error
}

// ProbeFunc sends one probe and returns when ctx ends at the latest;
// probe.Probe in production. It is called concurrently.
type ProbeFunc func(ctx context.Context, c lb.Check) probe.Result

// Daemon is the health checker. Make it with New.
type Daemon struct {
	cfg    Config
	engine Engine
	probe  ProbeFunc
	log    *slog.Logger
	// updates carries the engine's updates, in order, from the session's
	// receiver to the scheduler; nobody closes it, and when it is full (it holds
	// none) the receiver waits.
	updates chan lb.CheckUpdate
	// joined tells the scheduler of a new session, which has to begin with a full
	// report; otherwise as updates.
	joined chan struct{}
	outbox *outbox
}

// defaultConcurrency is small enough that all probes in flight fit into some
// 100 MB, and large enough that thousands of dead targets, each of which holds
// its place for a whole timeout, do not delay the others.
const defaultConcurrency = 8192

// spareFiles is how many files the process may need besides its probes'.
const spareFiles = 64

// New makes a daemon that is not running yet. It refuses a negative setting
// and a missing dependency.
func New(cfg Config, engine Engine, p ProbeFunc, log *slog.Logger) (*Daemon, error) {
	if engine == nil || p == nil || log == nil {
		return nil, errors.New("healthcheck: engine, probe and log are all needed")
	}
	if cfg.Concurrency < 0 || cfg.ReportInterval < 0 {
		return nil, fmt.Errorf("healthcheck: concurrency %d and report interval %v must not be negative", cfg.Concurrency, cfg.ReportInterval)
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = min(defaultConcurrency, filesAllowed()-spareFiles)
		cfg.Concurrency = max(cfg.Concurrency, spareFiles)
	}
	if cfg.ReportInterval == 0 {
		cfg.ReportInterval = 15 * time.Second
	}
	if cfg.DryRun {
		p = func(context.Context, lb.Check) probe.Result {
			return probe.Result{OK: true, Message: "dry run: not probed"}
		}
	}
	return &Daemon{
		cfg: cfg, engine: engine, probe: p, log: log,
		updates: make(chan lb.CheckUpdate), joined: make(chan struct{}), outbox: newOutbox(),
	}, nil
}

// filesAllowed is the process's limit of open files.
func filesAllowed() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil || l.Cur > defaultConcurrency*2 {
		return defaultConcurrency * 2
	}
	return int(l.Cur)
}

// Run probes and reports until ctx ends, and returns nil when all that it
// started has stopped. Call it once.
func (d *Daemon) Run(ctx context.Context) error {
	if d.cfg.DryRun {
		d.log.Warn("dry run: no probe is sent and every backend counts as healthy")
	}
	var link sync.WaitGroup
	link.Go(func() { d.keepSession(ctx) })
	newScheduler(d.cfg, d.probe, d.outbox, d.log).run(ctx, d.updates, d.joined)
	link.Wait()
	return nil
}
