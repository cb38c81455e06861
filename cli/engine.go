package cli

import (
	"context"

	"seesaw/internal/lb"
)

// Engine is what the CLI needs of the engine. Every call may block until its context ends; an error's text
// is shown to the operator as it is.
type Engine interface {
	Status
	Tables
	Commands
}

// Status answers how this node is.
type Status interface {
	ClusterStatus(ctx context.Context) (lb.ClusterView, error)
	HAStatus(ctx context.Context) (lb.HAView, error)
	ConfigStatus(ctx context.Context) (lb.ConfigView, error)
}

// Tables lists what the node serves.
type Tables interface {
	Vservers(ctx context.Context) ([]lb.VserverView, error)
	VLANs(ctx context.Context) ([]lb.VLANView, error)
	BGPNeighbors(ctx context.Context) ([]lb.BGPNeighborView, error)
}

// Commands changes something.
type Commands interface {
	// ConfigSource changes the source if one is named, and returns the one before.
	ConfigSource(ctx context.Context, source string) (before string, err error)
	ConfigReload(ctx context.Context) error
	Failover(ctx context.Context) error
	OverrideVserver(ctx context.Context, vserver string, state lb.Override) error
}
