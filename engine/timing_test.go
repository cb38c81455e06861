package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seesaw/engine/core"
	"seesaw/internal/config"
	"seesaw/internal/lb"
	"seesaw/internal/rpc"
)

// stub is an ncc that says what it is told to and counts.
type stub struct {
	mu      sync.Mutex
	updates []lb.Update
	err     error
	hang    bool // until the caller gives up
	reads   int
	stats   []lb.ServiceStatistics
}

func (s *stub) Apply(ctx context.Context, u lb.Update) (lb.Report, error) {
	s.mu.Lock()
	s.updates = append(s.updates, u)
	err, hang := s.err, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		err = ctx.Err()
	}
	return lb.Report{Version: u.Version}, err
}

func (s *stub) Statistics(ctx context.Context) ([]lb.ServiceStatistics, error) {
	s.mu.Lock()
	s.reads++
	list, err, hang := s.stats, s.err, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		err = ctx.Err()
	}
	return list, err
}

func (s *stub) set(err error, hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hang = err, hang
}

// taken returns how many updates there were since it was last asked.
func (s *stub) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.updates)
	s.updates = nil
	return n
}

// inBubble runs all of an engine but its socket in a bubble with a clock of its
// own.
func inBubble(t *testing.T, test func(t *testing.T, e *Engine, ncc *stub, log *logged)) {
	dir := t.TempDir()
	node, err := config.ParseNode("seesaw.cfg", []byte(nodeText))
	if err != nil {
		t.Fatal(err)
	}
	node.StateDir = filepath.Join(dir, "state")
	file := filepath.Join(dir, "cluster.pb")
	if err := os.WriteFile(file, []byte(head+dns), 0o644); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ncc, log := &stub{}, &logged{}
		e, err := New(Config{Node: node, ClusterFile: file}, ncc, log.logger())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, task := range []func(context.Context) error{e.loop, e.configure, e.applier, e.saver.run} {
			wg.Go(func() { task(ctx) })
		}
		synctest.Wait()
		test(t, e, ncc, log)
		cancel()
		wg.Wait()
	})
}

func TestLeaseIsRenewedEverySecond(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *Engine, ncc *stub, _ *logged) {
		if n := ncc.taken(); n != 1 {
			t.Errorf("%d updates at the start, want 1", n)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		if n := ncc.taken(); n != 10 {
			t.Errorf("%d renewals in 10 s, want 10", n)
		}
	})
}

// An ncc that fails is asked again soon, then once a second; one line tells of
// it and one of its return.
func TestRetryAfterFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *Engine, ncc *stub, log *logged) {
		ncc.taken()
		ncc.set(errAway, false)
		time.Sleep(2 * time.Second)
		if n := ncc.taken(); n < 3 || n > 6 {
			t.Errorf("%d tries in the second after the first failure, want 3 to 6", n)
		}
		time.Sleep(60 * time.Second)
		if n := ncc.taken(); n < 58 || n > 62 {
			t.Errorf("%d tries in a minute, want 60", n)
		}
		ncc.set(nil, false)
		time.Sleep(2 * time.Second)
		if n := strings.Count(log.String(), "ncc did not take"); n != 1 {
			t.Errorf("%d lines of failure, want 1", n)
		}
		if n := strings.Count(log.String(), "ncc answers again"); n != 1 {
			t.Errorf("%d lines of success, want 1", n)
		}
	})
}

// An ncc that never answers is given up after a while; the loop goes on.
func TestHangingNCC(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine, ncc *stub, log *logged) {
		ncc.set(nil, true)
		time.Sleep(2 * time.Second)
		if err := e.on(t.Context(), func(now time.Time) { e.step(now, core.HAReported{Report: lb.HAReport{Role: lb.RoleLeader}}) }); err != nil {
			t.Error(err)
		}
		time.Sleep(applyTimeout)
		if !strings.Contains(log.String(), "deadline exceeded") {
			t.Errorf("log says\n%s", log)
		}
		ncc.set(nil, false)
		ncc.taken()
		time.Sleep(applyTimeout + 2*time.Second)
		if ncc.taken() == 0 {
			t.Error("it is not asked any more")
		}
	})
}

// What waits to be told counts before a deadline: a loop that was held up does
// not take ha for silent.
func TestLateLoopHearsFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine, _ *stub, log *logged) {
		leader := func(now time.Time) {
			e.step(now, core.HAReported{Report: lb.HAReport{Role: lb.RoleLeader}})
		}
		if err := e.on(t.Context(), leader); err != nil {
			t.Fatal(err)
		}
		for range 20 { // select chooses at random: be sure
			var heldUp sync.WaitGroup
			heldUp.Go(func() { e.on(t.Context(), func(time.Time) { time.Sleep(time.Minute) }) })
			synctest.Wait()
			heldUp.Go(func() { e.on(t.Context(), leader) })
			heldUp.Wait()
			synctest.Wait()
		}
		if strings.Contains(log.String(), "ha is silent") {
			t.Errorf("ha had spoken, but the log says\n%s", log)
		}
		time.Sleep(time.Minute)
		if !strings.Contains(log.String(), "ha is silent") {
			t.Errorf("ha was silent, but the log says\n%s", log)
		}
	})
}

func TestFileIsFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine, ncc *stub, log *logged) {
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(e.src.File, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			time.Sleep(pollEvery)
			synctest.Wait()
		}
		loaded := func() (n int) {
			e.on(t.Context(), func(time.Time) { n = len(e.boot.loaded.Vservers) })
			return n
		}
		write(head + dns + web)
		if n := loaded(); n != 2 {
			t.Errorf("%d vservers, want 2 a minute after the file was written", n)
		}
		write("colour: 5")
		time.Sleep(10 * pollEvery)
		if n := strings.Count(log.String(), "the cluster file is refused: what was in force stays"); n != 1 || loaded() != 2 {
			t.Errorf("%d lines about one broken file, %d vservers; want 1 and 2", n, loaded())
		}
		if _, err := e.setSource(t.Context(), "none"); err != nil {
			t.Fatal(err)
		}
		write(head)
		if n := loaded(); n != 2 {
			t.Errorf("%d vservers, want 2: the source is none", n)
		}
		if _, err := e.setSource(t.Context(), "disk"); err != nil || loaded() != 0 {
			t.Errorf("%d vservers, %v; want none: the source is disk again", loaded(), err)
		}
	})
}

func TestCallsWhileStopping(t *testing.T) {
	dir := t.TempDir()
	node, err := config.ParseNode("seesaw.cfg", []byte(nodeText))
	if err != nil {
		t.Fatal(err)
	}
	node.StateDir = dir
	e, err := New(Config{Node: node}, &stub{}, (&logged{}).logger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.on(ctx, func(time.Time) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("caller has gone: %v", err)
	}
	if err := e.afterBoot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("caller has gone: %v", err)
	}
	e.loop(ctx)
	_, reload := e.reload(t.Context())
	for name, err := range map[string]error{
		"call": e.on(t.Context(), func(time.Time) {}), "question": e.afterBoot(t.Context()), "reload": reload,
	} {
		if !errors.Is(err, errStopping) {
			t.Errorf("%s after the end: %v, want %v", name, err, errStopping)
		}
	}
}

func TestStatisticsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ncc := &stub{stats: []lb.ServiceStatistics{{Key: lb.ServiceKey{Port: 80}}}}
		s := statistics{ncc: ncc}
		reads := func(want int, what string) {
			t.Helper()
			if ncc.reads != want {
				t.Errorf("%s: %d reads, want %d", what, ncc.reads, want)
			}
		}
		for range 5 {
			if got := s.read(t.Context()); len(got) != 1 {
				t.Errorf("got %v", got)
			}
		}
		reads(1, "five at once")
		time.Sleep(statsMaxAge)
		s.read(t.Context())
		reads(2, "a second later")

		time.Sleep(statsMaxAge)
		ncc.set(nil, true)
		began := time.Now()
		for range 5 {
			if got := s.read(t.Context()); got != nil {
				t.Errorf("got old counters %v", got)
			}
		}
		reads(3, "ncc hangs")
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("five had to wait %v together, want 5 s", took)
		}
	})
}

// Of several versions of a file the last is on the disk in the end, and nobody
// waits for the disk.
func TestSaver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		s := newSaver(log.logger())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.run(ctx) })
		var written []string
		version := func(v string) func() error {
			return func() error { time.Sleep(time.Second); written = append(written, v); return nil }
		}
		began := time.Now()
		s.save("a", version("a1"))
		synctest.Wait()
		s.save("a", version("a2"))
		s.save("a", version("a3"))
		if time.Since(began) > 0 {
			t.Error("saving waits for the disk")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := strings.Join(written, " "); got != "a1 a3" {
			t.Errorf("written %s, want a1 a3", got)
		}
		s.save("b", func() error { return errors.New("disk full") })
		s.saveJSON("c", func() {})
		synctest.Wait()
		cancel()
		wg.Wait()
		s.save("a", version("a4"))
		s.flush()
		if got := strings.Join(written, " "); got != "a1 a3 a4" {
			t.Errorf("written %s, want a4 at last", got)
		}
		for _, want := range []string{"disk full", "unsupported type"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log lacks %q:\n%s", want, log)
			}
		}
	})
}

func TestWhatIsRemembered(t *testing.T) {
	dir, log := t.TempDir(), &logged{}
	if marks, overrides := remembered(dir, log.logger()); marks != nil || overrides != nil || log.String() != "" {
		t.Errorf("of nothing: %v, %v, log %s", marks, overrides, log)
	}
	for name, text := range map[string]string{marksFile: `{"a": 300}`, overridesFile: `{"web": "disabled", "x": "sideways"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	marks, overrides := remembered(dir, log.logger())
	if marks["a"] != 300 || overrides != nil {
		t.Errorf("got %v and %v, want the marks, and no half of a broken file", marks, overrides)
	}
	if !strings.Contains(log.String(), overridesFile) || !strings.Contains(log.String(), "sideways") {
		t.Errorf("log %s", log)
	}
}

// Overrides are read as they are written, and as they were before they had a
// time.
func TestOverridesAreReadInBothForms(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []lb.OverrideRecord
	}{
		"first form": {`{"web": "disabled", "dns": "enabled"}`, []lb.OverrideRecord{
			{Vserver: "dns", State: lb.OverrideEnabled}, {Vserver: "web", State: lb.OverrideDisabled},
		}},
		"none, first form": {`{}`, nil},
		"this form": {`[{"vserver": "web", "state": "default", "time": "2026-01-02T03:04:05.000000006Z", "node": "192.0.2.1"}]`, []lb.OverrideRecord{
			{Vserver: "web", Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Node: "192.0.2.1"},
		}},
		"none": {`[]`, []lb.OverrideRecord{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, log := t.TempDir(), &logged{}
			file := filepath.Join(dir, overridesFile)
			if err := os.WriteFile(file, []byte(tc.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, got := remembered(dir, log.logger())
			if d := cmp.Diff(tc.want, got); d != "" || log.String() != "" {
				t.Fatalf("read (-want +got):\n%s\nlog %s", d, log)
			}
			s := newSaver(log.logger())
			s.saveJSON(file, got)
			s.flush()
			if _, again := remembered(dir, log.logger()); !cmp.Equal(got, again, cmpopts.EquateEmpty()) {
				t.Errorf("read again: %v, want %v", again, got)
			}
		})
	}
}

// A daemon that does not take what it is sent is cut off when its queue is full,
// and only then.
func TestSlowSessionIsCut(t *testing.T) {
	s, ctx := newSession[int](t.Context(), 3)
	for i := range 3 {
		s.push(i)
		if ctx.Err() != nil {
			t.Fatalf("cut off with %d in its queue", i+1)
		}
	}
	s.push(3)
	if ctx.Err() == nil {
		t.Error("goes on although something was lost")
	}
	s.push(4) // and again, harmless
}

func TestWhoMayCallWhat(t *testing.T) {
	us := uint32(os.Getuid())
	for name, tc := range map[string]struct {
		uid    uint32
		method string
		ok     bool
	}{
		"root joins as ha":              {0, "/seesaw.api.Engine/HA", true},
		"we join as healthcheck":        {us, "/seesaw.api.Engine/Healthchecks", true},
		"stranger joins as ha":          {us + 4711, "/seesaw.api.Engine/HA", false},
		"stranger joins as healthcheck": {us + 4711, "/seesaw.api.Engine/Healthchecks", false},
		"stranger asks":                 {us + 4711, "/seesaw.api.Engine/HAStatus", true},
	} {
		if err := allow(rpc.Caller{UID: tc.uid}, tc.method); (err == nil) != tc.ok {
			t.Errorf("%s: %v, want allowed %v", name, err, tc.ok)
		}
	}
}
