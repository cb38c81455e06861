package wire

import (
	"time"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// ToUpdate makes the message of an update of the wanted network.
func ToUpdate(u lb.Update) *api.Update {
	return &api.Update{
		Base: u.Base, Version: u.Version, Full: u.Full,
		Node: toNode(u.Node), Changed: each(u.Changed, toVserver), Removed: u.Removed,
	}
}

// FromUpdate reads an update of the wanted network.
func FromUpdate(u *api.Update) lb.Update {
	return lb.Update{
		Base: u.GetBase(), Version: u.GetVersion(), Full: u.GetFull(),
		Node: fromNode(u.GetNode()), Changed: each(u.GetChanged(), fromVserver), Removed: u.GetRemoved(),
	}
}

func toNode(n lb.Node) *api.Node {
	return &api.Node{
		NodeInterface: n.NodeInterface, LbInterface: n.LBInterface,
		Addrs: each(n.Addrs, toAddr), ClusterVips: each(n.ClusterVIPs, toAddr),
		Vrid: uint32(n.VRID), VirtualMac: n.VirtualMAC, Link: uint32(n.Link), Peer: n.Peer,
		AnnounceEvery: int64(n.AnnounceEvery),
		Vlans:         each(n.VLANs, toVLAN), Probes: each(n.Probes, toProbe),
	}
}

func fromNode(n *api.Node) lb.Node {
	return lb.Node{
		NodeInterface: n.GetNodeInterface(), LBInterface: n.GetLbInterface(),
		Addrs: each(n.GetAddrs(), fromAddr), ClusterVIPs: each(n.GetClusterVips(), fromAddr),
		VRID: uint8(n.GetVrid()), VirtualMAC: n.GetVirtualMac(), Link: lb.Want(n.GetLink()), Peer: n.GetPeer(),
		AnnounceEvery: time.Duration(n.GetAnnounceEvery()),
		VLANs:         each(n.GetVlans(), fromVLAN), Probes: each(n.GetProbes(), fromProbe),
	}
}

func toVLAN(v lb.VLAN) *api.VLAN { return &api.VLAN{Id: uint32(v.ID), Host: toHost(v.Host)} }

func fromVLAN(v *api.VLAN) lb.VLAN {
	return lb.VLAN{ID: uint16(v.GetId()), Host: fromHost(v.GetHost())}
}

func toProbe(p lb.ProbeMark) *api.ProbeMark {
	return &api.ProbeMark{Mark: p.Mark, Backend: toAddr(p.Backend), Mode: uint32(p.Mode)}
}

func fromProbe(p *api.ProbeMark) lb.ProbeMark {
	return lb.ProbeMark{Mark: p.GetMark(), Backend: fromAddr(p.GetBackend()), Mode: lb.Mode(p.GetMode())}
}

func toVserver(v lb.Vserver) *api.Vserver {
	return &api.Vserver{Name: v.Name, Vips: each(v.VIPs, toVIP), Services: each(v.Services, toService)}
}

func fromVserver(v *api.Vserver) lb.Vserver {
	return lb.Vserver{Name: v.GetName(), VIPs: each(v.GetVips(), fromVIP), Services: each(v.GetServices(), fromService)}
}

func toVIP(v lb.VIP) *api.VIP {
	return &api.VIP{Addr: toAddr(v.Addr), Kind: uint32(v.Kind), Want: uint32(v.Want)}
}

func fromVIP(v *api.VIP) lb.VIP {
	return lb.VIP{Addr: fromAddr(v.GetAddr()), Kind: lb.VIPKind(v.GetKind()), Want: lb.Want(v.GetWant())}
}

func toService(s lb.Service) *api.Service {
	return &api.Service{
		Key: toKey(s.Key), Scheduler: s.Scheduler, Flags: uint32(s.Flags), Persistence: int64(s.Persistence),
		Want: uint32(s.Want), Destinations: each(s.Destinations, toDestination),
	}
}

func fromService(s *api.Service) lb.Service {
	return lb.Service{
		Key: fromKey(s.GetKey()), Scheduler: s.GetScheduler(), Flags: lb.Flags(s.GetFlags()),
		Persistence: time.Duration(s.GetPersistence()), Want: lb.Want(s.GetWant()),
		Destinations: each(s.GetDestinations(), fromDestination),
	}
}

func toDestination(d lb.Destination) *api.Destination {
	return &api.Destination{
		Addr: toAddr(d.Addr), Port: uint32(d.Port), Mode: uint32(d.Mode), Weight: d.Weight,
		Upper: d.Upper, Lower: d.Lower, Want: uint32(d.Want),
	}
}

func fromDestination(d *api.Destination) lb.Destination {
	return lb.Destination{
		Addr: fromAddr(d.GetAddr()), Port: uint16(d.GetPort()), Mode: lb.Mode(d.GetMode()), Weight: d.GetWeight(),
		Upper: d.GetUpper(), Lower: d.GetLower(), Want: lb.Want(d.GetWant()),
	}
}
