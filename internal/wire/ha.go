package wire

import (
	"time"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// ToHADirective makes the message of what ha is to do.
func ToHADirective(d lb.HADirective) *api.HADirective {
	c := d.Config
	return &api.HADirective{
		Config: &api.HAConfig{
			Enabled: c.Enabled, Interface: c.Interface, LbInterface: c.LBInterface,
			Local: toAddr(c.Local), Group: toAddr(c.Group), Peer: c.Peer,
			Vrid: uint32(c.VRID), Priority: uint32(c.Priority), Interval: int64(c.Interval), Preempt: c.Preempt,
			Vips: each(c.VIPs, toAddr),
		},
		Led: d.Led, SinceWord: int64(d.SinceWord), Failover: d.Failover,
	}
}

// FromHADirective reads what ha is to do.
func FromHADirective(d *api.HADirective) lb.HADirective {
	c := d.GetConfig()
	return lb.HADirective{
		Config: lb.HAConfig{
			Enabled: c.GetEnabled(), Interface: c.GetInterface(), LBInterface: c.GetLbInterface(),
			Local: fromAddr(c.GetLocal()), Group: fromAddr(c.GetGroup()), Peer: c.GetPeer(),
			VRID: uint8(c.GetVrid()), Priority: uint8(c.GetPriority()), Interval: time.Duration(c.GetInterval()),
			Preempt: c.GetPreempt(), VIPs: each(c.GetVips(), fromAddr),
		},
		Led: d.GetLed(), SinceWord: time.Duration(d.GetSinceWord()), Failover: d.GetFailover(),
	}
}

// ToHAReport makes the message of ha's state.
func ToHAReport(r lb.HAReport) *api.HAReport {
	return &api.HAReport{
		Role: uint32(r.Role), Since: toTime(r.Since), Reason: r.Reason,
		Transitions: r.Transitions, Sent: r.Sent, Received: r.Received,
	}
}

// FromHAReport reads ha's state.
func FromHAReport(r *api.HAReport) lb.HAReport {
	return lb.HAReport{
		Role: lb.Role(r.GetRole()), Since: fromTime(r.GetSince()), Reason: r.GetReason(),
		Transitions: r.GetTransitions(), Sent: r.GetSent(), Received: r.GetReceived(),
	}
}
