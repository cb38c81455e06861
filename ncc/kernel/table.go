package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"seesaw/internal/lb"
	"seesaw/ipvs"
	"seesaw/ncc/plan"
)

// batch is how many changes are handed to package ipvs before ctx is looked at
// again.
const batch = 1024

// table is a connection to the kernel's IPVS, opened when it is first needed
// and again after it failed: ip_vs may be loaded, or removed and loaded again,
// while we run.
type table struct {
	open func() (*ipvs.Handle, error)

	mu     sync.Mutex
	handle *ipvs.Handle // nil = not open
}

func (k *Kernel) openIPVS() (*ipvs.Handle, error) {
	return ipvs.New(ipvs.InNamespace(k.ns), ipvs.WithTimeout(answerWithin))
}

// with calls f with a connection that has just answered. An error of f closes
// the connection, so that the next call begins afresh.
func (t *table) with(f func(*ipvs.Handle) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ready(); err != nil {
		return err
	}
	err := f(t.handle)
	if err != nil {
		t.drop()
	}
	return err
}

// ready opens the connection or asks whether it still works. To ask makes
// package ipvs notice that ip_vs was loaded again; a change sent to the old one
// would fail like a change to an object that is gone.
func (t *table) ready() error {
	if t.handle != nil {
		if _, err := t.handle.Info(); err == nil {
			return nil
		}
		t.drop()
	}
	h, err := t.open()
	if errors.Is(err, ipvs.ErrNotLoaded) {
		return fmt.Errorf("%w: ip_vs: %w", plan.ErrNoModule, err)
	}
	if err != nil {
		return err
	}
	t.handle = h
	return nil
}

// drop closes a connection that failed; how it closes no longer matters.
func (t *table) drop() {
	_ = t.handle.Close()
	t.handle = nil
}

// probe says whether this host has IPVS.
func (t *table) probe() error { return t.with(func(*ipvs.Handle) error { return nil }) }

func (t *table) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handle == nil {
		return nil
	}
	err := t.handle.Close()
	t.handle = nil
	return err
}

// do carries out IPVS operations and puts the outcome of each into errs.
func (t *table) do(ctx context.Context, ops []plan.Op, errs []error) {
	for start := 0; start < len(ops); start += batch {
		end := min(start+batch, len(ops))
		err := ctx.Err()
		if err == nil {
			err = t.doBatch(ops[start:end], errs[start:end])
		}
		if err != nil {
			for i := start; i < end; i++ {
				errs[i] = fmt.Errorf("%v: %w", ops[i], err)
			}
		}
	}
}

// doBatch returns an error if none of the operations could be tried.
func (t *table) doBatch(ops []plan.Op, errs []error) error {
	requests := make([]ipvs.Request, len(ops))
	for i, op := range ops {
		requests[i] = toRequest(op)
	}
	tried := false
	err := t.with(func(h *ipvs.Handle) (broken error) {
		tried = true
		for i, err := range h.Do(requests) {
			errs[i] = settled(requests[i].Op, err)
			if errors.Is(err, ipvs.ErrAnswerLost) || errors.Is(err, ipvs.ErrNotSent) {
				broken = err
			}
		}
		return broken
	})
	if tried {
		return nil
	}
	return err
}

// settled turns the errors that mean "it is so already" into success
// (net/netfilter/ipvs/ip_vs_ctl.c: ESRCH is a missing service, ENOENT a missing
// destination).
func settled(op ipvs.Op, err error) error {
	switch op {
	case ipvs.OpNewService, ipvs.OpNewDestination:
		if errors.Is(err, unix.EEXIST) {
			return nil
		}
	case ipvs.OpDelService:
		if errors.Is(err, unix.ESRCH) {
			return nil
		}
	case ipvs.OpDelDestination:
		if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) {
			return nil
		}
	}
	return err
}

// isIPVS is true for an operation that toRequest knows.
func isIPVS(op plan.Op) bool { return toRequest(op).Op != 0 }

// toRequest returns the zero request for an operation that is not IPVS's.
func toRequest(op plan.Op) ipvs.Request {
	switch o := op.(type) {
	case plan.AddService:
		return ipvs.Request{Op: ipvs.OpNewService, Service: toService(o.Service)}
	case plan.SetService:
		return ipvs.Request{Op: ipvs.OpUpdateService, Service: toService(o.Service)}
	case plan.DelService:
		return ipvs.Request{Op: ipvs.OpDelService, Service: toKey(o.Key)}
	case plan.AddDestination:
		return ipvs.Request{Op: ipvs.OpNewDestination, Service: toKey(o.Service), Destination: toDestination(o.Destination)}
	case plan.SetDestination:
		return ipvs.Request{Op: ipvs.OpUpdateDestination, Service: toKey(o.Service), Destination: toDestination(o.Destination)}
	case plan.DelDestination:
		d := ipvs.Destination{Address: o.Destination.Addr(), Port: o.Destination.Port()}
		return ipvs.Request{Op: ipvs.OpDelDestination, Service: toKey(o.Service), Destination: d}
	}
	return ipvs.Request{}
}

// each calls f with every service and its destinations. A host without IPVS has
// none.
func (t *table) each(ctx context.Context, f func(ipvs.Service, []ipvs.Destination)) error {
	var stopped error
	err := t.with(func(h *ipvs.Handle) error {
		services, err := h.ListServices()
		if err != nil {
			return err
		}
		for _, s := range services {
			if stopped = ctx.Err(); stopped != nil {
				return nil
			}
			destinations, err := h.ListDestinations(s)
			if err != nil {
				return err
			}
			f(s, destinations)
		}
		return nil
	})
	if errors.Is(err, plan.ErrNoModule) {
		return nil
	}
	return errors.Join(err, stopped)
}

// services returns the whole IPVS table.
func (t *table) services(ctx context.Context) (map[lb.ServiceKey]lb.Service, error) {
	found := make(map[lb.ServiceKey]lb.Service)
	err := t.each(ctx, func(s ipvs.Service, destinations []ipvs.Destination) {
		service := fromService(s)
		service.Destinations = fromDestinations(destinations)
		found[service.Key] = service
	})
	return found, err
}
