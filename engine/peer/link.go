package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
)

// Port is where a node listens for its peer.
const Port = 10258

// Owner is told what is heard of the peer. Calls come one at a time; they may
// block, which only delays the next.
type Owner interface {
	// PeerSaid hands over the peer's whole state: the link is up.
	PeerSaid(ctx context.Context, s lb.PeerState)
	// PeerLost says that the peer is not heard, and why: when the link breaks, and
	// again if the reason changes while it is down.
	PeerLost(ctx context.Context, why error)
}

// Path is the pair of addresses that the link uses in one family.
type Path struct{ Local, Peer netip.AddrPort }

// Config is what a Link is made from.
type Config struct {
	// Paths has one entry for each family that both nodes have. The node listens
	// on all; it dials one after the other until the peer answers.
	Paths []Path
	Files rpc.TLSFiles
	Owner Owner
}

// pace is how fast a link does what it does by the clock.
type pace struct {
	// beat is the pause between messages when there is nothing to say, silence how
	// long the peer may say nothing.
	beat, silence time.Duration
	// first and longest are the pauses after a failure.
	first, longest time.Duration
}

// Link is one node's end of the link to its peer.
type Link struct {
	cfg  Config
	log  *slog.Logger
	pace pace
	// What was logged of the connection, and of what came over it.
	failures, doubts rpc.Repeats

	mu      sync.Mutex // guards those below
	ours    *lb.PeerState
	changed chan struct{} // closed by the next Set
}

// New makes a link. It starts nothing; files that cannot be read are logged when
// the link runs, and tried again.
func New(cfg Config, log *slog.Logger) (*Link, error) {
	if len(cfg.Paths) == 0 || cfg.Owner == nil || log == nil {
		return nil, errors.New("peer link: a path, an owner and a log are required (the nodes need addresses of one family)")
	}
	return &Link{
		cfg: cfg, log: log,
		pace:    pace{beat: time.Second, silence: 4 * time.Second, first: 100 * time.Millisecond, longest: 2 * time.Second},
		changed: make(chan struct{}),
	}, nil
}

// Set makes s what the peer is told. It never waits for the peer. What s refers
// to must not be changed any more. Before the first Set the peer is told
// nothing.
func (l *Link) Set(s lb.PeerState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ours = &s
	close(l.changed)
	l.changed = make(chan struct{})
}

// state is what to tell the peer, nil for nothing yet, and a channel that closes
// when it is no longer that.
func (l *Link) state() (ours *lb.PeerState, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ours, l.changed
}

// Run serves and follows the peer until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	for _, p := range l.cfg.Paths {
		tasks.Go(func() { l.serve(ctx, p) })
	}
	l.follow(ctx)
	tasks.Wait()
	return nil
}

// pause waits after a failure, and says how long to wait after the next one. A
// part of it is chance, so that two nodes do not try in step.
func (l *Link) pause(ctx context.Context, wait time.Duration) (next time.Duration) {
	t := time.NewTimer(wait - rand.N(wait/4+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return min(2*wait, l.pace.longest)
}

// expect refuses callers who are not at the address where the peer should be.
func expect(peer netip.Addr) func(netip.Addr) error {
	return func(caller netip.Addr) error {
		if caller != peer {
			return fmt.Errorf("only the peer at %v may connect (cluster.peer_ipv4 and peer_ipv6 of seesaw.cfg)", peer)
		}
		return nil
	}
}
