package healthcheck_test

import (
	stdcmp "cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seesaw/healthcheck"
	"seesaw/internal/lb"
)

// state leaves of a report what does not depend on when it was made.
func states(r lb.VerdictReport) lb.VerdictReport {
	out := lb.VerdictReport{Full: r.Full}
	for _, v := range r.Verdicts {
		out.Verdicts = append(out.Verdicts, lb.Verdict{ID: v.ID, State: v.State})
	}
	return out
}

func wantReport(t *testing.T, got, want lb.VerdictReport) {
	t.Helper()
	if diff := cmp.Diff(want, states(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestNewRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	engine, p := newFakeEngine(), newWorld().probe
	tests := []struct {
		name   string
		cfg    healthcheck.Config
		engine healthcheck.Engine
		probe  healthcheck.ProbeFunc
		log    *slog.Logger
	}{
		{"no engine", healthcheck.Config{}, nil, p, log},
		{"no probe", healthcheck.Config{}, engine, nil, log},
		{"no log", healthcheck.Config{}, engine, p, nil},
		{"negative concurrency", healthcheck.Config{Concurrency: -1}, engine, p, log},
		{"negative report interval", healthcheck.Config{ReportInterval: -time.Second}, engine, p, log},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := healthcheck.New(tt.cfg, tt.engine, tt.probe, tt.log); err == nil {
				t.Error("New accepted it")
			}
		})
	}
}

// merge takes what else comes at the same instant: how many reports verdicts of
// one instant make depends on who runs first.
func merge(r lb.VerdictReport, s *fakeSession) lb.VerdictReport {
	for {
		select {
		case more := <-s.reports:
			r.Verdicts = append(r.Verdicts, more.Verdicts...)
		case <-time.After(1):
			slices.SortFunc(r.Verdicts, func(a, b lb.Verdict) int { return stdcmp.Compare(a.ID, b.ID) })
			return r
		}
	}
}

func TestFirstReports(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		s.world.set(1, up)
		s.world.set(2, down)
		s.world.set(3, silent)
		session := s.session(check(1), check(2), check(3))
		synctest.Wait()
		first := session.next(t, 0)
		if !first.Full || len(first.Verdicts) != 3 {
			t.Fatalf("first report %+v, want a full one of 3 checks", first)
		}
		wantReport(t, merge(session.next(t, time.Millisecond), session), lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 1, State: lb.Healthy}, {ID: 2, State: lb.Unhealthy}}})
		wantReport(t, session.next(t, 5*time.Second), lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 3, State: lb.Unhealthy}}})
	})
}

func TestVerdictHoldsAllThatIsKnown(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		s.world.set(1, answer{ok: true, after: 30 * time.Millisecond})
		begin := time.Now()
		session := s.session(check(1))
		session.next(t, 0)
		got := session.next(t, time.Second).Verdicts
		want := []lb.Verdict{{
			ID: 1, State: lb.Healthy, LastCheck: begin.Add(30 * time.Millisecond),
			Duration: 30 * time.Millisecond, Successes: 1, Message: "fine",
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
	})
}

// TestOutAndBack stops and returns a server at many moments of a check's beat
// and holds the verdicts to the promised times.
func TestOutAndBack(t *testing.T) {
	tests := []struct {
		name              string
		interval, timeout time.Duration
		retries           int
		gone              answer
	}{
		{"refused, no retries", 10 * time.Second, 5 * time.Second, 0, down},
		{"refused, retries", 2 * time.Second, time.Second, 3, down},
		{"silent, no retries", 10 * time.Second, 5 * time.Second, 0, silent},
		{"silent, retries", 2 * time.Second, time.Second, 3, silent},
		{"silent, timeout longer than interval", 2 * time.Second, 5 * time.Second, 2, silent},
		{"short interval", 100 * time.Millisecond, 100 * time.Millisecond, 1, silent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, healthcheck.Config{}, func(s *scene) {
				c := check(0x9e3779b97f4a7c15)
				c.Interval, c.Timeout, c.Retries = tt.interval, tt.timeout, tt.retries
				s.world.set(c.ID, up)
				session := s.session(c)
				session.awaitState(t, c.ID, lb.Healthy, time.Second)
				out := tt.interval*time.Duration(tt.retries+1) + tt.timeout + 100*time.Millisecond
				back := tt.interval + tt.timeout + 100*time.Millisecond
				for i := range 10 {
					rest := tt.interval*3 + tt.interval*time.Duration(i)/10
					for end := time.Now().Add(rest); time.Now().Before(end); {
						select { // periodic full reports
						case <-session.reports:
						case <-time.After(time.Until(end)):
						}
					}
					s.world.set(c.ID, tt.gone)
					session.awaitState(t, c.ID, lb.Unhealthy, out)
					s.world.set(c.ID, up)
					session.awaitState(t, c.ID, lb.Healthy, back)
				}
			})
		})
	}
}

func TestRetriesForgive(t *testing.T) {
	play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
		c := check(1)
		c.Retries = 5
		s.world.set(1, down)
		session := s.session(c)
		session.next(t, 0) // full
		wantReport(t, session.next(t, time.Second), lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 1, State: lb.Unhealthy}}})
		s.world.set(1, up)
		wantReport(t, session.next(t, 10*time.Second), lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 1, State: lb.Healthy}}})
		s.world.set(1, down)
		session.silent(t, 50*time.Second+time.Millisecond)
		wantReport(t, session.next(t, 10*time.Second), lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 1, State: lb.Unhealthy}}})
	})
}

func TestFirstProbesAtOnceThenSpread(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		const n = 1000
		var checks []lb.Check
		for i := range n {
			checks = append(checks, check(lb.CheckID(uint64(i)*0x9e3779b97f4a7c15)))
			s.world.set(checks[i].ID, up)
		}
		begin := time.Now()
		session := s.session(checks...)
		go func() {
			for range session.reports {
			}
		}()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		var second []time.Duration
		for _, c := range checks {
			times := s.world.times(c.ID)
			if len(times) < 4 || !times[0].Equal(begin) {
				t.Fatalf("check %x was probed at %v, want first at %v", c.ID, times, begin)
			}
			if wait := times[1].Sub(times[0]); wait > c.Interval {
				t.Errorf("check %x: second probe after %v", c.ID, wait)
			}
			for i := 2; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap != c.Interval {
					t.Errorf("check %x: %v between probes %d and %d", c.ID, gap, i, i+1)
				}
			}
			second = append(second, times[1].Sub(begin))
		}
		slices.Sort(second)
		// Evenly spread, any tenth of the interval holds about a tenth of them.
		for i := range 10 {
			from, to := time.Duration(i)*time.Second, time.Duration(i+1)*time.Second
			held := 0
			for _, d := range second {
				if d > from && d <= to {
					held++
				}
			}
			if held < n/20 || held > n/5 {
				t.Errorf("%d of %d second probes between %v and %v", held, n, from, to)
			}
		}
		close(session.reports)
	})
}

func TestFullReportFromTimeToTime(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		s.world.set(1, up)
		session := s.session(check(1))
		session.next(t, 0)
		session.next(t, time.Millisecond)
		session.silent(t, 14998*time.Millisecond)
		got := session.next(t, time.Millisecond)
		wantReport(t, got, lb.VerdictReport{Full: true, Verdicts: []lb.Verdict{{ID: 1, State: lb.Healthy}}})
		if got.Verdicts[0].Successes < 2 {
			t.Errorf("%d successes after 15 s of a 10 s check, want 2 or more", got.Verdicts[0].Successes)
		}
		session.silent(t, 14999*time.Millisecond)
		session.next(t, time.Millisecond)
	})
}

// TestSlowEngineGetsTheLatest holds one report back while verdicts change more
// than once: the next report has each check once, as it is by then.
func TestSlowEngineGetsTheLatest(t *testing.T) {
	play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
		checks := []lb.Check{check(1), check(2), check(3)}
		for i := range checks {
			checks[i].Interval = time.Second
			s.world.set(checks[i].ID, up)
		}
		session := s.session(checks...) // nobody takes the full report
		time.Sleep(1500 * time.Millisecond)
		s.world.set(1, down)
		s.world.set(2, down)
		time.Sleep(1500 * time.Millisecond)
		s.world.set(2, up)
		time.Sleep(1500 * time.Millisecond)
		if first := session.next(t, 0); !first.Full {
			t.Errorf("the first report is %+v, want the full one", first)
		}
		wantReport(t, session.next(t, 0), lb.VerdictReport{Verdicts: []lb.Verdict{
			{ID: 1, State: lb.Unhealthy}, {ID: 2, State: lb.Healthy}, {ID: 3, State: lb.Healthy},
		}})
		session.silent(t, 5*time.Second)
	})
}

func TestEngineRestart(t *testing.T) {
	play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
		s.world.set(1, up)
		s.world.set(2, up)
		session := s.session(check(1), check(2))
		session.awaitState(t, 1, lb.Healthy, time.Second)

		s.engine.setDown(true)
		close(session.broken)
		time.Sleep(time.Minute)
		synctest.Wait()
		if session.ctx.Err() == nil {
			t.Error("the broken session was not released")
		}
		if n := len(s.world.times(1)); n < 7 {
			t.Errorf("%d probes in a minute without an engine, want 7", n)
		}
		s.world.set(2, down)
		time.Sleep(time.Minute)
		s.engine.setDown(false)
		s.world.set(3, silent)

		before := time.Now()
		session = s.session(check(1), check(2), check(3))
		if waited := time.Since(before); waited > time.Second {
			t.Errorf("the engine was tried %v after its return", waited)
		}
		wantReport(t, session.first, lb.VerdictReport{Full: true, Verdicts: []lb.Verdict{
			{ID: 1, State: lb.Healthy}, {ID: 2, State: lb.Unhealthy},
		}})
		wantReport(t, session.next(t, 0), lb.VerdictReport{Full: true, Verdicts: []lb.Verdict{
			{ID: 1, State: lb.Healthy}, {ID: 2, State: lb.Unhealthy}, {ID: 3, State: lb.HealthUnknown},
		}})

		before = time.Now()
		close(session.broken)
		s.session()
		if waited := time.Since(before); waited > 50*time.Millisecond {
			t.Errorf("after a session that worked, the next one took %v, want 50 ms", waited)
		}
	})
}

func TestEngineIsTriedWithGrowingWaits(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		s.engine.setDown(true) // before the daemon's first attempt or just after
		time.Sleep(5 * time.Second)
		synctest.Wait()
		s.engine.mu.Lock()
		defer s.engine.mu.Unlock()
		var waits []time.Duration
		for i := 1; i < len(s.engine.attempts); i++ {
			waits = append(waits, s.engine.attempts[i].Sub(s.engine.attempts[i-1]))
		}
		ms := time.Millisecond
		want := []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, time.Second, time.Second, time.Second}
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Errorf("waits between attempts (-want +got):\n%s", diff)
		}
		if n := strings.Count(s.log.String(), "no session with the engine"); n != 1 {
			t.Errorf("%d lines about one absence:\n%s", n, s.log)
		}
	})
}

func TestSendFails(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		s.world.set(1, up)
		session := s.session(check(1))
		synctest.Wait() // a report is being sent
		close(session.broken)
		session = s.session(check(1))
		wantReport(t, session.first, lb.VerdictReport{Full: true, Verdicts: []lb.Verdict{{ID: 1, State: lb.Healthy}}})
	})
}

func TestRemovedCheck(t *testing.T) {
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprintf("full=%v", full), func(t *testing.T) {
			play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
				s.world.set(1, answer{ok: true, after: time.Second})
				s.world.set(2, up)
				session := s.session(check(1), check(2))
				session.next(t, 0)
				session.next(t, time.Millisecond)
				u := lb.CheckUpdate{Removed: []lb.CheckID{1, 77}}
				if full {
					u = lb.CheckUpdate{Full: true, Changed: []lb.Check{check(2)}}
				}
				session.updates <- u
				if full {
					wantReport(t, session.next(t, 0), lb.VerdictReport{Full: true, Verdicts: []lb.Verdict{{ID: 2, State: lb.Healthy}}})
				}
				session.silent(t, time.Minute) // nor does the probe in flight say anything
				if n := len(s.world.times(1)); n != 1 {
					t.Errorf("the removed check was probed %d times, want once, before", n)
				}
				// Wanted again, it begins anew.
				session.updates <- lb.CheckUpdate{Changed: []lb.Check{check(1)}}
				got := session.next(t, 2*time.Second).Verdicts
				if len(got) != 1 || got[0].Successes != 1 || got[0].State != lb.Healthy {
					t.Errorf("after its return: %+v, want healthy with 1 success", got)
				}
			})
		})
	}
}

func TestRemovedWhileItWaits(t *testing.T) {
	play(t, healthcheck.Config{Concurrency: 1}, func(s *scene) {
		s.world.set(1, silent)
		s.world.set(2, silent)
		session := s.session(check(1), check(2)) // the first has the only place
		synctest.Wait()
		session.updates <- lb.CheckUpdate{Removed: []lb.CheckID{2}}
		time.Sleep(20 * time.Second)
		if n := len(s.world.times(2)); n != 0 {
			t.Errorf("the check was removed before its turn and probed %d times", n)
		}
	})
}

func TestRemovedBeforeItsVerdictIsSent(t *testing.T) {
	play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
		s.world.set(1, up)
		s.world.set(2, up)
		session := s.session(check(1), check(2)) // nobody takes the full report
		time.Sleep(time.Second)
		session.updates <- lb.CheckUpdate{Removed: []lb.CheckID{2}}
		synctest.Wait()
		session.next(t, 0)
		wantReport(t, session.next(t, 0), lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 1, State: lb.Healthy}}})
	})
}

// TestWaitingCheckIsProbedOnce has a check miss several of its turns: it is
// not probed once for each.
func TestWaitingCheckIsProbedOnce(t *testing.T) {
	play(t, healthcheck.Config{Concurrency: 1}, func(s *scene) {
		often := check(2)
		often.Interval = time.Second
		s.world.set(1, silent)
		s.world.set(2, up)
		s.session(check(1), often)
		time.Sleep(5500 * time.Millisecond) // the silent one has the only place for 5 s
		if n := len(s.world.times(2)); n != 1 {
			t.Errorf("%d probes as soon as there was a place, want 1", n)
		}
	})
}

func TestChangedMarkKeepsTheVerdict(t *testing.T) {
	play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
		c := check(1)
		c.Mode, c.Mark = lb.DSR, 65536
		s.world.set(1, up)
		session := s.session(c)
		session.awaitState(t, 1, lb.Healthy, time.Second)
		time.Sleep(time.Second)
		c.Mark = 65540
		session.updates <- lb.CheckUpdate{Changed: []lb.Check{c}}
		session.silent(t, 20*time.Second)
		s.world.mu.Lock()
		marks := []uint32{}
		for _, seen := range s.world.seen {
			marks = append(marks, seen.Mark)
		}
		s.world.mu.Unlock()
		if marks[0] != 65536 || marks[len(marks)-1] != 65540 || len(marks) < 3 {
			t.Errorf("probes were sent with marks %v", marks)
		}
		session.updates <- lb.CheckUpdate{Full: true, Changed: []lb.Check{c}}
		got := session.next(t, 0).Verdicts[0]
		if got.State != lb.Healthy || int(got.Successes) != len(marks) {
			t.Errorf("%v with %d successes after %d probes", got.State, got.Successes, len(marks))
		}
	})
}

func TestOddDefinitions(t *testing.T) {
	tests := []struct {
		name                    string
		interval, timeout       time.Duration
		retries                 int
		fewest, most            int // probes in 60 s
		outWithin, upAgainAfter time.Duration
	}{
		{"zero interval", 0, time.Second, 0, 6, 8, 0, 0},
		{"negative interval", -time.Second, time.Second, 0, 6, 8, 0, 0},
		{"tiny interval", 1, time.Second, 0, 1000, 12002, 0, 0},
		{"zero timeout", 10 * time.Second, 0, 0, 6, 8, 0, 0},
		{"negative timeout", 10 * time.Second, -1, 0, 6, 8, 0, 0},
		{"negative retries", 10 * time.Second, time.Second, -5, 6, 8, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
				c := check(12345678901)
				c.Interval, c.Timeout, c.Retries = tt.interval, tt.timeout, tt.retries
				s.world.set(c.ID, answer{ok: true, after: time.Millisecond})
				session := s.session(c)
				session.awaitState(t, c.ID, lb.Healthy, time.Second)
				session.silent(t, time.Minute)
				if n := len(s.world.times(c.ID)); n < tt.fewest || n > tt.most {
					t.Errorf("%d probes in a minute, want %d to %d", n, tt.fewest, tt.most)
				}
				s.world.set(c.ID, down)
				session.awaitState(t, c.ID, lb.Unhealthy, 11*time.Second)
			})
		})
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	play(t, healthcheck.Config{Concurrency: 10}, func(s *scene) {
		var checks []lb.Check
		for i := range 100 {
			c := check(lb.CheckID(i + 1))
			c.Timeout = 100 * time.Millisecond
			checks = append(checks, c)
			s.world.set(c.ID, silent)
		}
		session := s.session(checks...)
		session.next(t, 0)
		done := 0
		for begin := time.Now(); time.Since(begin) <= time.Second; {
			done += len(session.next(t, time.Second).Verdicts)
			if done == 100 {
				break
			}
		}
		if done != 100 || s.world.most != 10 {
			t.Errorf("%d verdicts within 1 s, at most %d probes in flight; want 100 and 10", done, s.world.most)
		}
	})
}

// TestDeadTargetsDoNotDelayLiveOnes has many silent targets, each of which
// holds its place for a whole timeout.
func TestDeadTargetsDoNotDelayLiveOnes(t *testing.T) {
	play(t, healthcheck.Config{Concurrency: 1000, ReportInterval: time.Hour}, func(s *scene) {
		var checks []lb.Check
		for i := range 1000 {
			c := check(lb.CheckID(uint64(i+1) * 0x9e3779b97f4a7c15))
			s.world.set(c.ID, silent)
			if i%2 == 0 {
				s.world.set(c.ID, up)
			}
			checks = append(checks, c)
		}
		session := s.session(checks...)
		session.awaitState(t, checks[1].ID, lb.Unhealthy, 5*time.Second)
		time.Sleep(20 * time.Second)
		s.world.set(checks[0].ID, down)
		session.awaitState(t, checks[0].ID, lb.Unhealthy, 10*time.Second)
	})
}

// TestOvertakenResultDoesNotCount has a probe that times out after a later one
// has succeeded: the news is that the target serves.
func TestOvertakenResultDoesNotCount(t *testing.T) {
	play(t, healthcheck.Config{ReportInterval: time.Hour}, func(s *scene) {
		c := check(1)
		c.Interval, c.Timeout = time.Second, 5*time.Second
		s.world.set(1, up)
		session := s.session(c)
		session.awaitState(t, 1, lb.Healthy, time.Second)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		s.world.set(1, silent)
		time.Sleep(2 * time.Second) // two probes are stuck
		s.world.set(1, up)
		session.silent(t, time.Minute)
	})
}

func TestDryRun(t *testing.T) {
	play(t, healthcheck.Config{DryRun: true}, func(s *scene) {
		s.world.set(1, down)
		session := s.session(check(1))
		session.awaitState(t, 1, lb.Healthy, time.Second)
		time.Sleep(time.Minute)
		if n := len(s.world.times(1)); n != 0 {
			t.Errorf("%d probes were sent in a dry run", n)
		}
		if !strings.Contains(s.log.String(), "dry run") {
			t.Errorf("the log does not say that it is a dry run:\n%s", s.log)
		}
	})
}

func TestStopWithProbesInFlight(t *testing.T) {
	play(t, healthcheck.Config{Concurrency: 5}, func(s *scene) {
		var checks []lb.Check
		for i := range 20 {
			checks = append(checks, check(lb.CheckID(i+1)))
			s.world.set(checks[i].ID, silent)
		}
		s.session(checks...)
		synctest.Wait() // probes and a report are in flight; play stops the daemon
	})
}

// TestLog compares the whole log of a small story.
func TestLog(t *testing.T) {
	play(t, healthcheck.Config{}, func(s *scene) {
		plain, marked := check(1), check(2)
		marked.Kind, marked.Mode, marked.Mark = lb.CheckHTTP, lb.DSR, 65536
		marked.Send = "healthz"
		s.world.set(1, up)
		session := s.session(plain)
		session.awaitState(t, 1, lb.Healthy, time.Second)
		session.updates <- lb.CheckUpdate{Changed: []lb.Check{marked}}
		session.awaitState(t, 2, lb.Unhealthy, time.Second)
		s.world.set(1, down)
		session.awaitState(t, 1, lb.Unhealthy, 20*time.Second)
		close(session.broken)
		s.session(plain, marked)
		synctest.Wait()
		want := `level=INFO msg="session with the engine" checks=1
level=INFO msg="backend is healthy" backend=192.0.2.1 check="TCP port 80" old=unknown new=healthy reason=fine
level=INFO msg="backend is unhealthy" backend=192.0.2.1 vip=192.0.2.1 check="HTTP GET healthz port 80 DSR" old=unknown new=unhealthy reason=refused
level=INFO msg="backend is unhealthy" backend=192.0.2.1 check="TCP port 80" old=healthy new=unhealthy reason=refused
level=WARN msg="no session with the engine: the checks carry on and it is tried again" err="session broken"
level=INFO msg="session with the engine" checks=2
`
		if diff := cmp.Diff(want, s.log.String()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}
