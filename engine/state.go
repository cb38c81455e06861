package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

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
func remembered(dir string, log *slog.Logger) (core.Marks, []lb.OverrideRecord) {
	return load[core.Marks](filepath.Join(dir, marksFile), log), load[savedOverrides](filepath.Join(dir, overridesFile), log)
}

// savedOverrides also reads what was written before overrides had a time: an
// object of vservers and states.
type savedOverrides []lb.OverrideRecord

func (s *savedOverrides) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return json.Unmarshal(data, (*[]lb.OverrideRecord)(s))
	}
	var old map[string]lb.Override
	err := json.Unmarshal(data, &old)
	for _, name := range slices.Sorted(maps.Keys(old)) {
		*s = append(*s, lb.OverrideRecord{Vserver: name, State: old[name]})
	}
	return err
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
