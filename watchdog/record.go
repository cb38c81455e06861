package watchdog

import (
	"fmt"
	"os"
	"strings"
)

// record is what a watchdog leaves about a running service for its successor, in RunDir/watchdog/NAME.pid:
// the process id on a line of its own, as every tool expects, then "start TICKS" and "ready".
type record struct {
	pid   int
	start uint64 // when the process started, in clock ticks since boot: with it a pid is never mistaken
	ready bool   // the service has said that it is ready
}

func (r record) String() string {
	s := fmt.Sprintf("%d\nstart %d\n", r.pid, r.start)
	if r.ready {
		s += "ready\n"
	}
	return s
}

// parseRecord reads what String wrote.
func parseRecord(text string) (record, error) {
	var r record
	if n, err := fmt.Sscanf(text, "%d\nstart %d\n", &r.pid, &r.start); err != nil || n != 2 || r.pid <= 0 {
		return record{}, fmt.Errorf("pid file: want a pid and a start time, have %.60q", text)
	}
	r.ready = strings.HasSuffix(text, "\nready\n")
	return r, nil
}

// writeRecord replaces the file at path in one step.
func writeRecord(path string, r record) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(r.String()), 0o644); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return nil
}

func readRecord(path string) (record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return record{}, err
	}
	return parseRecord(string(b))
}
