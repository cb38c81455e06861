package peer

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// errSilent ends a connection on which nothing comes.
var errSilent = errors.New("the peer is silent")

// follow hears the peer until ctx ends, on one path after the other.
func (l *Link) follow(ctx context.Context) {
	wait := l.pace.first
	for i := 0; ctx.Err() == nil; {
		p := l.cfg.Paths[i%len(l.cfg.Paths)]
		heard, err := l.hear(ctx, p)
		if ctx.Err() != nil {
			return
		}
		if heard {
			wait = l.pace.first
		} else {
			i++
		}
		if l.failures.New(p.Peer.Addr(), err) {
			l.log.Warn("no link to the peer; trying on", "peer", p.Peer, "err", err)
			l.cfg.Owner.PeerLost(ctx, err)
		}
		wait = l.pause(ctx, wait)
	}
}

// hear follows the peer on one path for as long as the connection lasts. heard
// says whether the peer has said anything.
func (l *Link) hear(ctx context.Context, p Path) (heard bool, err error) {
	conn, err := rpc.DialTLS(l.cfg.Files, p.Local.Addr(), p.Peer)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	streamCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(l.pace.silence, func() { cancel(errSilent) })
	defer watch.Stop()
	stream, err := api.NewPeerClient(conn).Follow(streamCtx, &api.Empty{})
	if err != nil {
		return false, lost(streamCtx, err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return heard, lost(streamCtx, err)
		}
		watch.Stop()
		if !heard {
			heard = true
			l.failures.New(p.Peer.Addr(), nil)
			l.log.Info("link to the peer is up", "peer", p.Peer)
		}
		if m.GetState() != nil {
			l.said(ctx, p.Peer.Addr(), m.GetState())
		}
		watch.Reset(l.pace.silence)
	}
}

// said hands over what of a peer's words can be believed.
func (l *Link) said(ctx context.Context, peer netip.Addr, m *api.PeerState) {
	s, err := sound(wire.FromPeerState(m))
	if l.doubts.New(peer, err) {
		l.log.Warn("not all that the peer says can be believed", "peer", peer, "err", err)
	}
	l.cfg.Owner.PeerSaid(ctx, s)
}

// lost says why there is no link.
func lost(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	why := status.Convert(err).Message()
	// gRPC wraps what the connection itself says in two layers of its own.
	if quoted, ok := strings.CutPrefix(why, "connection error: desc = "); ok {
		if plain, err := strconv.Unquote(quoted); err == nil {
			why = strings.TrimPrefix(plain, "transport: ")
		}
	}
	for _, hungUp := range [...]string{"EOF", "connection reset", "broken pipe"} {
		if strings.Contains(why, hungUp) {
			why += " (if it refuses us, its own log says why)"
			break
		}
	}
	return errors.New(why)
}
