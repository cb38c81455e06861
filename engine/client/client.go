// Package client speaks to the engine over its Unix socket in the words of
// internal/lb. The mains of ha, healthcheck, ecu and the CLI hand it to them.
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

// Client is a connection to the engine. It is safe for concurrent use and finds
// the engine again after a restart. A call fails at once while the engine is
// not there.
type Client struct {
	socket string
	conn   *grpc.ClientConn
	api    api.EngineClient
}

// New returns a client for the socket; it connects with the first call.
func New(socket string) (*Client, error) {
	conn, err := rpc.Dial(socket)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return &Client{socket, conn, api.NewEngineClient(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// call makes one call and reads its reply.
func call[Req, Msg, View any](ctx context.Context, c *Client, method func(context.Context, Req, ...grpc.CallOption) (Msg, error), req Req, read func(Msg) View) (View, error) {
	msg, err := method(ctx, req)
	if err != nil {
		var none View
		return none, rpc.Readable("engine", c.socket, err)
	}
	return read(msg), nil
}

// nothing reads a reply that says only that all went well.
func nothing(*api.Empty) struct{} { return struct{}{} }

// ClusterStatus returns the cluster as this node sees it.
func (c *Client) ClusterStatus(ctx context.Context) (lb.ClusterView, error) {
	return call(ctx, c, c.api.ClusterStatus, &api.Empty{}, wire.FromClusterView)
}

// ConfigStatus returns which cluster config is in force.
func (c *Client) ConfigStatus(ctx context.Context) (lb.ConfigView, error) {
	return call(ctx, c, c.api.ConfigStatus, &api.Empty{}, wire.FromConfigView)
}

// ConfigReload asks the engine to read its config again. It returns when that
// is done, with the reason if the config was refused.
func (c *Client) ConfigReload(ctx context.Context) error {
	_, err := call(ctx, c, c.api.ConfigReload, &api.Empty{}, nothing)
	return err
}

// ConfigSource changes where cluster config comes from, if a source is named,
// and returns the one before.
func (c *Client) ConfigSource(ctx context.Context, source string) (before string, err error) {
	return call(ctx, c, c.api.ConfigSource, &api.ConfigSourceRequest{Source: source}, (*api.ConfigSourceReply).GetBefore)
}

// HAStatus returns the state of the election on this node.
func (c *Client) HAStatus(ctx context.Context) (lb.HAView, error) {
	return call(ctx, c, c.api.HAStatus, &api.Empty{}, wire.FromHAView)
}

// Vservers returns all vservers as they are, sorted by name.
func (c *Client) Vservers(ctx context.Context) ([]lb.VserverView, error) {
	return call(ctx, c, c.api.Vservers, &api.Empty{}, wire.FromVservers)
}

// VLANs returns the cluster's VLANs, sorted by id.
func (c *Client) VLANs(ctx context.Context) ([]lb.VLANView, error) {
	return call(ctx, c, c.api.VLANs, &api.Empty{}, wire.FromVLANs)
}

// BGPNeighbors returns the BGP sessions; none where anycast is off.
func (c *Client) BGPNeighbors(ctx context.Context) ([]lb.BGPNeighborView, error) {
	return call(ctx, c, c.api.BGPNeighbors, &api.Empty{}, wire.FromBGPNeighbors)
}

// Failover asks the leader to resign to its peer.
func (c *Client) Failover(ctx context.Context) error {
	_, err := call(ctx, c, c.api.Failover, &api.Empty{}, nothing)
	return err
}

// OverrideVserver sets what an operator says about a vserver, above its config.
func (c *Client) OverrideVserver(ctx context.Context, vserver string, state lb.Override) error {
	_, err := call(ctx, c, c.api.OverrideVserver, &api.OverrideVserverRequest{Vserver: vserver, State: uint32(state)}, nothing)
	return err
}
