package lb

import (
	"fmt"
	"net/netip"
	"time"
)

// ClusterView is the cluster as this node sees it.
type ClusterView struct {
	Version string     `json:"version"` // of the software that answers
	Site    string     `json:"site"`
	Nodes   []NodeView `json:"nodes"` // sorted by address
}

// NodeView is one member of the cluster.
type NodeView struct {
	Hostname        string       `json:"hostname"`
	IPv4            netip.Prefix `json:"ipv4,omitzero"`
	IPv6            netip.Prefix `json:"ipv6,omitzero"`
	Priority        uint8        `json:"priority"`
	Local           bool         `json:"local"`
	HAEnabled       bool         `json:"ha_enabled"`
	AnycastEnabled  bool         `json:"anycast_enabled"`
	BGPEnabled      bool         `json:"bgp_enabled"`
	VserversEnabled bool         `json:"vservers_enabled"`
	// Problems are the local node's, one line each.
	Problems []string `json:"problems,omitempty"`
}

// HAView is the state of the election on this node.
type HAView struct {
	State       Role      `json:"state"`
	Since       time.Time `json:"since,omitzero"`
	Reason      string    `json:"reason,omitempty"`
	Transitions uint64    `json:"transitions"`
	Sent        uint64    `json:"advertisements_sent"`
	Received    uint64    `json:"advertisements_received"`
	LastUpdate  time.Time `json:"last_update,omitzero"`
}

// Attribute is a named value of the cluster file's metadata.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ConfigView says which cluster config is in force and where it came from.
type ConfigView struct {
	LastUpdate time.Time   `json:"last_update,omitzero"` // of the config itself
	Attributes []Attribute `json:"attributes,omitempty"`
	Warnings   []string    `json:"warnings,omitempty"`
	// Source is the configured source, InUse where the config in force really
	// came from, with the reason if the two differ.
	Source   string    `json:"source"`
	InUse    string    `json:"in_use"`
	Reason   string    `json:"reason,omitempty"`
	LoadedAt time.Time `json:"loaded_at,omitzero"`
	// Hash tells this config from another one.
	Hash string `json:"hash,omitempty"`
	// Peer is the other node, with what it runs.
	Peer PeerView `json:"peer,omitzero"`
}

// VserverView is one vserver as it is.
type VserverView struct {
	Name          string        `json:"name"`
	Hostname      string        `json:"hostname"`
	IPv4          netip.Prefix  `json:"ipv4,omitzero"`
	IPv6          netip.Prefix  `json:"ipv6,omitzero"`
	Enabled       bool          `json:"enabled"`
	ConfigEnabled bool          `json:"config_enabled"`
	Override      Override      `json:"override"`
	Services      []ServiceView `json:"services"` // sorted by family, protocol, port
	Warnings      []string      `json:"warnings,omitempty"`
}

// ServiceView is one service of a vserver as it is.
type ServiceView struct {
	Family      Family   `json:"family"`
	Protocol    Protocol `json:"protocol"`
	Port        uint16   `json:"port"`
	Mark        uint32   `json:"mark,omitempty"`
	Mode        Mode     `json:"mode"`
	Scheduler   string   `json:"scheduler"`
	OnePacket   bool     `json:"one_packet"`
	Persistence int      `json:"persistence_seconds"`
	Enabled     bool     `json:"enabled"`
	Healthy     bool     `json:"healthy"`
	Active      bool     `json:"active"` // in the kernel
	Low         float32  `json:"low_watermark"`
	High        float32  `json:"high_watermark"`
	Current     float32  `json:"current_watermark"`
	// Reason says why it is not serving, empty while it is.
	Reason       string            `json:"reason,omitempty"`
	Counters     Counters          `json:"counters"`
	Destinations []DestinationView `json:"destinations"` // sorted by backend, then address
}

// Name is the service as operators know it within its vserver: family, protocol
// and port, or family and firewall mark.
func (s ServiceView) Name() string {
	if s.Mark != 0 {
		return fmt.Sprintf("%v FWM/%d", s.Family, s.Mark)
	}
	return fmt.Sprintf("%v %v/%d", s.Family, s.Protocol, s.Port)
}

// DestinationView is one destination of a service as it is.
type DestinationView struct {
	Name    string     `json:"name"` // vserver/address:port/protocol
	Backend string     `json:"backend"`
	Addr    netip.Addr `json:"address"`
	Port    uint16     `json:"port"`
	Weight  int32      `json:"weight"`
	Enabled bool       `json:"enabled"`
	Healthy bool       `json:"healthy"`
	Active  bool       `json:"active"` // in the kernel
	// Reason says why it is not serving, empty while it is.
	Reason     string   `json:"reason,omitempty"`
	Counters   Counters `json:"counters"`
	ActiveConn uint32   `json:"active_connections"`
	Inactive   uint32   `json:"inactive_connections"`
}

// VLANView is one VLAN of the cluster with what lies in it.
type VLANView struct {
	ID           uint16       `json:"id"`
	Hostname     string       `json:"hostname"`
	IPv4         netip.Prefix `json:"ipv4,omitzero"`
	IPv6         netip.Prefix `json:"ipv6,omitzero"`
	IPv4Backends int          `json:"ipv4_backends"`
	IPv6Backends int          `json:"ipv6_backends"`
	IPv4VIPs     int          `json:"ipv4_vips"`
	IPv6VIPs     int          `json:"ipv6_vips"`
}

// BGPNeighborView is one BGP session.
type BGPNeighborView struct {
	Addr        netip.Addr    `json:"address"`
	RouterID    netip.Addr    `json:"router_id,omitzero"`
	ASN         uint32        `json:"asn"`
	Description string        `json:"description,omitempty"`
	State       string        `json:"state"`
	Uptime      time.Duration `json:"uptime_ns"`
}
