package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
	configpb "seesaw/proto/config"
)

// reader turns messages into values and notes what is wrong with them. A value
// made from a faulty message is not to be used.
type reader struct {
	findings
	root   *place                // the file itself: nil
	owners map[netip.Addr]string // of the addresses that are nodes' and VLANs' own
	names  map[string]*place     // of the vservers read so far
	claims map[claim]*place      // of the enabled and good among them
}

// claim is what only one vserver can serve.
type claim struct {
	addr     netip.Addr
	protocol lb.Protocol
	port     uint16
}

// cluster reads the whole file.
func (r *reader) cluster(raw *configpb.Cluster) *Cluster {
	c := &Cluster{Raw: raw}
	r.owners = make(map[netip.Addr]string)
	c.VIP = r.host(r.root.in("seesaw_vip"), raw.GetSeesawVip())
	c.VIPStatus = Status(raw.GetSeesawVip().GetStatus())
	c.Members = r.readMembers(raw, c.VIPStatus)
	c.VLANs = r.vlans(raw)
	c.BGP = r.bgp(raw)
	c.DedicatedSubnets = r.dedicated(raw)
	c.AccessGroups = r.accessGroups(raw)
	if m := raw.GetMetadata(); m != nil {
		c.LastUpdated = time.Unix(m.GetLastUpdated(), 0).UTC()
		for _, a := range m.GetAttribute() {
			c.Attributes = append(c.Attributes, Attribute{Name: a.GetName(), Value: a.GetValue()})
		}
	}
	for _, m := range raw.GetMisconfiguredVserver() {
		c.Warnings = append(c.Warnings, m.GetName()+": "+m.GetErrorMessage())
	}
	slices.Sort(c.Warnings)
	c.Vservers = r.vservers(raw)
	return c
}

// maxMembers is how many nodes can have a priority of their own below 255.
const maxMembers = 254

// readMembers reads the cluster's nodes and ranks them by address, IPv4 before
// IPv6.
func (r *reader) readMembers(raw *configpb.Cluster, vip Status) []Member {
	seen := make(map[string]*place)
	addrs := make(map[netip.Addr]*place)
	var members []Member
	for i, n := range raw.GetNode() {
		at := r.root.item("node", i, n.GetFqdn())
		m := Member{Host: r.host(at, n), Status: Status(n.GetStatus())}
		m.HA = (vip == Production || vip == Testing || vip == Building) && m.Status == vip
		m.BGP = m.Status.serving() || m.Status == Building
		m.Anycast, m.Vservers = m.Status.serving(), m.Status.serving()
		once(r, seen, n.GetFqdn(), at, "fqdn", "another node has this name")
		r.ownAddresses(addrs, at, m.Host, "another node has this address")
		r.owns(m.Host, "node "+m.Host.Name)
		members = append(members, m)
	}
	if len(members) > maxMembers {
		r.fault(r.root, "node", len(members), "at most 254 nodes in a cluster")
		return nil
	}
	slices.SortStableFunc(members, func(a, b Member) int { return rank(a.Host).Compare(rank(b.Host)) })
	for i := range members {
		members[i].Priority = uint8(maxMembers - i)
	}
	return members
}

// owns notes whose own a host's addresses are.
func (r *reader) owns(h lb.Host, owner string) {
	for _, f := range lb.Families() {
		if a := h.Addr(f); a.IsValid() {
			r.owners[a] = owner
		}
	}
}

// rank is the address by which a node is ranked.
func rank(h lb.Host) netip.Addr {
	if a := h.Addr(lb.IPv4); a.IsValid() {
		return a
	}
	return h.Addr(lb.IPv6)
}

func (r *reader) vlans(raw *configpb.Cluster) []lb.VLAN {
	seen := make(map[int32]*place)
	var vlans []lb.VLAN
	for i, v := range raw.GetVlan() {
		at := r.root.item("vlan", i, v.GetHost().GetFqdn())
		if id := v.GetVlanId(); id < 1 || id > 4094 {
			r.fault(at, "vlan_id", id, "want 1 to 4094")
		}
		once(r, seen, v.GetVlanId(), at, "vlan_id", "another vlan has this id")
		vlan := lb.VLAN{ID: uint16(v.GetVlanId()), Host: r.host(at.in("host"), v.GetHost())}
		r.owns(vlan.Host, fmt.Sprintf("vlan %d", vlan.ID))
		vlans = append(vlans, vlan)
	}
	slices.SortFunc(vlans, func(a, b lb.VLAN) int { return cmp.Compare(a.ID, b.ID) })
	return vlans
}

func (r *reader) bgp(raw *configpb.Cluster) BGP {
	b := BGP{LocalASN: raw.GetBgpLocalAsn(), RemoteASN: raw.GetBgpRemoteAsn()}
	seen := make(map[string]*place)
	for i, h := range raw.GetBgpPeer() {
		at := r.root.item("bgp_peer", i, h.GetFqdn())
		once(r, seen, h.GetFqdn(), at, "fqdn", "another bgp_peer has this name")
		b.Peers = append(b.Peers, r.host(at, h))
	}
	slices.SortFunc(b.Peers, func(a, b lb.Host) int { return strings.Compare(a.Name, b.Name) })
	return b
}

func (r *reader) dedicated(raw *configpb.Cluster) []netip.Prefix {
	seen := make(map[netip.Prefix]*place)
	var subnets []netip.Prefix
	for i, text := range raw.GetDedicatedVipSubnet() {
		at := r.root.item("dedicated_vip_subnet", i, "")
		subnet, why := prefix(text)
		if why != "" {
			r.fault(at, "", text, "want a network such as 192.0.2.0/24 ("+why+")")
			continue
		}
		subnet = subnet.Masked()
		once(r, seen, subnet, at, "", "this network is listed already")
		subnets = append(subnets, subnet)
	}
	slices.SortFunc(subnets, netip.Prefix.Compare)
	return subnets
}

func (r *reader) accessGroups(raw *configpb.Cluster) []AccessGroup {
	seen := make(map[string]*place)
	var groups []AccessGroup
	for i, g := range raw.GetAccessGroups() {
		at := r.root.item("access_groups", i, g.GetName())
		r.name(at, "name", g.GetName())
		once(r, seen, g.GetName(), at, "name", "another access group has this name")
		groups = append(groups, AccessGroup{Name: g.GetName(), Members: slices.Sorted(slices.Values(g.GetMember()))})
	}
	slices.SortFunc(groups, func(a, b AccessGroup) int { return strings.Compare(a.Name, b.Name) })
	return groups
}

// once notes a key that was seen before, and remembers it else.
func once[K comparable](r *reader, seen map[K]*place, key K, at *place, field, rule string) {
	if first, ok := seen[key]; ok {
		r.twice(at, field, key, rule, first)
		return
	}
	seen[key] = at
}
