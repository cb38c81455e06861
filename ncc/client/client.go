// Package client speaks to ncc over its Unix socket in the words of
// internal/lb. cmd/seesaw_engine hands it to the engine.
package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// Client is a connection to ncc. It is safe for concurrent use and finds ncc
// again after a restart.
type Client struct {
	socket string
	conn   *grpc.ClientConn
	api    api.NCCClient
}

// New returns a client for the socket; it connects with the first call.
func New(socket string) (*Client, error) {
	conn, err := rpc.Dial(socket)
	if err != nil {
		return nil, fmt.Errorf("ncc: %w", err)
	}
	return &Client{socket, conn, api.NewNCCClient(conn)}, nil
}

// Apply sends a change of the wanted network, or a renewal of the engine's
// lease, and returns what is true after it. It waits for an ncc that is just
// starting, as long as ctx allows.
func (c *Client) Apply(ctx context.Context, u lb.Update) (lb.Report, error) {
	r, err := c.api.Apply(ctx, wire.ToUpdate(u), grpc.WaitForReady(true))
	if err != nil {
		return lb.Report{}, rpc.Readable("ncc", c.socket, err)
	}
	return wire.FromReport(r), nil
}

// Statistics reads the counters of all services.
func (c *Client) Statistics(ctx context.Context) ([]lb.ServiceStatistics, error) {
	r, err := c.api.Statistics(ctx, &api.Empty{})
	if err != nil {
		return nil, rpc.Readable("ncc", c.socket, err)
	}
	return wire.FromStatistics(r), nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }
