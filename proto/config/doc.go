// Package configpb is the cluster file as protobuf messages, made from
// config.proto. It holds what was written, unchecked; package internal/config
// turns it into values that can be trusted and is, with the parts that store
// and ship whole files, its only user.
package configpb

//go:generate ./generate.sh
