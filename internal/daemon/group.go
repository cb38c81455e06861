package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// Task is one long-running part of a daemon.
type Task struct {
	Name string                          // for log lines and errors
	Run  func(ctx context.Context) error // returns when ctx is cancelled, or earlier with an error
}

// RunAll runs the tasks side by side and returns when all have returned. The first error cancels the
// others and is returned with its task's name; a task that returns nil leaves the others running. A panic
// counts as an error and its stack is logged. When ctx is cancelled, the tasks' context.Canceled is no error.
func RunAll(ctx context.Context, log *slog.Logger, tasks ...Task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var once sync.Once
	var first error
	for _, t := range tasks {
		all.Go(func() {
			run := func(ctx context.Context, _ *slog.Logger) error { return t.Run(ctx) }
			err := recovered(ctx, log, t.Name, run)
			if err == nil || (ctx.Err() != nil && errors.Is(err, context.Canceled)) {
				return
			}
			once.Do(func() {
				first = fmt.Errorf("%s: %w", t.Name, err)
				cancel(first)
			})
		})
	}
	all.Wait()
	return first
}
