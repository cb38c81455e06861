package wire

import (
	"testing"

	"seesaw/internal/lb"
	"seesaw/proto/api"
)

func TestAStrangeOverrideStateStaysStrange(t *testing.T) {
	for _, n := range []uint32{3, 255, 256, 258, 1 << 31} {
		s := FromPeerState(&api.PeerState{Overrides: []*api.OverrideRecord{{Vserver: "web", State: n}}})
		if got := s.Overrides[0].State; got <= lb.OverrideEnabled {
			t.Errorf("state %d was read as %v", n, got)
		}
	}
}
