//go:build lab

package node_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"seesaw/lab"
)

// underLoad runs f while the client opens a new connection every 20 ms, and
// demands that none is lost.
func (s *site) underLoad(t *testing.T, what string, f func()) {
	t.Helper()
	load := lab.StartLoad(t, s.client, target, lab.Every)
	load.WaitForAnswers(t, startIn, 20)
	f()
	load.WaitForAnswers(t, startIn, 100)
	r := load.Stop(t)
	t.Logf("%s: %v", what, r)
	if r.Lost != 0 {
		t.Errorf("%s: %d of %d connections lost", what, r.Lost, r.Sent)
	}
}

// TestKillEachDaemon: traffic does not see that a daemon dies, and the daemon is
// back.
func TestKillEachDaemon(t *testing.T) {
	s := newSite(t)
	s.serve(t)
	s.waitRunning(t)
	for _, name := range daemons {
		s.underLoad(t, "kill -9 of "+name, func() {
			before := s.pid(t, name)
			s.kill(t, "KILL", name)
			lab.WaitFor(t, startIn, "a new "+name, func() (bool, string) {
				now := s.pid(t, name)
				return now != "" && now != before, now
			})
			s.healthy(t)
		})
	}
}

// TestKillAllDaemons: not even all of them at once, the watchdog too.
func TestKillAllDaemons(t *testing.T) {
	s := newSite(t)
	s.serve(t)
	s.waitRunning(t)
	s.underLoad(t, "kill -9 of the five", func() {
		s.node.Run(t, "sh", "-c", "kill -9 $(pgrep -f '^seesaw_')")
		s.healthy(t)
	})
	s.underLoad(t, "kill -9 of the five and the watchdog", func() {
		s.node.Run(t, "sh", "-c", "kill -9 $(pgrep -f '^seesaw_|^/run/seesaw-bin/seesaw_watchdog')")
		s.start(t)
		s.healthy(t)
	})
}

// TestWatchdogDiesAndAdopts: killed alone, the watchdog leaves its children
// running, and its successor takes them over as they are.
func TestWatchdogDiesAndAdopts(t *testing.T) {
	s := newSite(t)
	s.serve(t)
	s.waitRunning(t)
	before := make(map[string]string)
	for _, name := range daemons {
		before[name] = s.pid(t, name)
	}
	s.underLoad(t, "kill -9 of the watchdog", func() {
		s.watchdog.Signal(t, syscall.SIGKILL)
		s.watchdog.Wait(t, startIn)
		s.start(t)
		s.kill(t, "KILL", "engine") // the successor must see this
		lab.WaitFor(t, startIn, "a new engine", func() (bool, string) {
			now := s.pid(t, "engine")
			return now != "" && now != before["engine"], now
		})
	})
	for _, name := range daemons {
		if now := s.pid(t, name); name != "engine" && now != before[name] {
			t.Errorf("%s was restarted: pid %s before, %s now", name, before[name], now)
		}
	}
}

// TestTermOfTheWatchdog: no process is left, nothing restarts, and the table
// stays for flows that are under way.
func TestTermOfTheWatchdog(t *testing.T) {
	s := newSite(t)
	s.serve(t)
	s.waitRunning(t)
	table := s.ipvs(t)
	s.watchdog.Signal(t, syscall.SIGTERM)
	if err := s.watchdog.Wait(t, startIn); err != nil {
		t.Errorf("the watchdog ended with %v, want a clean end", err)
	}
	// Longer than the pause before a second restart.
	deadline := time.Now().Add(3 * time.Second)
	for time.Now().Before(deadline) {
		if out, _ := s.node.Try(t, "pgrep", "-a", "-f", "seesaw_"); strings.Contains(out, "seesaw_") {
			t.Fatalf("left after the watchdog's end:\n%s", out)
		}
	}
	if now := s.ipvs(t); strings.Count(now, "192.168.37.7") != strings.Count(table, "192.168.37.7") {
		t.Errorf("table after the end:\n%s\nbefore:\n%s", now, table)
	}
}

// waitRunning waits until every daemon runs and the role is settled.
func (s *site) waitRunning(t *testing.T) {
	t.Helper()
	lab.WaitFor(t, startIn, "all daemons", func() (bool, string) {
		var missing []string
		for _, name := range daemons {
			if s.pid(t, name) == "" {
				missing = append(missing, name)
			}
		}
		return len(missing) == 0, strings.Join(missing, ", ") + " missing"
	})
	s.healthy(t)
}

// healthy waits until the CLI says that this node leads and both destinations
// serve.
func (s *site) healthy(t *testing.T) {
	t.Helper()
	lab.WaitFor(t, startIn, "a leader with two healthy destinations", func() (bool, string) {
		ha, diag, _ := s.cli(t, "-c", "show ha")
		if !strings.Contains(ha, "LEADER") {
			return false, ha + diag
		}
		dests, diag, _ := s.cli(t, "-c", "show destinations")
		return strings.Count(dests, "(enabled, healthy, active)") == 2, dests + diag
	})
}
