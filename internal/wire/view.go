package wire

import (
	"time"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// ToClusterView makes the message of the cluster as this node sees it.
func ToClusterView(c lb.ClusterView) *api.ClusterView {
	return &api.ClusterView{Version: c.Version, Site: c.Site, Nodes: each(c.Nodes, func(n lb.NodeView) *api.NodeView {
		return &api.NodeView{
			Hostname: n.Hostname, Ipv4: toPrefix(n.IPv4), Ipv6: toPrefix(n.IPv6), Priority: uint32(n.Priority), Local: n.Local,
			HaEnabled: n.HAEnabled, AnycastEnabled: n.AnycastEnabled, BgpEnabled: n.BGPEnabled,
			VserversEnabled: n.VserversEnabled, Problems: n.Problems,
		}
	})}
}

// FromClusterView reads the cluster as the node sees it.
func FromClusterView(c *api.ClusterView) lb.ClusterView {
	return lb.ClusterView{Version: c.GetVersion(), Site: c.GetSite(), Nodes: each(c.GetNodes(), func(n *api.NodeView) lb.NodeView {
		return lb.NodeView{
			Hostname: n.GetHostname(), IPv4: fromPrefix(n.GetIpv4()), IPv6: fromPrefix(n.GetIpv6()),
			Priority: uint8(n.GetPriority()), Local: n.GetLocal(),
			HAEnabled: n.GetHaEnabled(), AnycastEnabled: n.GetAnycastEnabled(), BGPEnabled: n.GetBgpEnabled(),
			VserversEnabled: n.GetVserversEnabled(), Problems: n.GetProblems(),
		}
	})}
}

// ToConfigView makes the message of which config is in force.
func ToConfigView(c lb.ConfigView) *api.ConfigView {
	return &api.ConfigView{
		LastUpdate: toTime(c.LastUpdate),
		Attributes: each(c.Attributes, func(a lb.Attribute) *api.Attribute { return &api.Attribute{Name: a.Name, Value: a.Value} }),
		Warnings:   c.Warnings, Source: c.Source, InUse: c.InUse, Reason: c.Reason, LoadedAt: toTime(c.LoadedAt),
		Hash: c.Hash, Peer: toPeerView(c.Peer),
	}
}

// FromConfigView reads which config is in force.
func FromConfigView(c *api.ConfigView) lb.ConfigView {
	return lb.ConfigView{
		LastUpdate: fromTime(c.GetLastUpdate()),
		Attributes: each(c.GetAttributes(), func(a *api.Attribute) lb.Attribute {
			return lb.Attribute{Name: a.GetName(), Value: a.GetValue()}
		}),
		Warnings: c.GetWarnings(), Source: c.GetSource(), InUse: c.GetInUse(), Reason: c.GetReason(),
		LoadedAt: fromTime(c.GetLoadedAt()), Hash: c.GetHash(), Peer: fromPeerView(c.GetPeer()),
	}
}

// ToHAView makes the message of the election's state.
func ToHAView(h lb.HAView) *api.HAView {
	return &api.HAView{
		State: uint32(h.State), Since: toTime(h.Since), Reason: h.Reason, Transitions: h.Transitions,
		Sent: h.Sent, Received: h.Received, LastUpdate: toTime(h.LastUpdate),
	}
}

// FromHAView reads the election's state.
func FromHAView(h *api.HAView) lb.HAView {
	return lb.HAView{
		State: lb.Role(h.GetState()), Since: fromTime(h.GetSince()), Reason: h.GetReason(), Transitions: h.GetTransitions(),
		Sent: h.GetSent(), Received: h.GetReceived(), LastUpdate: fromTime(h.GetLastUpdate()),
	}
}

// ToVservers makes the message of the vservers as they are.
func ToVservers(list []lb.VserverView) *api.VserversReply {
	return &api.VserversReply{Vservers: each(list, func(v lb.VserverView) *api.VserverView {
		return &api.VserverView{
			Name: v.Name, Hostname: v.Hostname, Ipv4: toPrefix(v.IPv4), Ipv6: toPrefix(v.IPv6),
			Enabled: v.Enabled, ConfigEnabled: v.ConfigEnabled, Override: uint32(v.Override),
			Services: each(v.Services, toServiceView), Warnings: v.Warnings,
		}
	})}
}

// FromVservers reads the vservers as they are.
func FromVservers(r *api.VserversReply) []lb.VserverView {
	return each(r.GetVservers(), func(v *api.VserverView) lb.VserverView {
		return lb.VserverView{
			Name: v.GetName(), Hostname: v.GetHostname(), IPv4: fromPrefix(v.GetIpv4()), IPv6: fromPrefix(v.GetIpv6()),
			Enabled: v.GetEnabled(), ConfigEnabled: v.GetConfigEnabled(), Override: lb.Override(v.GetOverride()),
			Services: each(v.GetServices(), fromServiceView), Warnings: v.GetWarnings(),
		}
	})
}

func toServiceView(s lb.ServiceView) *api.ServiceView {
	return &api.ServiceView{
		Family: uint32(s.Family), Protocol: uint32(s.Protocol), Port: uint32(s.Port), Mark: s.Mark, Mode: uint32(s.Mode),
		Scheduler: s.Scheduler, OnePacket: s.OnePacket, Persistence: int64(s.Persistence),
		Enabled: s.Enabled, Healthy: s.Healthy, Active: s.Active, Low: s.Low, High: s.High, Current: s.Current,
		Reason: s.Reason, Counters: toCounters(s.Counters), Destinations: each(s.Destinations, toDestinationView),
	}
}

func fromServiceView(s *api.ServiceView) lb.ServiceView {
	return lb.ServiceView{
		Family: lb.Family(s.GetFamily()), Protocol: lb.Protocol(s.GetProtocol()), Port: uint16(s.GetPort()), Mark: s.GetMark(),
		Mode: lb.Mode(s.GetMode()), Scheduler: s.GetScheduler(), OnePacket: s.GetOnePacket(), Persistence: int(s.GetPersistence()),
		Enabled: s.GetEnabled(), Healthy: s.GetHealthy(), Active: s.GetActive(),
		Low: s.GetLow(), High: s.GetHigh(), Current: s.GetCurrent(),
		Reason: s.GetReason(), Counters: fromCounters(s.GetCounters()), Destinations: each(s.GetDestinations(), fromDestinationView),
	}
}

func toDestinationView(d lb.DestinationView) *api.DestinationView {
	return &api.DestinationView{
		Name: d.Name, Backend: d.Backend, Addr: toAddr(d.Addr), Port: uint32(d.Port), Weight: d.Weight,
		Enabled: d.Enabled, Healthy: d.Healthy, Active: d.Active, Reason: d.Reason,
		Counters: toCounters(d.Counters), ActiveConnections: d.ActiveConn, InactiveConnections: d.Inactive,
	}
}

func fromDestinationView(d *api.DestinationView) lb.DestinationView {
	return lb.DestinationView{
		Name: d.GetName(), Backend: d.GetBackend(), Addr: fromAddr(d.GetAddr()), Port: uint16(d.GetPort()), Weight: d.GetWeight(),
		Enabled: d.GetEnabled(), Healthy: d.GetHealthy(), Active: d.GetActive(), Reason: d.GetReason(),
		Counters: fromCounters(d.GetCounters()), ActiveConn: d.GetActiveConnections(), Inactive: d.GetInactiveConnections(),
	}
}

// ToVLANs makes the message of the cluster's VLANs.
func ToVLANs(list []lb.VLANView) *api.VLANsReply {
	return &api.VLANsReply{Vlans: each(list, func(v lb.VLANView) *api.VLANView {
		return &api.VLANView{
			Id: uint32(v.ID), Hostname: v.Hostname, Ipv4: toPrefix(v.IPv4), Ipv6: toPrefix(v.IPv6),
			Ipv4Backends: int64(v.IPv4Backends), Ipv6Backends: int64(v.IPv6Backends),
			Ipv4Vips: int64(v.IPv4VIPs), Ipv6Vips: int64(v.IPv6VIPs),
		}
	})}
}

// FromVLANs reads the cluster's VLANs.
func FromVLANs(r *api.VLANsReply) []lb.VLANView {
	return each(r.GetVlans(), func(v *api.VLANView) lb.VLANView {
		return lb.VLANView{
			ID: uint16(v.GetId()), Hostname: v.GetHostname(), IPv4: fromPrefix(v.GetIpv4()), IPv6: fromPrefix(v.GetIpv6()),
			IPv4Backends: int(v.GetIpv4Backends()), IPv6Backends: int(v.GetIpv6Backends()),
			IPv4VIPs: int(v.GetIpv4Vips()), IPv6VIPs: int(v.GetIpv6Vips()),
		}
	})
}

// ToBGPNeighbors makes the message of the BGP sessions.
func ToBGPNeighbors(list []lb.BGPNeighborView) *api.BGPNeighborsReply {
	return &api.BGPNeighborsReply{Neighbors: each(list, func(n lb.BGPNeighborView) *api.BGPNeighborView {
		return &api.BGPNeighborView{
			Addr: toAddr(n.Addr), RouterId: toAddr(n.RouterID), Asn: n.ASN, Description: n.Description,
			State: n.State, Uptime: int64(n.Uptime),
		}
	})}
}

// FromBGPNeighbors reads the BGP sessions.
func FromBGPNeighbors(r *api.BGPNeighborsReply) []lb.BGPNeighborView {
	return each(r.GetNeighbors(), func(n *api.BGPNeighborView) lb.BGPNeighborView {
		return lb.BGPNeighborView{
			Addr: fromAddr(n.GetAddr()), RouterID: fromAddr(n.GetRouterId()), ASN: n.GetAsn(), Description: n.GetDescription(),
			State: n.GetState(), Uptime: time.Duration(n.GetUptime()),
		}
	})
}
