package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seesaw/internal/lb"
	"seesaw/ipvs"
)

// sampleServices is one service of every kind that differs in translation.
func sampleServices() []lb.Service {
	key := func(addr string, p lb.Protocol, port uint16) lb.ServiceKey {
		a := netip.MustParseAddr(addr)
		return lb.ServiceKey{Family: lb.FamilyOf(a), Protocol: p, Addr: a, Port: port}
	}
	return []lb.Service{
		{Key: key("192.0.2.1", lb.TCP, 80), Scheduler: "rr"},
		{Key: key("192.0.2.1", lb.UDP, 53), Scheduler: "wrr", Flags: lb.OnePacket},
		{Key: key("192.0.2.1", lb.SCTP, 3868), Scheduler: "lc"},
		{Key: key("192.0.2.2", lb.TCP, 0), Scheduler: "wlc", Persistence: 90 * time.Second},
		{Key: key("2001:db8::1", lb.TCP, 443), Scheduler: "sh", Flags: lb.Fallback | lb.HashPort},
		{Key: key("2001:db8::1", lb.UDP, 443), Scheduler: "mh", Flags: lb.HashPort, Persistence: time.Hour},
		{Key: lb.ServiceKey{Family: lb.IPv4, Mark: 256}, Scheduler: "wlc", Flags: lb.Fallback},
		{Key: lb.ServiceKey{Family: lb.IPv6, Mark: 256}, Scheduler: "wlc", Flags: lb.SchedOption3},
	}
}

// sampleDestinations fits any service whose family is that of addr.
func sampleDestinations(addr string, port uint16) []lb.Destination {
	a := netip.MustParseAddr(addr)
	b, c := a.Next(), a.Next().Next()
	return []lb.Destination{
		{Addr: a, Port: port, Mode: lb.DSR, Weight: 1},
		{Addr: b, Port: port, Mode: lb.TUN, Weight: 0},
		{Addr: c, Port: port, Mode: lb.NAT, Weight: 65536, Upper: 100, Lower: 80},
	}
}

func TestServiceRoundTrip(t *testing.T) {
	for _, want := range sampleServices() {
		t.Run(want.Key.String(), func(t *testing.T) {
			sent := toService(want)
			// What the kernel adds to every service.
			sent.Flags |= ipvs.FlagHashed
			want.Want = lb.Present
			if diff := cmp.Diff(want, fromService(sent), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceInKernelWords(t *testing.T) {
	a := netip.MustParseAddr("2001:db8::1")
	got := toService(lb.Service{
		Key:         lb.ServiceKey{Family: lb.IPv6, Protocol: lb.TCP, Addr: a, Port: 443},
		Scheduler:   "mh",
		Flags:       lb.OnePacket | lb.Fallback | lb.HashPort | lb.SchedOption3,
		Persistence: time.Minute,
	})
	want := ipvs.Service{
		Family: ipvs.IPv6, Protocol: ipvs.TCP, Address: a, Port: 443, Scheduler: "mh", Timeout: time.Minute,
		Flags: ipvs.FlagPersistent | ipvs.FlagOnePacket | ipvs.FlagMHFallback | ipvs.FlagMHPort | ipvs.FlagScheduler3,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mark := toService(lb.Service{Key: lb.ServiceKey{Family: lb.IPv6, Mark: 7}, Scheduler: "rr"})
	if mark.Family != ipvs.IPv6 || mark.FWMark != 7 || mark.Address.IsValid() || mark.Flags != 0 {
		t.Errorf("got %+v", mark)
	}
}

func TestDestinationRoundTrip(t *testing.T) {
	forward := map[lb.Mode]ipvs.Forwarding{lb.DSR: ipvs.ForwardRoute, lb.NAT: ipvs.ForwardMasq, lb.TUN: ipvs.ForwardTunnel}
	for _, want := range sampleDestinations("10.0.0.7", 8080) {
		sent := toDestination(want)
		if sent.Forward != forward[want.Mode] {
			t.Errorf("%v is sent as %v", want.Mode, sent.Forward)
		}
		want.Want = lb.Present
		if got := fromDestination(sent); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for _, odd := range []ipvs.Forwarding{ipvs.ForwardLocal, ipvs.ForwardBypass} {
		if got := fromDestination(ipvs.Destination{Forward: odd}).Mode; got != 0 {
			t.Errorf("%v reads as mode %v, want none", odd, got)
		}
	}
}

func TestListsAreSorted(t *testing.T) {
	var all []ipvs.Destination
	for _, text := range []string{"10.0.0.9:80", "10.0.0.10:80", "10.0.0.9:79", "[2001:db8::1]:80"} {
		ap := netip.MustParseAddrPort(text)
		all = append(all, ipvs.Destination{Address: ap.Addr(), Port: ap.Port(), ActiveConns: 1, InactiveConns: 2, PersistentConns: 3,
			Stats: ipvs.Stats{Connections: 1, PacketsIn: 2, PacketsOut: 3, BytesIn: 4, BytesOut: 5, CPS: 6, PPSIn: 7, PPSOut: 8, BPSIn: 9, BPSOut: 10}})
	}
	want := []string{"10.0.0.9:79", "10.0.0.9:80", "10.0.0.10:80", "[2001:db8::1]:80"}
	var got, counted []string
	for _, d := range fromDestinations(all) {
		got = append(got, d.Key().String())
	}
	for _, d := range fromStatistics(all) {
		counted = append(counted, netip.AddrPortFrom(d.Addr, d.Port).String())
		if d.Active != 1 || d.Inactive != 2 || d.Persistent != 3 {
			t.Errorf("connections: %+v", d)
		}
		counters := lb.Counters{Connections: 1, PacketsIn: 2, PacketsOut: 3, BytesIn: 4, BytesOut: 5, CPS: 6, PPSIn: 7, PPSOut: 8, BPSIn: 9, BPSOut: 10}
		if d.Counters != counters {
			t.Errorf("counters: %+v", d.Counters)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, counted); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
}
