#!/bin/sh
# Makes config.pb.go from config.proto. Needs protoc and protoc-gen-go. Run from
# anywhere; the file is registered by its path from the project's root.
set -eu
cd "$(dirname "$0")/../.."
PATH="$PATH:$(go env GOPATH)/bin"
exec protoc --go_out=. --go_opt=module=seesaw proto/config/config.proto
