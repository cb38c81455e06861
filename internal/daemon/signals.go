package daemon

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

// dumpLimit bounds a goroutine dump; a daemon with more goroutines than fit has shown its trouble by then.
const dumpLimit = 1 << 20

// handleSignals starts the goroutine that serves this process's signals and returns what ends it.
// SIGPIPE is caught and forgotten: unhandled, Go ends a process that writes to a closed standard error.
func handleSignals(log *slog.Logger, stop context.CancelFunc, hangup func()) (release func()) {
	// The runtime sends; nobody closes; when full a signal is dropped, which its next arrival repairs
	// (a dropped stop has 15 like it queued before).
	ch := make(chan os.Signal, 16)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP)
	pipe := make(chan os.Signal, 1) // never read
	signal.Notify(pipe, syscall.SIGPIPE)

	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-quit:
				return
			case s := <-ch:
				handleSignal(s, log, stop, hangup)
			}
		}
	})
	return func() {
		// The signals stay caught: a TERM between here and exit must not turn a clean end into a kill.
		close(quit)
		wg.Wait()
	}
}

func handleSignal(s os.Signal, log *slog.Logger, stop context.CancelFunc, hangup func()) {
	switch s {
	case syscall.SIGUSR1:
		log.Info("goroutine dump\n" + string(stacks()))
	case syscall.SIGHUP:
		if hangup == nil {
			log.Info("signal ignored", "signal", s)
			return
		}
		log.Info("signal received", "signal", s)
		hangup()
	default:
		log.Info("signal received, stopping", "signal", s)
		stop()
	}
}

// stacks returns the stacks of all goroutines, up to dumpLimit bytes.
func stacks() []byte {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= dumpLimit {
			return buf[:n]
		}
		buf = make([]byte, 2*len(buf))
	}
}
