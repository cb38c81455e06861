package engine

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"seesaw/engine/core"
	"seesaw/internal/lb"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// beat is the pause between directives to ha when nothing changes; ha takes
// three missed ones for our death.
const beat = time.Second

// session is one daemon that has joined. Loop pushes to it; the goroutine that
// serves the stream takes from it.
type session[T any] struct {
	queue chan T // loop sends; when it is full the session is ended
	end   context.CancelFunc
}

func newSession[T any](ctx context.Context, size int) (*session[T], context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &session[T]{queue: make(chan T, size), end: cancel}, ctx
}

// push hands over something new. A daemon so slow that its queue is full is cut
// off; it joins again and is told everything.
func (s *session[T]) push(v T) {
	select {
	case s.queue <- v:
	default:
		s.end()
	}
}

// Healthchecks serves the session of healthcheck.
func (h handlers) Healthchecks(stream grpc.BidiStreamingServer[api.VerdictReport, api.CheckUpdate]) error {
	e := h.e
	s, ctx := newSession[lb.CheckUpdate](stream.Context(), 64)
	defer s.end()
	if err := e.on(ctx, func(time.Time) {
		e.checks[s] = true
		if u, ok := e.core.Checks(); ok {
			s.push(u)
		}
	}); err != nil {
		return err
	}
	defer e.leave(func() { delete(e.checks, s) })
	go func() {
		defer s.end()
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			report := wire.FromVerdictReport(m)
			if e.on(ctx, func(now time.Time) { e.step(now, core.Verdicts{Report: report}) }) != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case u := <-s.queue:
			if err := stream.Send(wire.ToCheckUpdate(u)); err != nil {
				return err
			}
		}
	}
}

// HA serves the session of ha.
func (h handlers) HA(stream grpc.BidiStreamingServer[api.HAReport, api.HADirective]) error {
	e := h.e
	s, ctx := newSession[struct{}](stream.Context(), 64)
	defer s.end()
	if err := e.on(ctx, func(time.Time) {
		e.hosts[s] = true
		s.push(struct{}{})
	}); err != nil {
		return err
	}
	defer e.leave(func() { delete(e.hosts, s) })
	go func() {
		defer s.end()
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			report := wire.FromHAReport(m)
			if e.on(ctx, func(now time.Time) { e.step(now, core.HAReported{Report: report}) }) != nil {
				return
			}
		}
	}()
	return e.directHA(ctx, s, stream)
}

// directHA sends ha what it should do, whenever that changes and in every beat.
func (e *Engine) directHA(ctx context.Context, s *session[struct{}], stream grpc.BidiStreamingServer[api.HAReport, api.HADirective]) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.queue:
		case <-ticker.C:
		}
		var d lb.HADirective
		var ok bool
		if err := e.on(ctx, func(now time.Time) {
			if e.core.Ready() {
				d, ok = e.core.Directive(now)
			}
		}); err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := stream.Send(wire.ToHADirective(d)); err != nil {
			return err
		}
	}
}

// leave takes a session out of loop's books, if loop still runs.
func (e *Engine) leave(forget func()) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	e.on(ctx, func(time.Time) { forget() })
}
