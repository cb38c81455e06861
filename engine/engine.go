// Package engine is the shell round engine/core: it reads the cluster config,
// listens to healthcheck and ha, hands the wanted network to ncc, and answers
// operators. What to do is the core's decision; this package only sees that it
// is done.
//
// One goroutine owns the core (Engine.loop). Everything else, a call of an
// operator as well as a message of another daemon, runs as a function on that
// goroutine. What takes long runs elsewhere: reading a cluster file on the
// goroutine that wants it, saving on the saver's, talking to ncc on the
// applier's.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"seesaw/engine/core"
	"seesaw/engine/source"
	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// Network is the host, as ncc rules it.
type Network interface {
	// Apply makes the host what an update wants and returns what is true then. It
	// may be repeated. It blocks until it is done or ctx ends.
	Apply(ctx context.Context, u lb.Update) (lb.Report, error)
	// Statistics reads the counters of all services.
	Statistics(ctx context.Context) ([]lb.ServiceStatistics, error)
}

// Config is what an engine is made from.
type Config struct {
	Node *config.Node
	// ClusterFile is the operator's cluster file.
	ClusterFile string
	Version     string
}

// Engine is one node's engine.
type Engine struct {
	cfg   Config
	log   *slog.Logger
	ncc   Network
	core  *core.Core // owned by loop
	boot  bootState  // owned by loop
	pair  pair       // owned by loop
	saver *saver
	stats statistics

	do      chan func(now time.Time) // unbuffered: loop receives
	stopped chan struct{}            // loop closes it when it ends
	booted  chan struct{}            // configure closes it when the first config was read
	apply   chan struct{}            // one slot: loop fills, applier empties; full = it knows already
	hosts   map[*session[struct{}]]bool
	checks  map[*session[lb.CheckUpdate]]bool

	reading sync.Mutex // guards src and is held until what was read is in force
	src     source.Source
}

// bootState is what the engine remembers of its config's origin; owned by loop.
type bootState struct {
	source string // as configured or set by an operator
	err    error  // why the operator's file was refused when it was last read
	loaded *config.Cluster
	// fallback is set while loaded is the accepted copy.
	fallback bool
}

// New makes an engine. It reads what an earlier one has saved and starts
// nothing.
func New(cfg Config, ncc Network, log *slog.Logger) (*Engine, error) {
	if cfg.Node == nil || ncc == nil || log == nil {
		return nil, errors.New("engine: node config, ncc and a log are required")
	}
	e := &Engine{
		cfg: cfg, log: log, ncc: ncc,
		src:     source.Source{File: cfg.ClusterFile, Accepted: filepath.Join(cfg.Node.StateDir, "cluster.pb")},
		saver:   newSaver(log),
		boot:    bootState{source: source.Disk},
		do:      make(chan func(time.Time)),
		stopped: make(chan struct{}),
		booted:  make(chan struct{}),
		apply:   make(chan struct{}, 1),
		hosts:   make(map[*session[struct{}]]bool),
		checks:  make(map[*session[lb.CheckUpdate]]bool),
	}
	e.stats.ncc = ncc
	if len(cfg.Node.ConfigServers) > 0 {
		e.boot.source = source.Server
	}
	marks, overrides := remembered(cfg.Node.StateDir, log)
	e.core = core.New(core.Config{
		Node: cfg.Node, Version: cfg.Version, Epoch: uint64(time.Now().UnixNano()),
		Marks: marks, Overrides: overrides,
	})
	e.newLink()
	return e, nil
}

// Run reads the cluster config and serves on lis until ctx ends. Stopping
// changes nothing in the kernel. It is called once.
func (e *Engine) Run(ctx context.Context, lis net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tasks := []func(context.Context) error{
		e.loop, e.configure, e.applier, e.saver.run,
		func(ctx context.Context) error { return e.serve(ctx, lis) },
	}
	if e.pair.link != nil {
		tasks = append(tasks, e.pair.link.Run, e.watchPeer)
	}
	ended := make(chan error, len(tasks)) // one value from each task
	for _, task := range tasks {
		go func() { ended <- task(ctx) }()
	}
	var err error
	for range tasks {
		err = errors.Join(err, <-ended)
		stop() // one ends, all end
	}
	e.saver.flush()
	return err
}

// loop owns the core.
func (e *Engine) loop(ctx context.Context) error {
	defer close(e.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if d := e.core.Deadline(); d.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(d))
		}
		select {
		case <-ctx.Done():
			return nil
		case f := <-e.do:
			f(time.Now())
		case <-timer.C:
			e.deadline()
		}
	}
}

// queued is more calls than can wait at a time.
const queued = 1000

// deadline tells the core that its deadline has come, but first what was waiting
// to be told: if it was us who were late, nobody else was silent.
func (e *Engine) deadline() {
	for range queued {
		select {
		case f := <-e.do:
			f(time.Now())
			continue
		default:
		}
		break
	}
	e.step(time.Now(), core.Deadline{})
}

var errStopping = errors.New("engine is stopping")

// on runs a function on the goroutine that owns the core and waits for it.
func (e *Engine) on(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{}) // closed by loop
	select {
	case e.do <- func(now time.Time) { f(now); close(done) }:
		<-done
		return nil
	case <-e.stopped:
		return errStopping
	case <-ctx.Done():
		return fmt.Errorf("engine is busy: %w", context.Cause(ctx))
	}
}

// step feeds an event to the core and carries out what comes of it.
func (e *Engine) step(now time.Time, ev core.Event) { e.carryOut(e.core.Step(now, ev)) }

func (e *Engine) carryOut(effects []core.Effect) {
	for _, effect := range effects {
		switch effect := effect.(type) {
		case core.Apply:
			wake(e.apply)
		case core.SetChecks:
			for s := range e.checks {
				s.push(effect.Update)
			}
		case core.Direct:
			for s := range e.hosts {
				s.push(struct{}{})
			}
		case core.SaveMarks:
			e.saver.saveJSON(filepath.Join(e.cfg.Node.StateDir, marksFile), effect.Marks)
		case core.SaveOverrides:
			e.saver.saveJSON(filepath.Join(e.cfg.Node.StateDir, overridesFile), effect.Overrides)
			e.tellPeer()
		case core.Log:
			if effect.Warn {
				e.log.Warn(effect.Text, effect.Args...)
			} else {
				e.log.Info(effect.Text, effect.Args...)
			}
		}
	}
}

// wake fills a channel of one slot; if it is full, whoever empties it will
// look.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
