package engine

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// What cannot be written is not forgotten: it is tried again, shown, and gives
// way to what is newer.
func TestSaverKeepsWhatItCannotWrite(t *testing.T) {
	s := newSaver(slog.New(slog.DiscardHandler))
	full := errors.New("no space left on device")
	var written []string
	write := func(what string, err *error) func() error {
		return func() error {
			if *err == nil {
				written = append(written, what)
			}
			return *err
		}
	}
	err := full
	s.save("overrides", write("first", &err))
	s.save("marks", write("marks", new(error)))
	s.flush()
	if got := s.problems(); len(got) != 1 || !strings.HasPrefix(got[0], "overrides cannot be written") || !strings.Contains(got[0], full.Error()) {
		t.Errorf("problems %q, want one that names the file and the reason", got)
	}
	s.flush()
	s.save("overrides", write("second", &err))
	s.flush()
	err = nil
	s.flush()
	if got := strings.Join(written, " "); got != "marks second" {
		t.Errorf("written %q, want marks, and of overrides the newer alone", got)
	}
	if got := s.problems(); len(got) != 0 {
		t.Errorf("problems %q after all is written", got)
	}
	s.flush()
	if len(written) != 2 {
		t.Errorf("written again without need: %q", written)
	}
}
