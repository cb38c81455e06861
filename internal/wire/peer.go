package wire

import (
	"math"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

// ToPeerState makes the message of all that a node tells its peer.
func ToPeerState(s lb.PeerState) *api.PeerState {
	return &api.PeerState{
		Config: &api.ConfigVersion{Hash: s.Config.Hash, LastUpdate: toTime(s.Config.LastUpdate)},
		Overrides: each(s.Overrides, func(r lb.OverrideRecord) *api.OverrideRecord {
			return &api.OverrideRecord{Vserver: r.Vserver, State: uint32(r.State), Time: toTime(r.Time), Node: r.Node}
		}),
	}
}

// FromPeerState reads what the peer tells. A number that is no override state
// stays one that is none.
func FromPeerState(s *api.PeerState) lb.PeerState {
	return lb.PeerState{
		Config: lb.ConfigVersion{Hash: s.GetConfig().GetHash(), LastUpdate: fromTime(s.GetConfig().GetLastUpdate())},
		Overrides: each(s.GetOverrides(), func(r *api.OverrideRecord) lb.OverrideRecord {
			return lb.OverrideRecord{
				Vserver: r.GetVserver(), State: lb.Override(min(r.GetState(), math.MaxUint8)),
				Time: fromTime(r.GetTime()), Node: r.GetNode(),
			}
		}),
	}
}

func toPeerView(v lb.PeerView) *api.PeerView {
	return &api.PeerView{
		Connected: v.Connected, Since: toTime(v.Since), Reason: v.Reason,
		ConfigHash: v.Config.Hash, ConfigLastUpdate: toTime(v.Config.LastUpdate), SameConfig: v.SameConfig,
	}
}

func fromPeerView(v *api.PeerView) lb.PeerView {
	return lb.PeerView{
		Connected: v.GetConnected(), Since: fromTime(v.GetSince()), Reason: v.GetReason(),
		Config:     lb.ConfigVersion{Hash: v.GetConfigHash(), LastUpdate: fromTime(v.GetConfigLastUpdate())},
		SameConfig: v.GetSameConfig(),
	}
}
