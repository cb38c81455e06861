package engine

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"

	"seesaw/engine/source"
)

// saver writes what an engine remembers over restarts. It has a goroutine of its
// own: to write a large cluster and to wait for the disk takes seconds, in which
// the node must be steered. Of two versions of one file only the later need be
// written.
type saver struct {
	log  *slog.Logger
	wake chan struct{} // one slot: full = run will look

	mu      sync.Mutex // guards pending
	pending map[string]func() error
}

func newSaver(log *slog.Logger) *saver {
	return &saver{log: log, wake: make(chan struct{}, 1), pending: make(map[string]func() error)}
}

// save has a file written soon. What write uses must not change any more.
func (s *saver) save(file string, write func() error) {
	s.mu.Lock()
	s.pending[file] = write
	s.mu.Unlock()
	wake(s.wake)
}

// saveJSON is save for a small value.
func (s *saver) saveJSON(file string, v any) {
	s.save(file, func() error {
		data, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			return err
		}
		return source.WriteFile(file, data)
	})
}

// run writes until ctx ends. What has come since is written by flush.
func (s *saver) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
			s.flush()
		}
	}
}

// flush writes all that is pending.
func (s *saver) flush() {
	s.mu.Lock()
	pending := s.pending
	s.pending = make(map[string]func() error)
	s.mu.Unlock()
	for file, write := range pending {
		if err := write(); err != nil {
			s.log.Warn("will not be remembered over a restart", "file", file, "err", err)
		}
	}
}
