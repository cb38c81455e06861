package peer

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"seesaw/internal/lb"
	"seesaw/internal/nettest"
	"seesaw/internal/rpc"
	"seesaw/proto/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// rig is a cable with an authority whom both ends believe.
type rig struct {
	t    *testing.T
	ca   *nettest.Authority
	a, b netip.AddrPort
}

var cables atomic.Uint32

// newRig has addresses of its own on the loopback interface.
func newRig(t *testing.T) *rig {
	t.Helper()
	n := cables.Add(1)
	at := func(host byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(1 + os.Getpid()%250), byte(n), host}), Port)
	}
	return &rig{t: t, ca: nettest.NewAuthority(t), a: at(1), b: at(2)}
}

// files issues a certificate.
func (r *rig) files(ca *nettest.Authority, until time.Time) rpc.TLSFiles {
	cert, key := ca.Issue(r.t, r.t.TempDir(), until)
	return rpc.TLSFiles{CA: r.ca.File, Cert: cert, Key: key}
}

func (r *rig) good() rpc.TLSFiles { return r.files(r.ca, time.Now().Add(time.Hour)) }

// node is one end, with what its owner was told.
type node struct {
	*Link
	t    *testing.T
	log  *lockedBuffer
	said chan lb.PeerState
	lost chan error
	stop func()
}

func (n *node) PeerSaid(ctx context.Context, s lb.PeerState) {
	select {
	case n.said <- s:
	case <-ctx.Done():
	}
}

func (n *node) PeerLost(ctx context.Context, err error) {
	select {
	case n.lost <- err:
	case <-ctx.Done():
	}
}

// usual is faster than in earnest.
var usual = pace{beat: 20 * time.Millisecond, silence: 2 * time.Second, first: 5 * time.Millisecond, longest: 50 * time.Millisecond}

func (r *rig) start(from, to netip.AddrPort, files rpc.TLSFiles) *node {
	r.t.Helper()
	return r.startAt(usual, from, to, files)
}

// startAt runs a link from one address to another until the test ends or stop is
// called.
func (r *rig) startAt(p pace, from, to netip.AddrPort, files rpc.TLSFiles) *node {
	r.t.Helper()
	n := &node{t: r.t, log: &lockedBuffer{}, said: make(chan lb.PeerState), lost: make(chan error, 100)}
	l, err := New(Config{Paths: []Path{{from, to}}, Files: files, Owner: n}, slog.New(slog.NewTextHandler(n.log, nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	l.pace = p
	n.Link = l
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("run: %v", err)
		}
	})
	r.t.Cleanup(n.stop)
	return n
}

// tell is a state that is known by its config hash.
func tell(hash string, records ...lb.OverrideRecord) lb.PeerState {
	return lb.PeerState{Config: lb.ConfigVersion{Hash: hash}, Overrides: records}
}

// hears waits until the peer has said something.
func (n *node) hears(hash string) lb.PeerState {
	n.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case s := <-n.said:
			if s.Config.Hash == hash {
				return s
			}
		case <-timeout:
			n.t.Fatalf("did not hear %q; log:\n%s", hash, n.log)
		}
	}
}

// loses waits until the link is down for a reason.
func (n *node) loses(reason string) {
	n.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case err := <-n.lost:
			if strings.Contains(err.Error(), reason) {
				return
			}
		case <-n.said:
		case <-timeout:
			n.t.Fatalf("did not lose the peer for %q; log:\n%s", reason, n.log)
		}
	}
}

// once fails unless exactly one line of the log has all the words.
func (n *node) once(words ...string) {
	n.t.Helper()
	count := 0
	for line := range strings.Lines(n.log.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			count++
		}
	}
	if count != 1 {
		n.t.Errorf("%d lines with %q, want 1:\n%s", count, words, n.log)
	}
}

// follow calls a node as its peer would; it returns once it was heard or not
// let in.
func (r *rig) follow(from netip.Addr, to netip.AddrPort, files rpc.TLSFiles) (*api.PeerMessage, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	conn, err := rpc.DialTLS(files, from, to)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stream, err := api.NewPeerClient(conn).Follow(ctx, &api.Empty{})
	if err != nil {
		return nil, err
	}
	return stream.Recv()
}

// listening waits until a node answers on its address.
func (r *rig) listening(at netip.AddrPort) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", at.String())
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			r.t.Fatal(err)
		}
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
