package ha

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	own  = netip.MustParseAddr("192.0.2.1")
	peer = netip.MustParseAddr("192.0.2.2")
)

// pair is a config whose down interval is 700 ms: 3·200 ms and a skew of 100 ms.
func pair() lb.HAConfig {
	return lb.HAConfig{
		Enabled: true, Interface: "node0", LBInterface: "lb0", Local: own, Group: vrrp.GroupIPv4(), Peer: true,
		VRID: 60, Priority: 128, Interval: 200 * time.Millisecond, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.3")},
	}
}

func alone() lb.HAConfig {
	c := pair()
	c.Peer = false
	return c
}

// stage is a daemon among fakes that write down what it says, in a bubble of
// testing/synctest. Its engine says something every second.
type stage struct {
	t     *testing.T
	begun time.Time
	cfg   Config
	end   func() // ends the daemon and waits for it

	mu      sync.Mutex
	lines   []string // what was sent and reported, leaving out repetition
	advert  int      // the priority last sent
	last    lb.HAReport
	reports []time.Time
	adverts []time.Time
	pause   time.Duration // for which the host was suspended

	// The engine.
	dir   lb.HADirective
	mute  bool // says nothing
	stuck bool // takes nothing
	away  bool // cannot be joined
	leave context.CancelFunc
	said  chan struct{} // closed to have it speak at once

	// The wire and the links.
	openErr, sendErr error
	open             int // wires that are open
	opened           int // wires that were opened
	ears             chan heard
	deaf             chan error
	links            chan Link
	watched          []string
}

func newStage(t *testing.T, conf lb.HAConfig) *stage {
	s := &stage{
		t: t, begun: time.Now(), advert: -1, dir: lb.HADirective{Config: conf}, said: make(chan struct{}),
		ears: make(chan heard), deaf: make(chan error), links: make(chan Link),
	}
	s.cfg = Config{
		Join: s.join, Open: s.openWire, Watch: s.watch,
		Now: func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return time.Now().Add(s.pause) },
	}
	return s
}

// start runs the daemon until everything that happens at once has happened.
func (s *stage) start() {
	d, err := New(s.cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	s.end = func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run = %v", err)
		}
		if s.open != 0 {
			s.t.Errorf("%d wires are open after Run", s.open)
		}
	}
	synctest.Wait()
}

// wait lets time pass.
func (s *stage) wait(d time.Duration) { time.Sleep(d); synctest.Wait() }

// set changes what the fakes do.
func (s *stage) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// speak has the engine say something at once that has changed.
func (s *stage) speak(change func(*lb.HADirective)) {
	s.set(func() { change(&s.dir); close(s.said); s.said = make(chan struct{}) })
}

// tell is speak, and what comes of it.
func (s *stage) tell(change func(*lb.HADirective)) {
	s.speak(change)
	synctest.Wait()
	s.set(func() { s.dir.Failover = false })
}

// breakUp ends the conversation with the engine.
func (s *stage) breakUp(away bool) {
	s.set(func() { s.away = away; s.leave() })
	synctest.Wait()
}

// hear puts an advert of the peer on the wire.
func (s *stage) hear(priority uint8) {
	s.ears <- heard{vrrp.Advert{VRID: 60, Priority: priority, Interval: 200 * time.Millisecond}, Source{Addr: peer}}
	synctest.Wait()
}

// link changes a link.
func (s *stage) link(l Link) { s.links <- l; synctest.Wait() }

func (s *stage) note(format string, args ...any) {
	s.lines = append(s.lines, time.Since(s.begun).String()+" "+fmt.Sprintf(format, args...))
}

func (s *stage) expect(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.lines); diff != "" {
		s.t.Errorf("transcript (-want +got):\n%s", diff)
	}
}

func (s *stage) sent(since time.Duration) (n int) {
	for _, at := range s.adverts {
		if at.Sub(s.begun) >= since {
			n++
		}
	}
	return n
}

var errGone = errors.New("the engine is not there")

func (s *stage) join(ctx context.Context) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, errGone
	}
	ctx, s.leave = context.WithCancel(ctx)
	return &talk{s: s, ctx: ctx}, nil
}

// talk is the engine's side of a conversation.
type talk struct {
	s     *stage
	ctx   context.Context
	spoke bool
}

func (c *talk) Send(r lb.HAReport) error {
	c.s.mu.Lock()
	stuck := c.s.stuck
	c.s.mu.Unlock()
	if stuck {
		<-c.ctx.Done()
	}
	if c.ctx.Err() != nil {
		return errGone
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if r.Role != c.s.last.Role || r.Reason != c.s.last.Reason || len(c.s.reports) == 0 {
		c.s.note("%s: %s", r.Role, r.Reason)
	}
	c.s.last = r
	c.s.reports = append(c.s.reports, time.Now())
	return nil
}

func (c *talk) Recv() (lb.HADirective, error) {
	for {
		if c.spoke {
			c.s.mu.Lock()
			said := c.s.said
			c.s.mu.Unlock()
			timer := time.NewTimer(time.Second)
			select {
			case <-said:
			case <-timer.C:
			case <-c.ctx.Done():
				return lb.HADirective{}, errGone
			}
		}
		c.spoke = true
		c.s.mu.Lock()
		mute, dir := c.s.mute, c.s.dir
		c.s.mu.Unlock()
		if !mute {
			return dir, nil
		}
	}
}

func (s *stage) openWire(conf lb.HAConfig) (Wire, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.openErr != nil {
		return nil, s.openErr
	}
	s.open++
	s.opened++
	on := ""
	if conf.Interface != "node0" {
		on = " on " + conf.Interface
	}
	return &fakeWire{s, on, make(chan struct{})}, nil
}

type fakeWire struct {
	s      *stage
	on     string
	closed chan struct{}
}

func (w *fakeWire) Send(a vrrp.Advert) error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.sendErr != nil {
		return w.s.sendErr
	}
	if int(a.Priority) != w.s.advert {
		w.s.note("advert %d%s", a.Priority, w.on)
	}
	w.s.advert = int(a.Priority)
	w.s.adverts = append(w.s.adverts, time.Now())
	return nil
}

func (w *fakeWire) Run(ctx context.Context, heard func(vrrp.Advert, Source)) error {
	for {
		select {
		case h := <-w.s.ears:
			heard(h.advert, h.from)
		case err := <-w.s.deaf:
			return err
		case <-w.closed:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *fakeWire) Close() error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.open--
	close(w.closed)
	return nil
}

func (s *stage) watch(ctx context.Context, names []string, changed func(Link)) {
	s.set(func() { s.watched = slices.Clone(names) })
	for {
		select {
		case l := <-s.links:
			changed(l)
		case <-ctx.Done():
			return
		}
	}
}

// play runs a script in a bubble and compares what was said until its end.
func play(t *testing.T, conf lb.HAConfig, script func(*stage), want ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, conf)
		script(s)
		s.end()
		s.expect(want...)
	})
}
