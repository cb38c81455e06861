package engine

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"seesaw/engine/core"
	"seesaw/engine/source"
	"seesaw/internal/lb"
)

// state is what an engine remembers over restarts, a file for each thing. What
// cannot be read or written costs only the memory.
type state struct {
	dir string
	log *slog.Logger
}

func (s state) marks() core.Marks { return load[core.Marks](s, "marks.json") }
func (s state) overrides() map[string]lb.Override {
	return load[map[string]lb.Override](s, "overrides.json")
}
func (s state) saveMarks(m core.Marks)                 { s.save("marks.json", m) }
func (s state) saveOverrides(o map[string]lb.Override) { s.save("overrides.json", o) }

func load[T any](s state, name string) (v T) {
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("starting without what was saved", "file", filepath.Join(s.dir, name), "err", err)
	}
	return v
}

func (s state) save(name string, v any) {
	data, err := json.MarshalIndent(v, "", " ")
	if err == nil {
		err = source.WriteFile(filepath.Join(s.dir, name), data)
	}
	if err != nil {
		s.log.Warn("will not be remembered over a restart", "file", filepath.Join(s.dir, name), "err", err)
	}
}
