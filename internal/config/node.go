package config

import (
	"net/netip"
	"time"

	"seesaw/internal/lb"
)

// Node is what one node knows of itself, from seesaw.cfg.
type Node struct {
	// Cluster is the name of the cluster, shown as the node's site.
	Cluster string
	// AnycastEnabled has anycast addresses announced by BGP.
	AnycastEnabled bool
	// VIPs are the cluster's own addresses, Addrs this node's, PeerAddrs the
	// other node's. VIPs and Addrs have at least one address.
	VIPs, Addrs, PeerAddrs Addrs
	// UseVMAC gives the LB interface the virtual MAC address of VRID.
	UseVMAC bool
	// AnnounceEvery is the pause between refreshing announcements of the VIPs.
	AnnounceEvery time.Duration
	VRID          uint8
	// ConfigServers are tried in this order, each as host:port. None: the
	// cluster comes from the local file alone.
	ConfigServers []string
	NodeInterface string
	LBInterface   string
	// ExtraAnycast are addresses that are always announced, sorted.
	ExtraAnycast []netip.Addr

	// AdvertInterval is the pause between two adverts of the leader, a multiple
	// of 10 ms.
	AdvertInterval time.Duration
	// Preempt lets a node of higher priority take the lead from a lower one.
	Preempt bool

	// PeerCA, PeerCert and PeerKey are the files that secure the link to the
	// peer; all three are set or none.
	PeerCA, PeerCert, PeerKey string
	// StateDir is where the engine keeps what must survive a restart.
	StateDir string
}

// HasPeer reports whether another node could take over.
func (n *Node) HasPeer() bool { return n.PeerAddrs.Any() }

// Addrs is at most one address in each family; an absent one is the zero Addr.
type Addrs struct{ IPv4, IPv6 netip.Addr }

// Addr returns the address of a family, or the zero Addr.
func (a Addrs) Addr(f lb.Family) netip.Addr {
	if f == lb.IPv6 {
		return a.IPv6
	}
	return a.IPv4
}

// Any reports whether there is an address in either family.
func (a Addrs) Any() bool { return a.IPv4.IsValid() || a.IPv6.IsValid() }

// List returns the addresses that are there, IPv4 first.
func (a Addrs) List() []netip.Addr {
	var list []netip.Addr
	for _, addr := range [...]netip.Addr{a.IPv4, a.IPv6} {
		if addr.IsValid() {
			list = append(list, addr)
		}
	}
	return list
}
