package wire

import (
	"net/netip"
	"time"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// each converts a list, keeping nil for an empty one.
func each[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = convert(v)
	}
	return out
}

func toAddr(a netip.Addr) []byte { return a.AsSlice() }

func fromAddr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

func toPrefix(p netip.Prefix) *api.Prefix {
	if !p.IsValid() {
		return nil
	}
	return &api.Prefix{Addr: toAddr(p.Addr()), Bits: uint32(p.Bits())}
}

func fromPrefix(p *api.Prefix) netip.Prefix {
	if p == nil {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(fromAddr(p.GetAddr()), int(p.GetBits()))
}

func toTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromTime(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

func toHost(h lb.Host) *api.Host {
	return &api.Host{Name: h.Name, Ipv4: toPrefix(h.IPv4), Ipv6: toPrefix(h.IPv6)}
}

func fromHost(h *api.Host) lb.Host {
	return lb.Host{Name: h.GetName(), IPv4: fromPrefix(h.GetIpv4()), IPv6: fromPrefix(h.GetIpv6())}
}

func toKey(k lb.ServiceKey) *api.ServiceKey {
	return &api.ServiceKey{
		Family: uint32(k.Family), Protocol: uint32(k.Protocol), Addr: toAddr(k.Addr),
		Port: uint32(k.Port), Mark: k.Mark,
	}
}

func fromKey(k *api.ServiceKey) lb.ServiceKey {
	return lb.ServiceKey{
		Family: lb.Family(k.GetFamily()), Protocol: lb.Protocol(k.GetProtocol()), Addr: fromAddr(k.GetAddr()),
		Port: uint16(k.GetPort()), Mark: k.GetMark(),
	}
}

func toCounters(c lb.Counters) *api.Counters {
	return &api.Counters{
		Connections: c.Connections, PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut,
		BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		Cps: c.CPS, PpsIn: c.PPSIn, PpsOut: c.PPSOut, BpsIn: c.BPSIn, BpsOut: c.BPSOut,
	}
}

func fromCounters(c *api.Counters) lb.Counters {
	return lb.Counters{
		Connections: c.GetConnections(), PacketsIn: c.GetPacketsIn(), PacketsOut: c.GetPacketsOut(),
		BytesIn: c.GetBytesIn(), BytesOut: c.GetBytesOut(),
		CPS: c.GetCps(), PPSIn: c.GetPpsIn(), PPSOut: c.GetPpsOut(), BPSIn: c.GetBpsIn(), BPSOut: c.GetBpsOut(),
	}
}
