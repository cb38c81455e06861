package config

import (
	"fmt"

	"github.com/protocolbuffers/txtpbfmt/parser"
	"google.golang.org/protobuf/encoding/prototext"

	configpb "seesaw/proto/config"
)

// MarshalText writes a cluster as text for people, one field in a line. The
// same cluster always gives the same text, which ParseCluster reads back.
func MarshalText(c *configpb.Cluster) ([]byte, error) {
	// prototext varies its blanks on purpose; the formatter settles them.
	text, err := prototext.MarshalOptions{Multiline: true, Indent: "  "}.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write cluster as text: %w", err)
	}
	text, err = parser.Format(text)
	if err != nil {
		return nil, fmt.Errorf("format cluster text: %w", err)
	}
	return text, nil
}
