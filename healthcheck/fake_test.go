package healthcheck_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"seesaw/healthcheck"
	"seesaw/healthcheck/probe"
	"seesaw/internal/lb"
)

// TestMain looks for goroutines left behind; it also lets the test binary be
// the benchmark's listener.
func TestMain(m *testing.M) {
	if os.Getenv(listenerEnv) != "" {
		fmt.Fprintln(os.Stderr, acceptAll())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var errBroken = errors.New("session broken")

// fakeEngine is an engine of whose sessions the test holds the other end.
type fakeEngine struct {
	mu       sync.Mutex
	down     bool
	attempts []time.Time
	sessions chan *fakeSession
}

func newFakeEngine() *fakeEngine { return &fakeEngine{sessions: make(chan *fakeSession, 16)} }

func (e *fakeEngine) Session(ctx context.Context) (healthcheck.Session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attempts = append(e.attempts, time.Now())
	if e.down {
		return nil, errors.New("connection refused")
	}
	s := &fakeSession{ctx: ctx, updates: make(chan lb.CheckUpdate), reports: make(chan lb.VerdictReport), broken: make(chan struct{})}
	e.sessions <- s
	return s, nil
}

func (e *fakeEngine) setDown(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// fakeSession hands updates to the daemon and takes reports from it, each only
// when the test does its half.
type fakeSession struct {
	ctx     context.Context
	updates chan lb.CheckUpdate
	reports chan lb.VerdictReport
	broken  chan struct{}
	first   lb.VerdictReport // before the engine said anything
}

func (s *fakeSession) Recv() (lb.CheckUpdate, error) {
	select {
	case u := <-s.updates:
		return u, nil
	case <-s.broken:
		return lb.CheckUpdate{}, errBroken
	case <-s.ctx.Done():
		return lb.CheckUpdate{}, s.ctx.Err()
	}
}

func (s *fakeSession) Send(r lb.VerdictReport) error {
	select {
	case s.reports <- r:
		return nil
	case <-s.broken:
		return errBroken
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// next is the next report; it fails the test when none comes within limit.
func (s *fakeSession) next(t *testing.T, limit time.Duration) lb.VerdictReport {
	t.Helper()
	select {
	case r := <-s.reports:
		return r
	case <-time.After(limit + 1): // fake time stands still while anybody can run
		t.Fatalf("no report within %v", limit)
		return lb.VerdictReport{}
	}
}

// silent fails the test when a report comes within d.
func (s *fakeSession) silent(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case r := <-s.reports:
		t.Fatalf("unexpected report %+v", r)
	case <-time.After(d):
	}
}

// awaitState takes reports until one has the check in a state, and returns
// how long that took.
func (s *fakeSession) awaitState(t *testing.T, id lb.CheckID, want lb.Health, limit time.Duration) time.Duration {
	t.Helper()
	begin := time.Now()
	for time.Since(begin) <= limit {
		for _, v := range s.next(t, limit-time.Since(begin)).Verdicts {
			if v.ID == id && v.State == want {
				return time.Since(begin)
			}
		}
	}
	t.Fatalf("check %d is not %v after %v", id, want, limit)
	return 0
}

// world is the backends: how each check's target answers, and when each was
// probed.
type world struct {
	mu      sync.Mutex
	answers map[lb.CheckID]answer
	probed  map[lb.CheckID][]time.Time
	seen    []lb.Check
	now     int // in flight
	most    int // in flight at most so far
}

// answer is a target's behaviour: it answers ok after a delay.
type answer struct {
	ok    bool
	after time.Duration
}

// Nothing answers in no time: a report that is made in the same instant comes
// first.
var (
	up     = answer{ok: true, after: time.Millisecond}
	down   = answer{after: time.Millisecond}
	silent = answer{after: time.Hour}
)

func newWorld() *world {
	return &world{answers: map[lb.CheckID]answer{}, probed: map[lb.CheckID][]time.Time{}}
}

func (w *world) set(id lb.CheckID, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[id] = a
}

func (w *world) times(id lb.CheckID) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.probed[id])
}

func (w *world) probe(ctx context.Context, c lb.Check) probe.Result {
	w.mu.Lock()
	a := w.answers[c.ID]
	w.probed[c.ID] = append(w.probed[c.ID], time.Now())
	w.seen = append(w.seen, c)
	w.now++
	w.most = max(w.most, w.now)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.now--
		w.mu.Unlock()
	}()
	if a.after > 0 {
		select {
		case <-ctx.Done():
			return probe.Result{Message: "timed out"}
		case <-time.After(a.after):
		}
	}
	if !a.ok {
		return probe.Result{Message: "refused"}
	}
	return probe.Result{OK: true, Message: "fine"}
}

// check is a check of 10 s and 5 s without retries.
func check(id lb.CheckID) lb.Check {
	return lb.Check{
		ID: id, Kind: lb.CheckTCP, Port: 80,
		Addr: netip.MustParseAddr("192.0.2.1"), Backend: netip.MustParseAddr("192.0.2.1"),
		Interval: 10 * time.Second, Timeout: 5 * time.Second,
	}
}

// scene is a daemon that runs in a bubble of fake time, with its engine, its
// backends and its log.
type scene struct {
	t      *testing.T
	engine *fakeEngine
	world  *world
	log    *bytes.Buffer
	stop   context.CancelFunc
}

// play runs f with a running daemon, and afterwards sees it stop.
func play(t *testing.T, cfg healthcheck.Config, f func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, engine: newFakeEngine(), world: newWorld(), log: &bytes.Buffer{}}
		log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
		d, err := healthcheck.New(cfg, s.engine, s.world.probe, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.stop = cancel
		ended := make(chan error)
		go func() { ended <- d.Run(ctx) }()
		defer func() {
			cancel()
			before := time.Now()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
			if late := time.Since(before); late > 0 {
				t.Errorf("Run returned %v after its context ended", late)
			}
		}()
		f(s)
	})
}

// session is the daemon's next session, after both sides' first messages but for the
// full report that answers the engine's update.
func (s *scene) session(checks ...lb.Check) *fakeSession {
	s.t.Helper()
	select {
	case session := <-s.engine.sessions:
		session.first = session.next(s.t, 0)
		if !session.first.Full {
			s.t.Errorf("the session began with %+v, want a full report", session.first)
		}
		session.updates <- lb.CheckUpdate{Full: true, Changed: checks}
		return session
	case <-time.After(10 * time.Second):
		s.t.Fatal("no session within 10 s")
		return nil
	}
}
