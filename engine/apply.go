package engine

import (
	"context"
	"sync"
	"time"

	"seesaw/engine/core"
	"seesaw/internal/lb"
)

const (
	// renewEvery is the pause between renewals of the lease that ncc holds for
	// us; ncc acts after five.
	renewEvery = time.Second
	// applyTimeout bounds one call: a full table of 4,000 vservers takes seconds.
	applyTimeout = 2 * time.Minute
	// applyRetry is the longest pause before ncc is asked again after a failure.
	applyRetry = time.Second
)

// applier tells ncc whatever has changed, one update at a time, and renews the
// lease when nothing has.
func (e *Engine) applier(ctx context.Context) error {
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.apply:
		case <-renew.C:
		}
		if e.applyOnce(ctx, failures == 0) {
			failures = 0
			continue
		}
		failures++
		pause := time.NewTimer(min(applyRetry, 50*time.Millisecond<<min(failures, 8)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
			wake(e.apply)
		}
	}
}

// applyOnce tells ncc once and reports whether it answered. Only the first of
// several failures is logged.
func (e *Engine) applyOnce(ctx context.Context, first bool) bool {
	var u lb.Update
	var ok bool
	if e.on(ctx, func(time.Time) { u, ok = e.core.Update() }) != nil || !ok {
		return true
	}
	callCtx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	report, err := e.ncc.Apply(callCtx, u)
	if err != nil {
		if ctx.Err() == nil && first {
			e.log.Warn("ncc did not take the wanted network; the kernel serves on as it is, and it is sent again", "err", err)
		}
		e.on(ctx, func(now time.Time) { e.step(now, core.NotApplied{}) })
		return false
	}
	if !first {
		e.log.Info("ncc answers again")
	}
	e.on(ctx, func(now time.Time) { e.step(now, core.Applied{Report: report}) })
	return true
}

// statsMaxAge is how long counters that were read once are shown again: the
// kernel's own estimates are 2 s old.
const statsMaxAge = time.Second

// statistics shares one reading of the counters among those who ask within a
// second.
type statistics struct {
	ncc Network

	mu   sync.Mutex // guards those below; held while ncc is asked
	last core.Statistics
	at   time.Time
}

// read returns the counters; none if ncc does not answer, which must not keep an
// operator from seeing the rest, nor the next one from waiting for it again.
func (s *statistics) read(ctx context.Context) core.Statistics {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < statsMaxAge {
		return s.last
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := s.ncc.Statistics(ctx)
	s.last, s.at = nil, time.Now()
	if err != nil {
		return nil
	}
	s.last = make(core.Statistics, len(list))
	for _, x := range list {
		s.last[x.Key] = x
	}
	return s.last
}
