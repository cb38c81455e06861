package wire

import (
	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// ToReport makes the message of what is true of the host.
func ToReport(r lb.Report) *api.Report {
	return &api.Report{
		Version: r.Version, Resend: r.Resend,
		Node: &api.NodeReport{
			LinkUp: r.Node.LinkUp, LinkFoundUp: r.Node.LinkFoundUp, Problems: each(r.Node.Problems, toProblem),
		},
		Vservers: each(r.Vservers, toVserverReport),
	}
}

// FromReport reads what is true of the host.
func FromReport(r *api.Report) lb.Report {
	n := r.GetNode()
	return lb.Report{
		Version: r.GetVersion(), Resend: r.GetResend(),
		Node: lb.NodeReport{
			LinkUp: n.GetLinkUp(), LinkFoundUp: n.GetLinkFoundUp(), Problems: each(n.GetProblems(), fromProblem),
		},
		Vservers: each(r.GetVservers(), fromVserverReport),
	}
}

func toProblem(p lb.Problem) *api.Problem {
	return &api.Problem{Object: p.Object, Reason: p.Reason, Since: toTime(p.Since)}
}

func fromProblem(p *api.Problem) lb.Problem {
	return lb.Problem{Object: p.GetObject(), Reason: p.GetReason(), Since: fromTime(p.GetSince())}
}

func toVserverReport(v lb.VserverReport) *api.VserverReport {
	return &api.VserverReport{
		Name: v.Name, Vips: each(v.VIPs, toAddr),
		Services: each(v.Services, toServiceReport), Problems: each(v.Problems, toProblem),
	}
}

func fromVserverReport(v *api.VserverReport) lb.VserverReport {
	return lb.VserverReport{
		Name: v.GetName(), VIPs: each(v.GetVips(), fromAddr),
		Services: each(v.GetServices(), fromServiceReport), Problems: each(v.GetProblems(), fromProblem),
	}
}

func toServiceReport(s lb.ServiceReport) *api.ServiceReport {
	return &api.ServiceReport{Key: toKey(s.Key), Destinations: each(s.Destinations, func(d lb.DestinationReport) *api.DestinationReport {
		return &api.DestinationReport{Addr: toAddr(d.Addr), Port: uint32(d.Port), Weight: d.Weight}
	})}
}

func fromServiceReport(s *api.ServiceReport) lb.ServiceReport {
	return lb.ServiceReport{Key: fromKey(s.GetKey()), Destinations: each(s.GetDestinations(), func(d *api.DestinationReport) lb.DestinationReport {
		return lb.DestinationReport{Addr: fromAddr(d.GetAddr()), Port: uint16(d.GetPort()), Weight: d.GetWeight()}
	})}
}

// ToStatistics makes the message of the counters of all services.
func ToStatistics(list []lb.ServiceStatistics) *api.StatisticsReply {
	return &api.StatisticsReply{Services: each(list, func(s lb.ServiceStatistics) *api.ServiceStatistics {
		return &api.ServiceStatistics{
			Key: toKey(s.Key), Counters: toCounters(s.Counters), Destinations: each(s.Destinations, toDestinationStatistics),
		}
	})}
}

// FromStatistics reads the counters of all services.
func FromStatistics(r *api.StatisticsReply) []lb.ServiceStatistics {
	return each(r.GetServices(), func(s *api.ServiceStatistics) lb.ServiceStatistics {
		return lb.ServiceStatistics{
			Key: fromKey(s.GetKey()), Counters: fromCounters(s.GetCounters()),
			Destinations: each(s.GetDestinations(), fromDestinationStatistics),
		}
	})
}

func toDestinationStatistics(d lb.DestinationStatistics) *api.DestinationStatistics {
	return &api.DestinationStatistics{
		Addr: toAddr(d.Addr), Port: uint32(d.Port), Counters: toCounters(d.Counters),
		Active: d.Active, Inactive: d.Inactive, Persistent: d.Persistent,
	}
}

func fromDestinationStatistics(d *api.DestinationStatistics) lb.DestinationStatistics {
	return lb.DestinationStatistics{
		Addr: fromAddr(d.GetAddr()), Port: uint16(d.GetPort()), Counters: fromCounters(d.GetCounters()),
		Active: d.GetActive(), Inactive: d.GetInactive(), Persistent: d.GetPersistent(),
	}
}
