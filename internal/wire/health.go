package wire

import (
	"time"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// ToCheckUpdate makes the message of a change to the set of checks.
func ToCheckUpdate(u lb.CheckUpdate) *api.CheckUpdate {
	return &api.CheckUpdate{
		Full: u.Full, Changed: each(u.Changed, toCheck),
		Removed: each(u.Removed, func(id lb.CheckID) uint64 { return uint64(id) }),
	}
}

// FromCheckUpdate reads a change to the set of checks.
func FromCheckUpdate(u *api.CheckUpdate) lb.CheckUpdate {
	return lb.CheckUpdate{
		Full: u.GetFull(), Changed: each(u.GetChanged(), fromCheck),
		Removed: each(u.GetRemoved(), func(id uint64) lb.CheckID { return lb.CheckID(id) }),
	}
}

func toCheck(c lb.Check) *api.Check {
	return &api.Check{
		Id: uint64(c.ID), Kind: uint32(c.Kind), Addr: toAddr(c.Addr), Backend: toAddr(c.Backend), Port: uint32(c.Port),
		Mode: uint32(c.Mode), Mark: c.Mark, Source: toAddr(c.Source),
		Interval: int64(c.Interval), Timeout: int64(c.Timeout), Retries: int64(c.Retries),
		Send: []byte(c.Send), Receive: []byte(c.Receive), Code: int64(c.Code),
		Method: c.Method, Proxy: c.Proxy, TlsVerify: c.TLSVerify,
	}
}

func fromCheck(c *api.Check) lb.Check {
	return lb.Check{
		ID: lb.CheckID(c.GetId()), Kind: lb.CheckKind(c.GetKind()), Addr: fromAddr(c.GetAddr()),
		Backend: fromAddr(c.GetBackend()), Port: uint16(c.GetPort()),
		Mode: lb.Mode(c.GetMode()), Mark: c.GetMark(), Source: fromAddr(c.GetSource()),
		Interval: time.Duration(c.GetInterval()), Timeout: time.Duration(c.GetTimeout()), Retries: int(c.GetRetries()),
		Send: string(c.GetSend()), Receive: string(c.GetReceive()), Code: int(c.GetCode()),
		Method: c.GetMethod(), Proxy: c.GetProxy(), TLSVerify: c.GetTlsVerify(),
	}
}

// ToVerdictReport makes the message of what healthcheck knows.
func ToVerdictReport(r lb.VerdictReport) *api.VerdictReport {
	return &api.VerdictReport{Full: r.Full, Verdicts: each(r.Verdicts, func(v lb.Verdict) *api.Verdict {
		return &api.Verdict{
			Id: uint64(v.ID), State: uint32(v.State), LastCheck: toTime(v.LastCheck), Duration: int64(v.Duration),
			Failures: v.Failures, Successes: v.Successes, Message: v.Message,
		}
	})}
}

// FromVerdictReport reads what healthcheck knows.
func FromVerdictReport(r *api.VerdictReport) lb.VerdictReport {
	return lb.VerdictReport{Full: r.GetFull(), Verdicts: each(r.GetVerdicts(), func(v *api.Verdict) lb.Verdict {
		return lb.Verdict{
			ID: lb.CheckID(v.GetId()), State: lb.Health(v.GetState()), LastCheck: fromTime(v.GetLastCheck()),
			Duration: time.Duration(v.GetDuration()), Failures: v.GetFailures(), Successes: v.GetSuccesses(),
			Message: v.GetMessage(),
		}
	})}
}
