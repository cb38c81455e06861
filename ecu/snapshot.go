package ecu

import (
	"context"

	"seesaw/internal/lb"
)

// snapshot is the node as the engine described it for one scrape.
type snapshot struct {
	err      error // why there is nothing else in it
	cluster  lb.ClusterView
	ha       lb.HAView
	config   lb.ConfigView
	vservers []lb.VserverView
}

// read asks the engine for everything, or for nothing more once it does not answer.
func read(ctx context.Context, engine Engine) (s snapshot) {
	if s.cluster, s.err = engine.ClusterStatus(ctx); s.err != nil {
		return s
	}
	if s.ha, s.err = engine.HAStatus(ctx); s.err != nil {
		return s
	}
	if s.config, s.err = engine.ConfigStatus(ctx); s.err != nil {
		return s
	}
	s.vservers, s.err = engine.Vservers(ctx)
	return s
}

// problems counts what the local node complains of.
func (s snapshot) problems() int {
	for _, n := range s.cluster.Nodes {
		if n.Local {
			return len(n.Problems)
		}
	}
	return 0
}
