package engine

import (
	"context"
	"time"

	"seesaw/engine/core"
	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// OverrideVserver sets what an operator says about a vserver.
func (h handlers) OverrideVserver(ctx context.Context, r *api.OverrideVserverRequest) (*api.Empty, error) {
	return command(ctx, h.e, func(now time.Time) error {
		if err := h.e.core.Overridable(r.GetVserver()); err != nil {
			return err
		}
		h.e.step(now, core.Override{Vserver: r.GetVserver(), State: lb.Override(r.GetState())})
		return nil
	})
}
