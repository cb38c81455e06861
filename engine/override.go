package engine

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/engine/core"
	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// OverrideVserver sets what an operator says about a vserver.
func (h handlers) OverrideVserver(ctx context.Context, r *api.OverrideVserverRequest) (*api.Empty, error) {
	if r.GetState() > uint32(lb.OverrideEnabled) {
		return nil, status.Errorf(codes.InvalidArgument, "override state %d: want 0 (default), 1 (disabled) or 2 (enabled)", r.GetState())
	}
	return &api.Empty{}, h.e.ordered(ctx, func(now time.Time) error {
		if err := h.e.core.Overridable(r.GetVserver()); err != nil {
			return err
		}
		h.e.step(now, core.Override{Vserver: r.GetVserver(), State: lb.Override(r.GetState())})
		return nil
	})
}
