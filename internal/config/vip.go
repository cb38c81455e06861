package config

import (
	"net/netip"

	"seesaw/internal/lb"
)

// AnycastRanges are the networks whose addresses are announced by BGP.
func AnycastRanges() [2]netip.Prefix {
	return [2]netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 255, 0}), 24),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x15, 0xca, 0xfe, 0xff, 0xff}), 64),
	}
}

// IsAnycast reports whether an address is to be announced by BGP.
func IsAnycast(a netip.Addr) bool {
	for _, r := range AnycastRanges() {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// VIPKind says where a service address lives: anycast if in the anycast ranges,
// else dedicated if in a dedicated subnet, else unicast.
func (c *Cluster) VIPKind(a netip.Addr) lb.VIPKind {
	if IsAnycast(a) {
		return lb.Anycast
	}
	for _, subnet := range c.DedicatedSubnets {
		if subnet.Contains(a) {
			return lb.Dedicated
		}
	}
	return lb.Unicast
}

// VLANUse is a VLAN with the number of different backends and service
// addresses that lie in its networks, over all vservers.
type VLANUse struct {
	VLAN           lb.VLAN
	Backends, VIPs PerFamily
}

// PerFamily is a number for each family.
type PerFamily struct{ IPv4, IPv6 int }

// VLANUse counts what lies in each VLAN, in the order of VLANs.
func (c *Cluster) VLANUse() []VLANUse {
	backends, vips := make(map[netip.Addr]bool), make(map[netip.Addr]bool)
	for _, v := range c.Vservers {
		for _, f := range lb.Families() {
			vips[v.Host.Addr(f)] = true
			for _, b := range v.Backends {
				backends[b.Host.Addr(f)] = true
			}
		}
	}
	uses := make([]VLANUse, len(c.VLANs))
	for i, vlan := range c.VLANs {
		uses[i] = VLANUse{VLAN: vlan, Backends: within(vlan.Host, backends), VIPs: within(vlan.Host, vips)}
	}
	return uses
}

// within counts the addresses in the networks of a host.
func within(h lb.Host, addrs map[netip.Addr]bool) PerFamily {
	var n PerFamily
	for a := range addrs {
		if h.IPv4.Contains(a) {
			n.IPv4++
		}
		if h.IPv6.Contains(a) {
			n.IPv6++
		}
	}
	return n
}
