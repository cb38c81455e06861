package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

func TestEachHearsTheOther(t *testing.T) {
	r := newRig(t)
	a, b := r.start(r.a, r.b, r.good()), r.start(r.b, r.a, r.good())
	record := rec(t, "web=disabled@1a")
	a.Set(tell("a1", record))
	same(t, "b hears", b.hears("a1").Overrides, []lb.OverrideRecord{record})
	b.Set(tell("b1"))
	a.hears("b1")
	for i := range 20 {
		hash := fmt.Sprint("a", 2+i)
		a.Set(tell(hash))
		b.hears(hash)
	}
	a.once("link to the peer is up", "peer="+r.b.String())
}

func TestIPv6(t *testing.T) {
	r := newRig(t)
	for _, at := range []*netip.AddrPort{&r.a, &r.b} {
		lis, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		*at = lis.Addr().(*net.TCPAddr).AddrPort()
		lis.Close()
	}
	a, b := r.start(r.a, r.b, r.good()), r.start(r.b, r.a, r.good())
	a.Set(tell("a1"))
	b.Set(tell("b1"))
	a.hears("b1")
	b.hears("a1")
}

// Where one family fails the other one carries.
func TestTheOtherPath(t *testing.T) {
	r := newRig(t)
	b := r.start(r.b, r.a, r.good())
	b.Set(tell("b1"))
	nobody := netip.AddrPortFrom(r.b.Addr().Next(), Port)
	a := &node{t: t, log: &lockedBuffer{}, said: make(chan lb.PeerState), lost: make(chan error, 100)}
	l, err := New(Config{Paths: []Path{{netip.AddrPortFrom(r.a.Addr(), Port+1), nobody}, {r.a, r.b}}, Files: r.good(), Owner: a}, slog.New(slog.NewTextHandler(a.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	a.hears("b1")
	a.once("no link to the peer", nobody.String())
	cancel()
	<-done
}

func TestEitherRestarts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.start(r.a, r.b, r.good()), r.start(r.b, r.a, r.good())
	a.Set(tell("a1"))
	b.Set(tell("b1"))
	for i := range 3 {
		a.hears(fmt.Sprint("b", 1+i))
		b.hears("a1")
		b.stop()
		a.loses("engine is stopping")
		b = r.start(r.b, r.a, r.good())
		b.Set(tell(fmt.Sprint("b", 2+i)))
	}
	a.hears("b4")
}

func TestNothingIsSaidBeforeTheFirstSet(t *testing.T) {
	r := newRig(t)
	r.start(r.a, r.b, r.good())
	r.listening(r.a)
	m, err := r.follow(r.b.Addr(), r.a, r.good())
	if err != nil || m.GetState() != nil {
		t.Errorf("got %v, %v; want a message without a state", m, err)
	}
}

// Who may not is turned away each time, hears nothing, and is logged once.
func TestRefused(t *testing.T) {
	r := newRig(t)
	stranger := newRig(t).ca
	doubter := r.good()
	doubter.CA = stranger.File
	for name, tc := range map[string]struct {
		files rpc.TLSFiles
		from  netip.Addr
		logs  []string
	}{
		"expired":          {r.files(r.ca, time.Now().Add(-time.Minute)), r.b.Addr(), []string{"certificate has expired"}},
		"of another CA":    {r.files(stranger, time.Now().Add(time.Hour)), r.b.Addr(), []string{"certificate signed by unknown authority"}},
		"from elsewhere":   {r.good(), r.b.Addr().Next(), []string{"only the peer at", r.b.Addr().Next().String()}},
		"believes another": {doubter, r.b.Addr(), []string{"remote error", "tls: "}},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.t = t
			a := r.start(r.a, r.b, r.good())
			a.Set(tell("secret"))
			r.listening(r.a)
			for range 5 {
				if m, err := r.follow(tc.from, r.a, tc.files); err == nil {
					t.Fatalf("was told %v", m)
				}
			}
			a.once(append(tc.logs, "connection refused", "from="+tc.from.String())...)
			// Who may, still may.
			if m, err := r.follow(r.b.Addr(), r.a, r.good()); err != nil || m.GetState().GetConfig().GetHash() != "secret" {
				t.Errorf("the peer hears %v, %v", m, err)
			}
		})
	}
}

// withoutCertificate calls as the peer, with no certificate to show.
func (r *rig) withoutCertificate() error {
	r.t.Helper()
	raw, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: r.b.Addr().AsSlice()}}).Dial("tcp", r.a.String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(patience))
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	_, err = io.ReadAll(conn)
	return err
}

func TestNoClientCertificate(t *testing.T) {
	r := newRig(t)
	a := r.start(r.a, r.b, r.good())
	r.listening(r.a)
	for range 3 {
		if err := r.withoutCertificate(); err == nil {
			t.Fatal("let in without a certificate")
		}
	}
	a.once("connection refused", "didn't provide a certificate")
}

// A server that is not to be believed is never heard, and is logged once.
func TestServerRefused(t *testing.T) {
	r := newRig(t)
	for name, tc := range map[string]struct {
		files rpc.TLSFiles
		want  string
	}{
		"expired":       {r.files(r.ca, time.Now().Add(-time.Minute)), "certificate has expired"},
		"of another CA": {r.files(newRig(t).ca, time.Now().Add(time.Hour)), "certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.t = t
			tried := make(chan struct{}, 100)
			r.serve(r.b, tc.files, func(netip.Addr) error { tried <- struct{}{}; return nil }, fake{})
			a := r.start(r.a, r.b, r.good())
			for range 5 {
				select {
				case <-tried:
				case <-a.said:
					t.Fatal("was heard")
				case <-time.After(patience):
					t.Fatalf("gave up; log:\n%s", a.log)
				}
			}
			a.stop()
			a.once("no link to the peer", tc.want)
			if len(a.lost) != 1 {
				t.Errorf("owner was told %d times, want once", len(a.lost))
			}
		})
	}
}

func TestRenewedCertificateNeedsNoRestart(t *testing.T) {
	r := newRig(t)
	files := r.files(r.ca, time.Now().Add(-time.Minute))
	a, b := r.start(r.a, r.b, r.good()), r.start(r.b, r.a, files)
	a.Set(tell("a1"))
	b.Set(tell("b1"))
	b.loses("")
	r.ca.Issue(t, strings.TrimSuffix(files.Cert, "node.crt"), time.Now().Add(time.Hour))
	a.hears("b1")
	b.hears("a1")
}

func TestUnreadableFilesAreReadAgain(t *testing.T) {
	r := newRig(t)
	dir := t.TempDir()
	a, b := r.start(r.a, r.b, r.good()), r.start(r.b, r.a, rpc.TLSFiles{CA: r.ca.File, Cert: dir + "/node.crt", Key: dir + "/node.key"})
	a.Set(tell("a1"))
	b.loses("no such file")
	r.ca.Issue(t, dir, time.Now().Add(time.Hour))
	b.hears("a1")
}

// An address that is not free yet is waited for.
func TestAddressComesLater(t *testing.T) {
	r := newRig(t)
	squatter, err := net.Listen("tcp", r.a.String())
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.start(r.a, r.b, r.good()), r.start(r.b, r.a, r.good())
	a.Set(tell("a1"))
	b.Set(tell("b1"))
	a.hears("b1")
	squatter.Close()
	b.hears("a1")
	a.once("peer link does not listen", "address already in use")
}

// A follower that does not read keeps nobody else waiting, neither who sets nor
// another follower.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.start(r.a, r.b, r.good())
	r.listening(r.a)
	conn, err := rpc.DialTLS(r.good(), r.b.Addr(), r.a)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	slow, err := api.NewPeerClient(conn).Follow(t.Context(), &api.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	var many []lb.OverrideRecord
	for i := range 2000 {
		many = append(many, lb.OverrideRecord{Vserver: fmt.Sprintf("vserver-%d", i), State: lb.OverrideDisabled, Node: strings.Repeat("n", 100)})
	}
	for i := range 100 {
		a.Set(tell(fmt.Sprint("a", i), many...))
	}
	a.Set(tell("last"))
	if m, err := r.follow(r.b.Addr(), r.a, r.good()); err != nil || m.GetState().GetConfig().GetHash() != "last" {
		t.Errorf("another follower hears %v, %v", m.GetState().GetConfig(), err)
	}
	for n := 0; ; n++ {
		m, err := slow.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.GetState().GetConfig().GetHash() == "last" {
			t.Logf("the slow one was spared %d of 100 states", 100-n)
			break
		}
	}
}

// An owner that blocks keeps its own link waiting, not the peer's, and is not
// taken for a peer's silence.
func TestSlowOwner(t *testing.T) {
	r := newRig(t)
	hasty := usual
	hasty.silence = 200 * time.Millisecond
	a, b := r.startAt(hasty, r.a, r.b, r.good()), r.start(r.b, r.a, r.good())
	b.Set(tell("b1"))
	defer func() {
		<-time.After(2 * hasty.silence)
		b.Set(tell("b2"))
		a.hears("b2")
		a.once("link to the peer is up")
	}()
	for i := range 10 { // nobody takes what a is told
		hash := fmt.Sprint("a", i)
		a.Set(tell(hash))
		b.hears(hash)
	}
}

// fake is a peer that says what the test says.
type fake struct {
	api.UnimplementedPeerServer
	talk func(grpc.ServerStreamingServer[api.PeerMessage]) error
}

func (f fake) Follow(_ *api.Empty, s grpc.ServerStreamingServer[api.PeerMessage]) error {
	return f.talk(s)
}

// serve runs a fake peer until the test ends.
func (r *rig) serve(at netip.AddrPort, files rpc.TLSFiles, from func(netip.Addr) error, f fake) {
	r.t.Helper()
	lis, err := net.Listen("tcp", at.String())
	if err != nil {
		r.t.Fatal(err)
	}
	srv := rpc.NewTLSServer(slog.New(slog.DiscardHandler), files, from)
	api.RegisterPeerServer(srv, f)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- rpc.Serve(ctx, srv, lis) }()
	r.t.Cleanup(func() { cancel(); <-done })
}

func anyone(netip.Addr) error { return nil }

func TestSilentPeerIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(r.b, r.good(), anyone, fake{talk: func(s grpc.ServerStreamingServer[api.PeerMessage]) error {
		if err := s.Send(&api.PeerMessage{State: wire.ToPeerState(tell("b1"))}); err != nil {
			return err
		}
		<-s.Context().Done() // alive, but says no more
		return nil
	}})
	a := r.start(r.a, r.b, r.good())
	a.hears("b1")
	a.loses("the peer is silent")
	a.hears("b1") // joined again
}

func TestBeatsKeepTheLinkUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	enough := make(chan struct{})
	r.serve(r.b, r.good(), anyone, fake{talk: func(s grpc.ServerStreamingServer[api.PeerMessage]) error {
		// Twice as long as a peer may be silent.
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 40 {
			if err := s.Send(&api.PeerMessage{}); err != nil {
				return err
			}
			<-tick.C
		}
		close(enough)
		<-s.Context().Done()
		return nil
	}})
	a := r.start(r.a, r.b, r.good())
	select {
	case <-enough:
	case err := <-a.lost:
		t.Errorf("lost the peer: %v", err)
	case <-time.After(patience):
		t.Error("no end")
	}
}

func TestNonsenseIsLeftOutAndTheRestHeard(t *testing.T) {
	r := newRig(t)
	good := rec(t, "web=disabled@1b")
	r.serve(r.b, r.good(), anyone, fake{talk: func(s grpc.ServerStreamingServer[api.PeerMessage]) error {
		for _, hash := range []string{"b1", "b2", "b3"} {
			if err := s.Send(&api.PeerMessage{State: wire.ToPeerState(tell(hash, good, lb.OverrideRecord{Vserver: "dns", State: 77}))}); err != nil {
				return err
			}
		}
		<-s.Context().Done()
		return nil
	}})
	a := r.start(r.a, r.b, r.good())
	same(t, "heard", a.hears("b3").Overrides, []lb.OverrideRecord{good})
	a.stop()
	a.once("not all that the peer says can be believed", "override(77)")
}

func TestGarbageHurtsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.start(r.a, r.b, r.good())
	a.Set(tell("a1"))
	r.listening(r.a)
	for _, bytes := range []string{"", "GET / HTTP/1.0\r\n\r\n", strings.Repeat("\xff", 1<<16), "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"} {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: r.b.Addr().AsSlice()}}).Dial("tcp", r.a.String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		conn.Write([]byte(bytes)) // the server may hang up half way
		conn.Close()
	}
	if m, err := r.follow(r.b.Addr(), r.a, r.good()); err != nil || m.GetState().GetConfig().GetHash() != "a1" {
		t.Errorf("after the garbage the peer hears %v, %v", m, err)
	}
}

func TestNewRefuses(t *testing.T) {
	r := newRig(t)
	log := slog.New(slog.DiscardHandler)
	paths := []Path{{r.a, r.b}}
	for name, tc := range map[string]struct {
		cfg Config
		log *slog.Logger
	}{
		"no path":  {Config{Owner: &node{}}, log},
		"no owner": {Config{Paths: paths}, log},
		"no log":   {Config{Paths: paths, Owner: &node{}}, nil},
	} {
		if _, err := New(tc.cfg, tc.log); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func TestPauseGrowsToItsBound(t *testing.T) {
	l := &Link{pace: pace{first: 1, longest: 5}}
	wait := l.pace.first
	var got []time.Duration
	for range 5 {
		got = append(got, wait)
		wait = l.pause(t.Context(), wait)
	}
	if want := "[1ns 2ns 4ns 5ns 5ns]"; fmt.Sprint(got) != want {
		t.Errorf("waits are %v, want %s", got, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	l.pause(ctx, time.Hour) // returns
}

func TestLostInPlainWords(t *testing.T) {
	silent, cancel := context.WithCancelCause(t.Context())
	cancel(errSilent)
	for name, tc := range map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"silent":      {silent, status.Error(codes.Canceled, "context canceled"), "the peer is silent"},
		"its words":   {t.Context(), status.Error(codes.Unavailable, "engine is stopping"), "engine is stopping"},
		"unwrapped":   {t.Context(), status.Error(codes.Unavailable, `connection error: desc = "transport: says \"no\""`), `says "no"`},
		"not quoted":  {t.Context(), status.Error(codes.Unavailable, "connection error: desc = none"), "connection error: desc = none"},
		"hung up":     {t.Context(), status.Error(codes.Unavailable, "write: broken pipe"), "write: broken pipe (if it refuses us, its own log says why)"},
		"not of gRPC": {t.Context(), io.EOF, "EOF (if it refuses us, its own log says why)"},
	} {
		if got := lost(tc.ctx, tc.err); got.Error() != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
