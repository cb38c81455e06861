package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// maxMessage bounds one message in either direction: a full update of 40,000
// destinations is about 3 MB.
const maxMessage = 64 << 20

// stopGrace is how long open calls may take to end when a server stops.
const stopGrace = 500 * time.Millisecond

// NewServer returns a gRPC server for a Unix socket. A handler that panics
// fails its own call and nothing else; it is logged with its stack. allow
// decides, before any message is decoded, whether a caller may call a method
// (/package.Service/Method).
func NewServer(log *slog.Logger, allow func(Caller, string) error) *grpc.Server {
	g := guard{log, allow}
	return grpc.NewServer(
		grpc.Creds(peerCred{}),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(64),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(g.unary),
		grpc.StreamInterceptor(g.stream),
	)
}

// Serve serves until ctx ends, then lets open calls end for a moment and cuts
// the rest.
func Serve(ctx context.Context, srv *grpc.Server, lis net.Listener) error {
	served := make(chan error, 1) // one value: what Serve returned
	go func() { served <- srv.Serve(lis) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %v: %w", lis.Addr(), err)
	case <-ctx.Done():
	}
	force := time.AfterFunc(stopGrace, srv.Stop)
	defer force.Stop()
	srv.GracefulStop()
	<-served
	return nil
}

// guard stands before every handler.
type guard struct {
	log *slog.Logger
	// allow is nil on a TLS server, which decides at the handshake.
	allow func(Caller, string) error
}

func (g guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer g.recovered(info.FullMethod, &err)
	if err := g.check(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (g guard) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer g.recovered(info.FullMethod, &err)
	if err := g.check(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return next(srv, ss)
}

func (g guard) check(ctx context.Context, method string) error {
	if g.allow == nil {
		return nil
	}
	c, ok := CallerOf(ctx)
	if !ok {
		return status.Error(codes.Unauthenticated, "the kernel did not say who is calling")
	}
	if err := g.allow(c, method); err != nil {
		g.log.Warn("call refused", "method", method, "uid", c.UID, "pid", c.PID, "err", err)
		return status.Errorf(codes.PermissionDenied, "%s by %v: %v", method, c, err)
	}
	return nil
}

func (g guard) recovered(method string, err *error) {
	if r := recover(); r != nil {
		g.log.Error("handler panicked", "method", method, "err", r, "stack", string(debug.Stack()))
		*err = status.Errorf(codes.Internal, "%s: internal fault: %v (the server's log has the details)", method, r)
	}
}
