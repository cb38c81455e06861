// Package rpc is the plumbing of gRPC: over Unix sockets within a node, with a
// listener that does not fall over a dead predecessor's socket file, servers
// that know who is calling because the kernel told them, and clients that
// reconnect by themselves; and over mutual TLS between machines.
//
// It knows nothing of what is said: contracts are in proto/api.
package rpc
