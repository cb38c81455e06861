package ncc

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// Access says who may call besides root and the user that ncc runs as: the
// engine's user, by his id or his group.
type Access struct {
	UIDs, GIDs []uint32
}

// allow is asked before any message of a call is read. Every call needs the
// same right.
func (a Access) allow(c rpc.Caller, _ string) error {
	if c.UID == 0 || c.UID == uint32(os.Getuid()) || slices.Contains(a.UIDs, c.UID) || slices.ContainsFunc(a.GIDs, c.In) {
		return nil
	}
	return errors.New("only root and user or group seesaw may change this host (run it as one of them)")
}

// NewServer returns a gRPC server that hands calls to an ncc.
func NewServer(n *NCC, a Access, log *slog.Logger) *grpc.Server {
	srv := rpc.NewServer(log, a.allow)
	api.RegisterNCCServer(srv, server{ncc: n})
	return srv
}

// server speaks the words of proto/api.
type server struct {
	api.UnimplementedNCCServer
	ncc *NCC
}

// Apply hands in an update.
func (s server) Apply(ctx context.Context, u *api.Update) (*api.Report, error) {
	r, err := s.ncc.Apply(ctx, wire.FromUpdate(u))
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return wire.ToReport(r), nil
}

// Statistics reads the counters of all services.
func (s server) Statistics(ctx context.Context, _ *api.Empty) (*api.StatisticsReply, error) {
	list, err := s.ncc.Statistics(ctx)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return wire.ToStatistics(list), nil
}
