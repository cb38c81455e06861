// Package daemon is what every main of this project needs and no more: flags, logging that cannot hurt
// the process, signals, readiness, a group of tasks, the version.
//
// It is not a framework: it holds no configuration, keeps no registry and knows no other package of ours.
// Only cmd/* calls it, from the main goroutine; daemons themselves get a context and a *slog.Logger.
package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"
)

// Exit codes of every binary.
const (
	ExitOK    = 0 // stopped as asked, or -h, or -version
	ExitFault = 1 // the program ran and ended with an error
	ExitUsage = 2 // wrong flag or surplus argument; nothing was started
)

// flushTimeout bounds how long the end of a process waits for a log disk or a reader of standard error.
const flushTimeout = time.Second

// Program is one daemon as its main function describes it.
type Program struct {
	Name  string              // name of the binary, also of its log files
	Flags func(*flag.FlagSet) // registers the program's own flags; nil for none

	// Run is the program. It returns when ctx is cancelled (nil or context.Canceled is then a clean end)
	// or when it cannot go on.
	Run func(ctx context.Context, log *slog.Logger) error

	// Hangup is called for each SIGHUP, one call at a time, while Run runs. It must not block.
	// nil: SIGHUP is logged and otherwise ignored.
	Hangup func()

	stdout, stderr io.Writer // nil: the process's own; tests set them
}

// Main parses args (without the program's name), runs the program and returns the exit code for os.Exit.
// INT, QUIT and TERM cancel Run's context; a second one changes nothing, the starter decides how long it
// waits. USR1 logs the stacks of all goroutines.
func (p Program) Main(args []string) int {
	if p.stdout == nil {
		p.stdout = os.Stdout
	}
	if p.stderr == nil {
		p.stderr = os.Stderr
	}
	fs, code, done := p.parse(args)
	if done {
		return code
	}

	out := newWriter(fileSinkFor(fs, p.Name), p.stderr, logOptions(fs))
	stopped := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(stopped)
		out.run(stop)
	}()
	defer func() {
		close(stop)
		select {
		case <-stopped:
		case <-time.After(flushTimeout):
		}
	}()

	log := slog.New(newHandler(out, verbosityOf(fs)))
	slog.SetDefault(log) // libraries that use the standard logger must not block on standard error either
	sayObsolete(fs, log)
	return p.run(log)
}

// run carries the program from its first to its last log line.
func (p Program) run(log *slog.Logger) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	release := handleSignals(log, cancel, p.Hangup)
	defer release()
	defer context.AfterFunc(ctx, func() { _ = Stopping() })()

	log.Info("started", "program", p.Name, "version", VersionString())
	err := recovered(ctx, log, p.Name, p.Run)
	if err == nil || (ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		log.Info("stopped", "program", p.Name)
		return ExitOK
	}
	log.Error("stopped by a fault", "program", p.Name, "err", err)
	return ExitFault
}

// parse returns the parsed flags, or done and the exit code when there is nothing to run.
func (p Program) parse(args []string) (fs *flag.FlagSet, code int, done bool) {
	fs = flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // flag would print its usage for every fault, longer than the fault itself
	addLogFlags(fs)
	version := fs.Bool("version", false, "print the version and exit")
	if p.Flags != nil {
		p.Flags(fs)
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(p.stdout, "Usage of %s:\n", p.Name)
		fs.SetOutput(p.stdout)
		fs.PrintDefaults()
		return fs, ExitOK, true
	case err != nil:
		fmt.Fprintf(p.stderr, "%s: %v (%s -h lists the flags)\n", p.Name, err, p.Name)
		return fs, ExitUsage, true
	case fs.NArg() > 0:
		fmt.Fprintf(p.stderr, "%s: surplus argument %q: only flags are taken (%s -h lists them)\n", p.Name, fs.Arg(0), p.Name)
		return fs, ExitUsage, true
	case *version:
		fmt.Fprintf(p.stdout, "%s %s\n", p.Name, VersionString())
		return fs, ExitOK, true
	}
	return fs, ExitOK, false
}

// recovered calls run and turns its panic into an error, stack logged: the process then ends in order, its
// log written, and the watchdog restarts it.
func recovered(ctx context.Context, log *slog.Logger, name string, run func(context.Context, *slog.Logger) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in %s: %v", name, r)
			log.Error(err.Error() + "\n" + string(debug.Stack()))
		}
	}()
	return run(ctx, log)
}
