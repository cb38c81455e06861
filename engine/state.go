package engine

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"seesaw/engine/core"
	"seesaw/internal/lb"
)

// The files of the state directory, besides the copy of the cluster config.
const (
	marksFile     = "marks.json"
	overridesFile = "overrides.json"
)

// remembered reads what an earlier engine has saved. What cannot be read costs
// only the memory.
func remembered(dir string, log *slog.Logger) (core.Marks, map[string]lb.Override) {
	return load[core.Marks](filepath.Join(dir, marksFile), log), load[map[string]lb.Override](filepath.Join(dir, overridesFile), log)
}

func load[T any](file string, log *slog.Logger) T {
	var v, none T
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err == nil {
		return v
	}
	if !errors.Is(err, os.ErrNotExist) {
		log.Warn("starting without what was saved", "file", file, "err", err)
	}
	return none
}
