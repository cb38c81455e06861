// Package api holds the gRPC contracts between the daemons (api.proto) and
// between the two nodes of a pair (peer.proto), generated. Nothing but
// internal/wire and the servers and clients beside it should read these types;
// everyone else speaks internal/lb.
package api

//go:generate protoc -I. --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative api.proto peer.proto
