package lb

import (
	"cmp"
	"time"
)

// OverrideRecord is the last that was said about a vserver, with when and
// where. A state of OverrideDefault takes an override back; its record stays,
// so that a node which has not heard of it does not bring the override back.
type OverrideRecord struct {
	Vserver string   `json:"vserver"`
	State   Override `json:"state"`
	// Time is when it was said. Zero, before everything else: it was said before
	// that was noted.
	Time time.Time `json:"time,omitzero"`
	// Node is where it was said, by the node's own address.
	Node string `json:"node,omitempty"`
}

// Compare orders records of one vserver: the greatest is in force. It is zero
// only for records that say the same; node and state break the tie of two that
// were made in one instant, so that both nodes break it alike.
func (r OverrideRecord) Compare(o OverrideRecord) int {
	return cmp.Or(r.Time.Compare(o.Time), cmp.Compare(r.Node, o.Node), cmp.Compare(r.State, o.State))
}

// ConfigVersion tells one cluster config from another.
type ConfigVersion struct {
	// Hash is of all that the config says; empty = none is in force.
	Hash string `json:"hash,omitempty"`
	// LastUpdate is when the config was made; zero = it does not say.
	LastUpdate time.Time `json:"last_update,omitzero"`
}

// PeerState is all that a node tells the other node of its pair.
type PeerState struct {
	Config    ConfigVersion
	Overrides []OverrideRecord // sorted by vserver, no two alike
}

// PeerView is what a node knows of the other one. The zero value is that of a
// node which has no link to a peer.
type PeerView struct {
	Connected bool `json:"connected"`
	// Since is when the link came up or broke; zero = it never was up.
	Since time.Time `json:"since,omitzero"`
	// Reason says why it is not connected, empty while it is.
	Reason string `json:"reason,omitempty"`
	// Config is what the peer runs, as last heard.
	Config ConfigVersion `json:"config,omitzero"`
	// SameConfig says that this node runs the same.
	SameConfig bool `json:"same_config"`
}
