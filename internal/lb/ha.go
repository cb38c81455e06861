package lb

import (
	"net/netip"
	"time"
)

// HAConfig is what the engine tells ha to run with. It is sent whole whenever
// it changes.
type HAConfig struct {
	// Enabled is false where this node takes no part in the election.
	Enabled bool
	// Interface is the node interface, over which adverts leave; LBInterface is
	// the one whose carrier counts while leading.
	Interface   string
	LBInterface string
	// Local is this node's own address and the sender of its adverts. Group is
	// where they go: 224.0.0.18, ff02::12 or a peer's address.
	Local, Group netip.Addr
	Peer         bool // another node is configured
	VRID         uint8
	Priority     uint8
	Interval     time.Duration
	Preempt      bool
	// VIPs are listed in the adverts: the cluster VIP of the election's family.
	VIPs []netip.Addr
}

// HADirective is what the engine sends to ha.
type HADirective struct {
	Config HAConfig
	// Led says that this node leads as far as the engine knows, SinceWord how
	// long ago ha last said so. Both tell a restarted ha whether it may resume.
	Led       bool
	SinceWord time.Duration
	// Failover asks a leader to resign to its peer.
	Failover bool
}

// HAReport is what ha sends to the engine: at every change of role and at
// least once in every advert interval.
type HAReport struct {
	Role        Role
	Since       time.Time
	Reason      string
	Transitions uint64
	Sent        uint64
	Received    uint64
}
