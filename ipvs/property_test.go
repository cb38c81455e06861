package ipvs

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// addrOf draws an address in the family's plain form.
func addrOf(f Family) *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		if f == IPv4 {
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4")))
		}
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "IPv6")
		raw[0] |= 0x20 // never an IPv4-mapped one
		return netip.AddrFrom16([16]byte(raw))
	})
}

func families() *rapid.Generator[Family] { return rapid.SampledFrom([]Family{IPv4, IPv6}) }

func names() *rapid.Generator[string] { return rapid.StringMatching(`[a-z][a-z0-9-]{0,14}`) }

func wholeSeconds(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.Uint32().Draw(t, label)) * time.Second
}

func drawService(t *rapid.T) Service {
	f := families().Draw(t, "family")
	s := Service{
		Family:    f,
		Scheduler: names().Draw(t, "scheduler"),
		Flags:     ServiceFlags(rapid.Uint32().Draw(t, "flags")) &^ FlagHashed,
		Timeout:   wholeSeconds(t, "timeout"),
		PEName:    rapid.OneOf(rapid.Just(""), names()).Draw(t, "engine"),
	}
	if f == IPv4 {
		s.Netmask = Netmask(rapid.Uint32().Draw(t, "mask"))
	} else {
		s.Netmask = PrefixNetmask(IPv6, rapid.IntRange(1, 128).Draw(t, "prefix"))
	}
	if rapid.Bool().Draw(t, "by mark") {
		s.FWMark = rapid.Uint32Min(1).Draw(t, "mark")
		return s
	}
	s.Address = addrOf(f).Draw(t, "address")
	s.Protocol = Protocol(rapid.Uint16Min(1).Draw(t, "protocol"))
	s.Port = rapid.Uint16().Draw(t, "port")
	return s
}

func drawDestination(t *rapid.T) Destination {
	d := Destination{
		Address:        addrOf(families().Draw(t, "family")).Draw(t, "address"),
		Port:           rapid.Uint16().Draw(t, "port"),
		Forward:        Forwarding(rapid.Uint32Max(uint32(ForwardBypass)).Draw(t, "forward")),
		Weight:         rapid.Uint32().Draw(t, "weight"),
		UpperThreshold: rapid.Uint32().Draw(t, "upper"),
		LowerThreshold: rapid.Uint32().Draw(t, "lower"),
		TunnelType:     TunnelType(rapid.Uint8().Draw(t, "tunnel type")),
		TunnelPort:     rapid.Uint16().Draw(t, "tunnel port"),
		TunnelFlags:    TunnelFlags(rapid.Uint16().Draw(t, "tunnel flags")),
		ActiveConns:    rapid.Uint32().Draw(t, "active"),
	}
	return d
}

func TestServiceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawService(t)
		b, err := appendService(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		var d decoder
		for _, v := range d.attrs(b) {
			got, err := decodeService(v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(everyService(want), everyService(got), sameAddr); diff != "" {
				t.Fatalf("service (-want +got):\n%s", diff)
			}
			got.Flags |= FlagHashed
			if !got.Equal(want) {
				t.Fatalf("%s does not equal itself read back", want)
			}
		}
	})
}

func TestDestinationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawDestination(t)
		b, err := appendDestination(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		var d decoder
		for _, v := range d.attrs(b) {
			got, err := decodeDestination(v, families().Draw(t, "service family"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(everyDestination(want.settings()), everyDestination(got), sameAddr); diff != "" {
				t.Fatalf("destination (-want +got):\n%s", diff)
			}
			if !got.Equal(want) || !want.Equal(got) {
				t.Fatalf("%s does not equal itself read back", want)
			}
		}
	})
}

func TestDaemonRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Daemon{
			State:     rapid.SampledFrom([]DaemonState{DaemonMaster, DaemonBackup}).Draw(t, "state"),
			Interface: names().Draw(t, "interface"),
			SyncID:    rapid.Uint8().Draw(t, "sync id"),
			MaxLen:    rapid.Uint16().Draw(t, "maxlen"),
			Port:      rapid.Uint16().Draw(t, "port"),
			TTL:       rapid.Uint8().Draw(t, "ttl"),
		}
		if rapid.Bool().Draw(t, "with group") {
			want.Group = addrOf(families().Draw(t, "family")).Draw(t, "group")
		}
		b, err := appendDaemon(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		var d decoder
		for _, v := range d.attrs(b) {
			got, err := decodeDaemon(v)
			if err != nil {
				t.Fatal(err)
			}
			if got != want || !want.Matches(got) {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}

func TestTimeoutsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Timeouts{TCP: wholeSeconds(t, "tcp"), TCPFin: wholeSeconds(t, "fin"), UDP: wholeSeconds(t, "udp")}
		b, err := appendTimeouts(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeTimeouts(b); err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	})
}
