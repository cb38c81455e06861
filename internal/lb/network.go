package lb

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Want says what should become of an object that has been named.
type Want uint8

// AsFound is the zero value on purpose: whoever does not yet know must not
// change anything. An object wanted AsFound is kept with its other attributes
// as wanted if it is there, and not made if it is not.
const (
	AsFound Want = iota
	Present
	Absent
)

func (w Want) String() string { return [...]string{"as found", "present", "absent"}[w%3] }

// Flags are the options of a service. Their numbers are our own; package
// ncc/kernel translates them.
type Flags uint8

// OnePacket schedules every datagram by itself. Fallback and HashPort are the
// options of the sh and mh schedulers: try another destination when the chosen
// one has weight 0, and hash the port too. WLC1 is the first option of wlc.
const (
	OnePacket Flags = 1 << iota
	Fallback
	HashPort
	SchedOption3
)

// ServiceKey is what identifies a service to the kernel: family, protocol,
// address and port, or family and firewall mark with all else zero.
type ServiceKey struct {
	Family   Family
	Protocol Protocol
	Addr     netip.Addr
	Port     uint16
	Mark     uint32
}

func (k ServiceKey) String() string {
	if k.Mark != 0 {
		return fmt.Sprintf("%v FWM/%d", k.Family, k.Mark)
	}
	return fmt.Sprintf("%v/%v", netip.AddrPortFrom(k.Addr, k.Port), k.Protocol)
}

// Compare orders services by family, mark, address, protocol and port.
func (k ServiceKey) Compare(o ServiceKey) int {
	return cmp.Or(cmp.Compare(k.Family, o.Family), cmp.Compare(k.Mark, o.Mark), k.Addr.Compare(o.Addr),
		cmp.Compare(k.Protocol, o.Protocol), cmp.Compare(k.Port, o.Port))
}

// Service is one IPVS service as it should be.
type Service struct {
	Key         ServiceKey
	Scheduler   string // the kernel's name: rr, wrr, lc, wlc, sh, mh …
	Flags       Flags
	Persistence time.Duration // zero = off; whole seconds
	Want        Want
	// Destinations are sorted by address and port, no two alike.
	Destinations []Destination
}

// Destination is one IPVS destination as it should be.
type Destination struct {
	Addr   netip.Addr
	Port   uint16 // zero for a firewall-mark service
	Mode   Mode
	Weight uint32
	// Upper and Lower are connection thresholds; zero = none.
	Upper, Lower uint32
	Want         Want
}

// Key is the destination's identity within its service.
func (d Destination) Key() netip.AddrPort { return netip.AddrPortFrom(d.Addr, d.Port) }

// VIP is one virtual address as it should be. Several vservers may want the
// same one; it goes when the last of them no longer wants it.
type VIP struct {
	Addr netip.Addr
	Kind VIPKind
	Want Want
}

// Vserver is all that one vserver needs of the host.
type Vserver struct {
	Name     string
	VIPs     []VIP     // sorted by address
	Services []Service // sorted by key
}

// VLAN is a tagged interface on top of the LB interface, with this node's
// address in it.
type VLAN struct {
	ID   uint16
	Host Host
}

// ProbeMark is a firewall-mark service with one destination, by which a DSR or
// TUN probe that was sent to a VIP reaches one given backend.
type ProbeMark struct {
	Mark    uint32
	Backend netip.Addr
	Mode    Mode // DSR or TUN
}

// Node is all that the node itself needs of the host, vservers apart.
type Node struct {
	NodeInterface string
	LBInterface   string
	// Addrs are this node's own addresses, at most one in each family: the
	// sources of its adverts and probes.
	Addrs []netip.Addr
	// ClusterVIPs are the cluster's own addresses, at most one in each family.
	ClusterVIPs []netip.Addr
	VRID        uint8
	// VirtualMAC gives the LB interface 00:00:5e:00:01:VRID (RFC 9568 7.3).
	VirtualMAC bool
	// Link says whether the LB interface should be up (Present) or down
	// (Absent). AsFound while the role is unknown.
	Link Want
	// Peer is true where another node could take over: only then does an engine
	// that has fallen silent take the LB interface down.
	Peer bool
	// AnnounceEvery is the pause between refreshing announcements of the VIPs
	// while the link is up.
	AnnounceEvery time.Duration
	VLANs         []VLAN
	Probes        []ProbeMark // sorted by mark
}

// Update is what the engine sends to ncc: a change to the wanted network, or,
// with nothing changed, the renewal of its lease.
type Update struct {
	// Base is the version that this update builds on, Version the one that it
	// makes. Versions are opaque to ncc: it only compares Base for equality. With
	// Full, Base is ignored and everything not named is no longer wanted.
	Base, Version uint64
	Full          bool
	Node          Node
	Changed       []Vserver // sorted by name
	Removed       []string
}

// Report is what is true after an Update.
type Report struct {
	// Version is what ncc has in force.
	Version uint64
	// Resend asks for a full update: ncc does not have the update's base.
	Resend bool
	Node   NodeReport
	// Vservers holds those that the update named and those whose truth has
	// changed since the last report; all of them after a full update.
	Vservers []VserverReport
}

// NodeReport is what is true of the node, vservers apart.
type NodeReport struct {
	// LinkUp is true while the LB interface is administratively up.
	LinkUp bool
	// LinkFoundUp is true while the LB interface is up and ncc's record says that
	// it was raised by us: to an engine that has just started it means that this
	// node led before.
	LinkFoundUp bool
	Problems    []Problem
}

// VserverReport is what is true of one vserver. It names the objects that are
// there; what was wanted and is not named is absent.
type VserverReport struct {
	Name     string
	VIPs     []netip.Addr
	Services []ServiceReport
	Problems []Problem
}

// ServiceReport is a service that is in the kernel, with its destinations.
type ServiceReport struct {
	Key          ServiceKey
	Destinations []DestinationReport
}

// DestinationReport is a destination that is in the kernel.
type DestinationReport struct {
	Addr   netip.Addr
	Port   uint16
	Weight uint32
}

// Problem is one object that could not be made as wanted: what, why, since
// when, and what mends it if that is known.
type Problem struct {
	Object string
	Reason string
	Since  time.Time
}

func (p Problem) String() string { return p.Object + ": " + p.Reason }

// SortVserver puts a vserver's lists into their promised order.
func SortVserver(v *Vserver) {
	slices.SortFunc(v.VIPs, func(a, b VIP) int { return a.Addr.Compare(b.Addr) })
	slices.SortFunc(v.Services, func(a, b Service) int { return a.Key.Compare(b.Key) })
	for i := range v.Services {
		slices.SortFunc(v.Services[i].Destinations, func(a, b Destination) int { return a.Key().Compare(b.Key()) })
	}
}

// Counters are the 64-bit statistics of a service or destination. The kernel
// refreshes them every 2 s; rates are its own estimates.
type Counters struct {
	Connections uint64 `json:"connections"`
	PacketsIn   uint64 `json:"packets_in"`
	PacketsOut  uint64 `json:"packets_out"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	CPS         uint64 `json:"connections_per_second"`
	PPSIn       uint64 `json:"packets_in_per_second"`
	PPSOut      uint64 `json:"packets_out_per_second"`
	BPSIn       uint64 `json:"bytes_in_per_second"`
	BPSOut      uint64 `json:"bytes_out_per_second"`
}

// ServiceStatistics are the counters of a service and its destinations.
type ServiceStatistics struct {
	Key          ServiceKey
	Counters     Counters
	Destinations []DestinationStatistics
}

// DestinationStatistics are the counters of a destination, with its present
// numbers of connections.
type DestinationStatistics struct {
	Addr                         netip.Addr
	Port                         uint16
	Counters                     Counters
	Active, Inactive, Persistent uint32
}
