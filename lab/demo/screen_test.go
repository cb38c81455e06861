//go:build demo

package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is where the story is told: lines that stay, and under them, while
// something goes on, what it is and for how long.
type screen struct {
	out      io.Writer
	terminal bool // the last line can be written again

	mu    sync.Mutex
	doing string // "" when nothing goes on
	since time.Time
}

// say writes a line, or several.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintln(s.out, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

// begin says what goes on from now on; "" for nothing.
func (s *screen) begin(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	s.doing, s.since = what, time.Now()
}

// clear makes place for a line.
func (s *screen) clear() {
	if s.terminal {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}

// tick shows that something goes on, until done is closed.
func (s *screen) tick(done <-chan struct{}) {
	every := 3 * time.Second
	if s.terminal {
		every = 500 * time.Millisecond
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			s.again()
		}
	}
}

func (s *screen) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doing == "" || time.Since(s.since) < time.Second {
		return
	}
	s.clear()
	fmt.Fprintf(s.out, "     ... %s, %.0f s", s.doing, time.Since(s.since).Seconds())
	if !s.terminal {
		fmt.Fprintln(s.out)
	}
}

// told is a test whose failures are part of the story.
type told struct {
	testing.TB
	*screen
}

func (t told) Errorf(format string, args ...any) {
	t.say("     FAILED: "+format, args...)
	t.Fail()
}

func (t told) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

func (t told) Fatal(args ...any) { t.Fatalf("%s", fmt.Sprint(args...)) }
