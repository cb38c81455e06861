package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
	configpb "seesaw/proto/config"
)

// Cluster is a cluster file that can be acted on.
type Cluster struct {
	// VIP is the address that the leading node holds.
	VIP       lb.Host
	VIPStatus Status
	// Members are the cluster's nodes in order of priority, highest first.
	Members []Member
	// VLANs are sorted by ID.
	VLANs []lb.VLAN
	// Vservers are those without a fault, sorted by name.
	Vservers []*Vserver
	// Faulty are the vservers that were left out, in the file's order.
	Faulty []Faulty
	// AccessGroups are sorted by name.
	AccessGroups []AccessGroup
	BGP          BGP
	// DedicatedSubnets are sorted; their addresses' host bits are zero.
	DedicatedSubnets []netip.Prefix
	// LastUpdated is when the file was made; zero = it does not say.
	LastUpdated time.Time
	// Attributes are in the file's order.
	Attributes []Attribute
	// Warnings are what the file itself has to say to operators, sorted: its
	// misconfigured vservers as "name: message".
	Warnings []string
	// Notices are what is odd about single fields although it is accepted, in
	// the file's order. What is odd about a vserver is among its Warnings.
	Notices Problems
	// Raw is what was read, whole, the faulty vservers too. It must not be
	// changed.
	Raw *configpb.Cluster
}

// Status is where a host stands in its life, with the numbers and names of the
// cluster file.
type Status uint8

// The life of a host. One without a status is in Production.
const (
	Production Status = 1 + iota
	Testing
	Building
	Standby
	Failure
	Disabled
	Proposed
)

func (s Status) String() string { return configpb.Host_Status(s).String() }

// serving reports whether a host of this status gets traffic.
func (s Status) serving() bool { return s == Production || s == Testing }

// Member is one node of the cluster.
type Member struct {
	Host   lb.Host
	Status Status
	// Priority is the node's in the election: 254 for the lowest address, one
	// less for each next one.
	Priority uint8
	// HA is whether the node takes part in the election, Anycast, BGP and
	// Vservers what it does besides.
	HA, Anycast, BGP, Vservers bool
}

// Vserver is one service: a name, an address in each family, some ports, and
// the backends behind them.
type Vserver struct {
	Name string
	// Host has the service's addresses, one at least.
	Host   lb.Host
	Status Status
	// Enabled is what the status says; an override may say otherwise.
	Enabled          bool
	ResponsibleParty string
	// UseFWM has one service by firewall mark in each family in place of one for
	// each entry. All entries then agree in all but protocol, port and checks.
	UseFWM bool
	// Entries are sorted by protocol and port, no two alike.
	Entries []Entry
	// Checks hold for every entry; sorted by name, no two alike.
	Checks []Check
	// Backends are sorted by name; no two have a name or an address in common.
	Backends []Backend
	// Warnings are for whoever looks at the vserver, sorted: the file's own and
	// ours.
	Warnings []string
	Grants   []Grant
}

// Entry is one port of a vserver.
type Entry struct {
	Protocol lb.Protocol
	// Port is 0 for all ports; such an entry is persistent.
	Port        uint16
	Scheduler   string // the kernel's name: rr, wlc, mh …
	Mode        lb.Mode
	Persistence time.Duration // whole seconds; zero = off
	OnePacket   bool
	// Low and High are the shares of healthy backends, 0 to 1, below which the
	// service goes down and from which it comes up; Low <= High. They are 32-bit
	// so that 2 of 5 reaches 0.4.
	Low, High float32
	// LThreshold and UThreshold are connections to one backend; zero = off.
	LThreshold, UThreshold uint32
	// Quiescent is read and has no effect.
	Quiescent bool
	// Checks are for this entry alone; sorted by name, no two alike.
	Checks []Check
}

// Check is one question to be put to every backend of a vserver or an entry.
type Check struct {
	// Name is the check's identity within its list, as HTTPS/443_0.
	Name string
	Kind lb.CheckKind
	// Mode is zero for a plain check, or DSR or TUN.
	Mode lb.Mode
	// Port is the backend's; zero for ICMP.
	Port              uint16
	Interval, Timeout time.Duration // whole seconds, at least one
	// Retries is how many consecutive failures a healthy backend is forgiven.
	Retries       int
	Send, Receive string
	Code          int // zero = the protocol's default
	Method        string
	Proxy         bool
	TLSVerify     bool
}

// Backend is one server behind a vserver.
type Backend struct {
	Host   lb.Host
	Status Status
	Weight uint32
	// Enabled is whether it may get traffic; InService whether it counts among
	// those of which a share must be healthy.
	Enabled, InService bool
}

// Faulty is a vserver that was left out. Several may have one name, and a good
// one may have it too: a name that is given twice serves the first.
type Faulty struct {
	Name     string
	Problems Problems
}

// AccessGroup is a named list of users, sorted.
type AccessGroup struct {
	Name    string
	Members []string
}

// Grant lets somebody act on a vserver.
type Grant struct {
	Grantee string
	Group   bool // the grantee is an access group, not a user
	Admin   bool // the role is ADMIN, not OPS
}

// BGP is the cluster's routing; Peers are sorted by name.
type BGP struct {
	LocalASN, RemoteASN uint32
	Peers               []lb.Host
}

// Attribute is a free note about the file.
type Attribute struct{ Name, Value string }

// Vserver returns the vserver of a name, or nil.
func (c *Cluster) Vserver(name string) *Vserver {
	i, found := slices.BinarySearchFunc(c.Vservers, name, func(v *Vserver, name string) int {
		return strings.Compare(v.Name, name)
	})
	if !found {
		return nil
	}
	return c.Vservers[i]
}

// Member returns the node that has one of the given addresses, IPv4 before
// IPv6, and whether there is one.
func (c *Cluster) Member(a Addrs) (Member, bool) {
	for _, addr := range a.List() {
		for _, m := range c.Members {
			if m.Host.Addr(lb.FamilyOf(addr)) == addr {
				return m, true
			}
		}
	}
	return Member{}, false
}

// Equal reports whether two vservers say the same.
func (v *Vserver) Equal(o *Vserver) bool {
	if v == o {
		return true
	}
	return v.Name == o.Name && v.Host == o.Host && v.Status == o.Status && v.UseFWM == o.UseFWM &&
		v.ResponsibleParty == o.ResponsibleParty && slices.EqualFunc(v.Entries, o.Entries, Entry.Equal) &&
		slices.Equal(v.Checks, o.Checks) && slices.Equal(v.Backends, o.Backends) &&
		slices.Equal(v.Warnings, o.Warnings) && slices.Equal(v.Grants, o.Grants)
}

// Equal reports whether two entries say the same.
func (e Entry) Equal(o Entry) bool {
	return e.sameService(o) && e.Protocol == o.Protocol && e.Port == o.Port &&
		e.Quiescent == o.Quiescent && slices.Equal(e.Checks, o.Checks)
}

// sameService reports whether two entries could share one kernel service.
func (e Entry) sameService(o Entry) bool {
	return e.Scheduler == o.Scheduler && e.Mode == o.Mode && e.Persistence == o.Persistence &&
		e.OnePacket == o.OnePacket && e.Low == o.Low && e.High == o.High &&
		e.LThreshold == o.LThreshold && e.UThreshold == o.UThreshold
}
