//go:build lab

package node_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// underLoad runs f while the client opens a new connection every 20 ms, and
// demands that none is lost. A run in which the measurement itself was disturbed
// is repeated, twice at most.
func (s *rig) underLoad(t *testing.T, what string, f func()) {
	t.Helper()
	for try := 1; ; try++ {
		r := s.UnderLoad(t, lab.Every, f)
		t.Logf("%s: %v", what, r)
		if r.Lost == 0 {
			return
		}
		if !r.Disturbed() || try == 3 {
			t.Errorf("%s: %d of %d connections lost", what, r.Lost, r.Sent)
			return
		}
		t.Logf("%s: void, the test itself was late by %v: once more", what, r.Late)
	}
}

// TestKillEachDaemon: traffic does not see that a daemon dies, and the daemon is
// back.
func TestKillEachDaemon(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	s.waitRunning(t)
	for _, name := range site.Daemons {
		s.underLoad(t, "kill -9 of "+name, func() {
			s.node.KillAndWait(t, name)
			s.healthy(t)
		})
	}
}

// TestKillAllDaemons: not even all of them at once, the watchdog too.
func TestKillAllDaemons(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	s.waitRunning(t)
	s.underLoad(t, "kill -9 of the five", func() {
		s.node.Run(t, "sh", "-c", "kill -9 $(pgrep -f '^seesaw_')")
		s.healthy(t)
	})
	s.underLoad(t, "kill -9 of the five and the watchdog", func() {
		s.node.Run(t, "sh", "-c", "kill -9 $(pgrep -f '^seesaw_|^/run/seesaw-bin/seesaw_watchdog')")
		s.node.Start(t)
		s.healthy(t)
	})
}

// TestWatchdogDiesAndAdopts: killed alone, the watchdog leaves its children
// running, and its successor takes them over as they are.
func TestWatchdogDiesAndAdopts(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	s.waitRunning(t)
	before := make(map[string]string)
	for _, name := range site.Daemons {
		before[name] = s.node.PID(t, name)
	}
	s.underLoad(t, "kill -9 of the watchdog", func() {
		s.node.Watchdog.Signal(t, syscall.SIGKILL)
		s.node.Watchdog.Wait(t, site.Patience)
		s.node.Start(t)
		s.node.Kill(t, "KILL", "engine") // the successor must see this
		lab.WaitFor(t, site.Patience, "a new engine", func() (bool, string) {
			now := s.node.PID(t, "engine")
			return now != "" && now != before["engine"], now
		})
	})
	for _, name := range site.Daemons {
		if now := s.node.PID(t, name); name != "engine" && now != before[name] {
			t.Errorf("%s was restarted: pid %s before, %s now", name, before[name], now)
		}
	}
}

// TestTermOfTheWatchdog: no process is left, nothing restarts, and the table
// stays for flows that are under way.
func TestTermOfTheWatchdog(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	s.waitRunning(t)
	table := s.node.IPVS(t)
	s.node.Watchdog.Signal(t, syscall.SIGTERM)
	if err := s.node.Watchdog.Wait(t, site.Patience); err != nil {
		t.Errorf("the watchdog ended with %v, want a clean end", err)
	}
	// Longer than the pause before a second restart.
	deadline := time.Now().Add(3 * time.Second)
	for time.Now().Before(deadline) {
		if out, _ := s.node.Try(t, "pgrep", "-a", "-f", "seesaw_"); strings.Contains(out, "seesaw_") {
			t.Fatalf("left after the watchdog's end:\n%s", out)
		}
	}
	if now := s.node.IPVS(t); strings.Count(now, "192.168.37.7") != strings.Count(table, "192.168.37.7") {
		t.Errorf("table after the end:\n%s\nbefore:\n%s", now, table)
	}
}

// waitRunning waits until every daemon runs and the role is settled.
func (s *rig) waitRunning(t *testing.T) {
	t.Helper()
	lab.WaitFor(t, site.Patience, "all daemons", func() (bool, string) {
		var missing []string
		for _, name := range site.Daemons {
			if s.node.PID(t, name) == "" {
				missing = append(missing, name)
			}
		}
		return len(missing) == 0, strings.Join(missing, ", ") + " missing"
	})
	s.healthy(t)
}

// healthy waits until the CLI says that this node leads and both destinations
// serve.
func (s *rig) healthy(t *testing.T) {
	t.Helper()
	s.node.WaitRole(t, "LEADER")
}
