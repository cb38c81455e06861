package peer

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// serve lets the peer follow us on one path until ctx ends. The address may not
// be there yet, or be held by a predecessor that is just ending.
func (l *Link) serve(ctx context.Context, p Path) {
	var failures rpc.Repeats
	wait := l.pace.first
	for {
		began := time.Now()
		err := l.serveOnce(ctx, p)
		if ctx.Err() != nil {
			return
		}
		if failures.New(p.Local.Addr(), err) {
			l.log.Warn("peer link does not listen; trying on", "address", p.Local, "err", err)
		}
		if time.Since(began) > l.pace.longest {
			wait = l.pace.first
		}
		wait = l.pause(ctx, wait)
	}
}

func (l *Link) serveOnce(ctx context.Context, p Path) error {
	var lc net.ListenConfig
	lis, err := lc.Listen(ctx, "tcp", p.Local.String())
	if err != nil {
		return err
	}
	srv := rpc.NewTLSServer(l.log, l.cfg.Files, expect(p.Peer.Addr()))
	api.RegisterPeerServer(srv, handler{link: l, stopping: ctx.Done()})
	return rpc.Serve(ctx, srv, lis)
}

// handler answers a peer.
type handler struct {
	api.UnimplementedPeerServer
	link     *Link
	stopping <-chan struct{} // closed when the link stops
}

// Follow tells the peer our state whenever it changes. While a slow peer keeps
// it waiting, what it has not been told yet is replaced, not queued.
func (h handler) Follow(_ *api.Empty, stream grpc.ServerStreamingServer[api.PeerMessage]) error {
	beat := time.NewTicker(h.link.pace.beat)
	defer beat.Stop()
	for {
		ours, changed := h.link.state()
		m := &api.PeerMessage{}
		if ours != nil {
			m.State = wire.ToPeerState(*ours)
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		if err := h.idle(stream, changed, beat.C); err != nil {
			return err
		}
	}
}

// idle says that we are there until there is more to say.
func (h handler) idle(stream grpc.ServerStreamingServer[api.PeerMessage], changed <-chan struct{}, beat <-chan time.Time) error {
	for {
		select {
		case <-changed:
			return nil
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-h.stopping:
			return status.Error(codes.Unavailable, "engine is stopping")
		case <-beat:
			if err := stream.Send(&api.PeerMessage{}); err != nil {
				return err
			}
		}
	}
}
