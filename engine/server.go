package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// serve answers on the engine's socket.
func (e *Engine) serve(ctx context.Context, lis net.Listener) error {
	srv := rpc.NewServer(e.log, allow)
	api.RegisterEngineServer(srv, handlers{e: e})
	return rpc.Serve(ctx, srv, lis)
}

// allow says who may call what. The streams steer the node and are for our own
// daemons; all else is for whoever can open the socket, which its folder
// decides.
func allow(c rpc.Caller, method string) error {
	steers := strings.HasSuffix(method, "/HA") || strings.HasSuffix(method, "/Healthchecks")
	if steers && c.UID != 0 && c.UID != uint32(os.Getuid()) {
		return errors.New("only root and the engine's own user may")
	}
	return nil
}

// handlers answers the calls of operators. Each runs one function on loop.
type handlers struct {
	api.UnimplementedEngineServer
	e *Engine
}

// ask runs a question that needs a config on loop and makes its answer a
// message.
func ask[View, Msg any](ctx context.Context, e *Engine, question func() View, to func(View) Msg) (Msg, error) {
	var view View
	var missing error
	err := e.on(ctx, func(time.Time) {
		if missing = e.missing(); missing == nil {
			view = question()
		}
	})
	if err := errors.Join(err, missing); err != nil {
		var none Msg
		return none, status.Error(codes.FailedPrecondition, err.Error())
	}
	return to(view), nil
}

// command runs a command on loop; its error is the caller's answer.
func command(ctx context.Context, e *Engine, f func(now time.Time) error) (*api.Empty, error) {
	var refused error
	if err := e.on(ctx, func(now time.Time) { refused = f(now) }); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if refused != nil {
		return nil, status.Error(codes.FailedPrecondition, refused.Error())
	}
	return &api.Empty{}, nil
}

func (h handlers) ClusterStatus(ctx context.Context, _ *api.Empty) (*api.ClusterView, error) {
	return ask(ctx, h.e, h.e.core.ClusterView, wire.ToClusterView)
}

func (h handlers) ConfigStatus(ctx context.Context, _ *api.Empty) (*api.ConfigView, error) {
	return ask(ctx, h.e, func() lb.ConfigView {
		v := h.e.core.ConfigView()
		v.Source = h.e.boot.source
		if err := h.e.boot.err; err != nil {
			v.Warnings = append(v.Warnings, fmt.Sprintf("the cluster file is refused, what was in force stays: %v", err))
		}
		return v
	}, wire.ToConfigView)
}

func (h handlers) HAStatus(ctx context.Context, _ *api.Empty) (*api.HAView, error) {
	return ask(ctx, h.e, h.e.core.HAView, wire.ToHAView)
}

func (h handlers) VLANs(ctx context.Context, _ *api.Empty) (*api.VLANsReply, error) {
	return ask(ctx, h.e, h.e.core.VLANs, wire.ToVLANs)
}

func (h handlers) Vservers(ctx context.Context, _ *api.Empty) (*api.VserversReply, error) {
	stats := h.e.stats.read(ctx)
	return ask(ctx, h.e, func() []lb.VserverView { return h.e.core.Vservers(stats) }, wire.ToVservers)
}

// BGPNeighbors has none to list as long as nothing is announced by BGP.
func (h handlers) BGPNeighbors(ctx context.Context, _ *api.Empty) (*api.BGPNeighborsReply, error) {
	return ask(ctx, h.e, func() []lb.BGPNeighborView { return nil }, wire.ToBGPNeighbors)
}

func (h handlers) ConfigReload(ctx context.Context, _ *api.Empty) (*api.Empty, error) {
	return command(ctx, h.e, func(time.Time) error { return h.e.reload() })
}

func (h handlers) ConfigSource(ctx context.Context, r *api.ConfigSourceRequest) (*api.ConfigSourceReply, error) {
	var before string
	_, err := command(ctx, h.e, func(time.Time) (err error) {
		before, err = h.e.setSource(r.GetSource())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.ConfigSourceReply{Before: before}, nil
}

func (h handlers) Failover(ctx context.Context, _ *api.Empty) (*api.Empty, error) {
	return command(ctx, h.e, func(now time.Time) error {
		if err := h.e.missing(); err != nil {
			return err
		}
		effects, err := h.e.core.Failover(now)
		h.e.carryOut(effects)
		return err
	})
}
