package kernel

import (
	"context"
	"fmt"
	"slices"

	"seesaw/internal/lb"
	"seesaw/ipvs"
	"seesaw/ncc/plan"
)

// Read returns what the host has: every link, address and IPVS service, ours or
// not, and those settings that a plan may want to change and that this kernel
// has. The parts are read one after another; what changes meanwhile shows at
// the next Read.
func (k *Kernel) Read(ctx context.Context) (plan.Found, error) {
	links, names, err := k.readLinks()
	if err != nil {
		return plan.Found{}, err
	}
	addrs, err := k.readAddrs(names)
	if err != nil {
		return plan.Found{}, err
	}
	found := plan.Found{Links: links, Addrs: addrs}
	if found.Services, err = k.table.services(ctx); err != nil {
		return plan.Found{}, fmt.Errorf("read IPVS table: %w", err)
	}
	err = k.inside(func() (err error) {
		found.Sysctls, err = readSysctls(links)
		return err
	})
	if err != nil {
		return plan.Found{}, fmt.Errorf("read settings: %w", err)
	}
	return found, nil
}

// Statistics returns the counters of every IPVS service of the host, sorted by
// key, its destinations sorted by address and port. It delays no Do.
func (k *Kernel) Statistics(ctx context.Context) ([]lb.ServiceStatistics, error) {
	var all []lb.ServiceStatistics
	err := k.stats.each(ctx, func(s ipvs.Service, destinations []ipvs.Destination) {
		all = append(all, lb.ServiceStatistics{
			Key:          fromKey(s.Key()),
			Counters:     fromStats(s.Stats),
			Destinations: fromStatistics(destinations),
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read IPVS counters: %w", err)
	}
	slices.SortFunc(all, func(a, b lb.ServiceStatistics) int { return a.Key.Compare(b.Key) })
	return all, nil
}
