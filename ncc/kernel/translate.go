package kernel

import (
	"slices"

	"seesaw/internal/lb"
	"seesaw/ipvs"
)

// flagPairs are the options of a service, in our words and in the kernel's.
var flagPairs = [...]struct {
	ours   lb.Flags
	theirs ipvs.ServiceFlags
}{
	{lb.OnePacket, ipvs.FlagOnePacket},
	{lb.Fallback, ipvs.FlagScheduler1},
	{lb.HashPort, ipvs.FlagScheduler2},
	{lb.SchedOption3, ipvs.FlagScheduler3},
}

// modePairs are the forwarding modes. The kernel's other two, local and bypass,
// are nothing that we ever ask for and read back as no mode.
var modePairs = [...]struct {
	ours   lb.Mode
	theirs ipvs.Forwarding
}{
	{lb.DSR, ipvs.ForwardRoute},
	{lb.NAT, ipvs.ForwardMasq},
	{lb.TUN, ipvs.ForwardTunnel},
}

// toFamily is the zero family for anything but the two, for package ipvs to
// refuse or to fill in.
func toFamily(f lb.Family) ipvs.Family {
	switch f {
	case lb.IPv4:
		return ipvs.IPv4
	case lb.IPv6:
		return ipvs.IPv6
	}
	return 0
}

func fromFamily(f ipvs.Family) lb.Family {
	if f == ipvs.IPv6 {
		return lb.IPv6
	}
	return lb.IPv4
}

// toKey is a service with nothing but what identifies it.
func toKey(k lb.ServiceKey) ipvs.Service {
	return ipvs.Service{
		Family:   toFamily(k.Family),
		Address:  k.Addr,
		Protocol: ipvs.Protocol(k.Protocol),
		Port:     k.Port,
		FWMark:   k.Mark,
	}
}

func fromKey(k ipvs.ServiceKey) lb.ServiceKey {
	return lb.ServiceKey{
		Family:   fromFamily(k.Family),
		Protocol: lb.Protocol(k.Protocol),
		Addr:     k.Address,
		Port:     k.Port,
		Mark:     k.FWMark,
	}
}

// toService has no netmask: each client address persists by itself.
func toService(s lb.Service) ipvs.Service {
	t := toKey(s.Key)
	t.Scheduler = s.Scheduler
	for _, p := range flagPairs {
		if s.Flags&p.ours != 0 {
			t.Flags |= p.theirs
		}
	}
	if s.Persistence > 0 {
		t.Flags |= ipvs.FlagPersistent
		t.Timeout = s.Persistence
	}
	return t
}

// fromService leaves the destinations empty.
func fromService(t ipvs.Service) lb.Service {
	s := lb.Service{Key: fromKey(t.Key()), Scheduler: t.Scheduler, Want: lb.Present}
	for _, p := range flagPairs {
		if t.Flags&p.theirs != 0 {
			s.Flags |= p.ours
		}
	}
	if t.Flags&ipvs.FlagPersistent != 0 {
		s.Persistence = t.Timeout
	}
	return s
}

// toDestination makes a destination without a mode masqueraded, as the kernel's
// own zero is.
func toDestination(d lb.Destination) ipvs.Destination {
	t := ipvs.Destination{
		Address:        d.Addr,
		Port:           d.Port,
		Weight:         d.Weight,
		UpperThreshold: d.Upper,
		LowerThreshold: d.Lower,
	}
	for _, p := range modePairs {
		if d.Mode == p.ours {
			t.Forward = p.theirs
		}
	}
	return t
}

func fromDestination(t ipvs.Destination) lb.Destination {
	d := lb.Destination{
		Addr:   t.Address,
		Port:   t.Port,
		Weight: t.Weight,
		Upper:  t.UpperThreshold,
		Lower:  t.LowerThreshold,
		Want:   lb.Present,
	}
	for _, p := range modePairs {
		if t.Forward == p.theirs {
			d.Mode = p.ours
		}
	}
	return d
}

// fromDestinations puts them into the order that lb.Service promises.
func fromDestinations(all []ipvs.Destination) []lb.Destination {
	if len(all) == 0 {
		return nil
	}
	list := make([]lb.Destination, len(all))
	for i, t := range all {
		list[i] = fromDestination(t)
	}
	slices.SortFunc(list, func(a, b lb.Destination) int { return a.Key().Compare(b.Key()) })
	return list
}

func fromStats(s ipvs.Stats) lb.Counters {
	return lb.Counters{
		Connections: s.Connections,
		PacketsIn:   s.PacketsIn,
		PacketsOut:  s.PacketsOut,
		BytesIn:     s.BytesIn,
		BytesOut:    s.BytesOut,
		CPS:         s.CPS,
		PPSIn:       s.PPSIn,
		PPSOut:      s.PPSOut,
		BPSIn:       s.BPSIn,
		BPSOut:      s.BPSOut,
	}
}

func fromStatistics(all []ipvs.Destination) []lb.DestinationStatistics {
	list := make([]lb.DestinationStatistics, len(all))
	for i, t := range all {
		list[i] = lb.DestinationStatistics{
			Addr:       t.Address,
			Port:       t.Port,
			Counters:   fromStats(t.Stats),
			Active:     t.ActiveConns,
			Inactive:   t.InactiveConns,
			Persistent: t.PersistentConns,
		}
	}
	slices.SortFunc(list, func(a, b lb.DestinationStatistics) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		return int(a.Port) - int(b.Port)
	})
	return list
}
