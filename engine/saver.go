package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"seesaw/engine/source"
)

// saver writes what an engine remembers over restarts. It has a goroutine of its
// own: to write a large cluster and to wait for the disk takes seconds, in which
// the node must be steered. Of two versions of one file only the later need be
// written.
type saver struct {
	log  *slog.Logger
	wake chan struct{} // one slot: full = run will look

	mu      sync.Mutex // guards those below
	pending map[string]func() error
	failed  map[string]error // of the last try, by file
}

// saveAgain is the pause before what could not be written is tried again.
const saveAgain = 5 * time.Second

func newSaver(log *slog.Logger) *saver {
	return &saver{log: log, wake: make(chan struct{}, 1), pending: make(map[string]func() error), failed: make(map[string]error)}
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
	again := time.NewTicker(saveAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
			s.flush()
		case <-again.C:
			s.flush()
		}
	}
}

// flush writes all that is pending. What cannot be written stays so, unless
// something newer has come for the file meanwhile.
func (s *saver) flush() {
	s.mu.Lock()
	pending := s.pending
	s.pending = make(map[string]func() error)
	s.mu.Unlock()
	for file, write := range pending {
		s.done(file, write, write())
	}
}

// done notes what has become of a write.
func (s *saver) done(file string, write func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.failed[file]
	if err == nil {
		delete(s.failed, file)
		if before != nil {
			s.log.Info("written at last", "file", file)
		}
		return
	}
	s.failed[file] = err
	if _, newer := s.pending[file]; !newer {
		s.pending[file] = write
	}
	if before == nil {
		s.log.Warn("will not be remembered over a restart unless it can be written; tried again", "file", file, "err", err)
	}
}

// problems says what cannot be written, a line for each file, sorted.
func (s *saver) problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, file := range slices.Sorted(maps.Keys(s.failed)) {
		lines = append(lines, fmt.Sprintf("%s cannot be written, so what it should hold is lost with the next restart: %v", file, s.failed[file]))
	}
	return lines
}
