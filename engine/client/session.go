package client

import (
	"context"

	"google.golang.org/grpc"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/internal/wire"
)

// Session is a conversation in both directions: what we send of type S, what
// the engine sends of type R. It ends with its context or when either side
// goes. One goroutine may send while another receives.
type Session[S, R any] struct {
	send func(S) error
	recv func() (R, error)
}

// Send sends one message.
func (s *Session[S, R]) Send(v S) error { return s.send(v) }

// Recv waits for the engine's next message; any error ends the session.
func (s *Session[S, R]) Recv() (R, error) { return s.recv() }

// HASession is the conversation of ha with the engine.
type HASession = Session[lb.HAReport, lb.HADirective]

// HealthSession is the conversation of healthcheck with the engine.
type HealthSession = Session[lb.VerdictReport, lb.CheckUpdate]

// HA joins ha to the engine until ctx ends or the engine goes.
func (c *Client) HA(ctx context.Context) (*HASession, error) {
	stream, err := c.api.HA(ctx)
	if err != nil {
		return nil, rpc.Readable("engine", c.socket, err)
	}
	return session(c, stream, wire.ToHAReport, wire.FromHADirective), nil
}

// Healthchecks joins healthcheck to the engine until ctx ends or the engine
// goes.
func (c *Client) Healthchecks(ctx context.Context) (*HealthSession, error) {
	stream, err := c.api.Healthchecks(ctx)
	if err != nil {
		return nil, rpc.Readable("engine", c.socket, err)
	}
	return session(c, stream, wire.ToVerdictReport, wire.FromCheckUpdate), nil
}

func session[S, R, SM, RM any](c *Client, stream grpc.BidiStreamingClient[SM, RM], to func(S) *SM, from func(*RM) R) *Session[S, R] {
	return &Session[S, R]{
		send: func(v S) error { return rpc.Readable("engine", c.socket, stream.Send(to(v))) },
		recv: func() (R, error) {
			m, err := stream.Recv()
			if err != nil {
				var none R
				return none, rpc.Readable("engine", c.socket, err)
			}
			return from(m), nil
		},
	}
}
