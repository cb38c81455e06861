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

// afterBoot waits until the first config has been read: whoever asks just after
// the start wants to know what has come of it.
func (e *Engine) afterBoot(ctx context.Context) error {
	select {
	case <-e.booted:
		return nil
	case <-e.stopped:
		return errStopping
	case <-ctx.Done():
		return fmt.Errorf("the first cluster config is still being read: %w", context.Cause(ctx))
	}
}

// ask runs a question that needs a config on loop and makes its answer a
// message.
func ask[View, Msg any](ctx context.Context, e *Engine, question func() View, to func(View) Msg) (Msg, error) {
	var view View
	err := e.ordered(ctx, func(time.Time) error {
		if err := e.missing(); err != nil {
			return err
		}
		view = question()
		return nil
	})
	if err != nil {
		var none Msg
		return none, err
	}
	return to(view), nil
}

// ordered runs an operator's order on loop; its error is the operator's answer.
func (e *Engine) ordered(ctx context.Context, f func(now time.Time) error) error {
	err := e.afterBoot(ctx)
	var refused error
	if err == nil {
		err = e.on(ctx, func(now time.Time) { refused = f(now) })
	}
	if err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	return answer(refused)
}

// answer makes the reason of a refusal the caller's answer.
func answer(refused error) error {
	if refused == nil {
		return nil
	}
	return status.Error(codes.FailedPrecondition, refused.Error())
}

func (h handlers) ClusterStatus(ctx context.Context, _ *api.Empty) (*api.ClusterView, error) {
	return ask(ctx, h.e, h.e.core.ClusterView, wire.ToClusterView)
}

func (h handlers) ConfigStatus(ctx context.Context, _ *api.Empty) (*api.ConfigView, error) {
	return ask(ctx, h.e, func() lb.ConfigView {
		v := h.e.core.ConfigView()
		h.e.boot.explain(&v)
		h.e.pair.explain(time.Now(), &v)
		v.Warnings = append(v.Warnings, h.e.saver.problems()...)
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
	if err := h.e.afterBoot(ctx); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	faulty, err := h.e.reload(ctx)
	return &api.Empty{}, answer(errors.Join(err, leftOut(faulty)))
}

func (h handlers) ConfigSource(ctx context.Context, r *api.ConfigSourceRequest) (*api.ConfigSourceReply, error) {
	if err := h.e.afterBoot(ctx); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	before, err := h.e.setSource(ctx, r.GetSource())
	return &api.ConfigSourceReply{Before: before}, answer(err)
}

func (h handlers) Failover(ctx context.Context, _ *api.Empty) (*api.Empty, error) {
	return &api.Empty{}, h.e.ordered(ctx, func(now time.Time) error {
		if err := h.e.missing(); err != nil {
			return err
		}
		effects, err := h.e.core.Failover(now)
		h.e.carryOut(effects)
		return err
	})
}
