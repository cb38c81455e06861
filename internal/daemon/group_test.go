package daemon

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

func TestRunAll(t *testing.T) {
	broken := errors.New("broken")
	until := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name   string
		cancel bool // before the start
		tasks  []Task
		want   string
		log    string
	}{
		{name: "none"},
		{name: "all end", tasks: []Task{{"a", func(context.Context) error { return nil }}}},
		{name: "cancelled", cancel: true, tasks: []Task{{"a", until}, {"b", until}}},
		{
			name:  "first error stops all",
			tasks: []Task{{"a", until}, {"b", func(context.Context) error { return broken }}},
			want:  "b: broken",
		},
		{
			name:   "error after the stop is kept",
			cancel: true,
			tasks:  []Task{{"a", func(context.Context) error { return broken }}, {"b", until}},
			want:   "a: broken",
		},
		{
			name:  "panic",
			tasks: []Task{{"a", until}, {"b", func(context.Context) error { panic("oops") }}},
			want:  "b: panic in b: oops",
			log:   "group_test.go",
		},
		{
			name:  "a task's own cancelled call is an error while we run",
			tasks: []Task{{"a", until}, {"b", func(context.Context) error { return context.Canceled }}},
			want:  "b: context canceled",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cancel {
				cancel()
			}
			var b bytes.Buffer
			log, flush := logger(&b, verbosity{})
			err := RunAll(ctx, log, tt.tasks...)
			flush()
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error = %q, want %q", got, tt.want)
			}
			if !strings.Contains(b.String(), tt.log) {
				t.Errorf("log = %q, want it to contain %q", b.String(), tt.log)
			}
		})
	}
}

func TestRunAllKeepsTheErrorTestable(t *testing.T) {
	broken := errors.New("broken")
	log, _ := logger(&bytes.Buffer{}, verbosity{})
	err := RunAll(t.Context(), log, Task{"a", func(context.Context) error { return broken }})
	if !errors.Is(err, broken) {
		t.Errorf("errors.Is(%v, broken) = false", err)
	}
}
