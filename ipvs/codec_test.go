package ipvs

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// sameAddr lets go-cmp compare netip values.
var sameAddr = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

// go-cmp asks a type's own Equal, which leaves out what the kernel adds. These
// have none, so every field is compared.
type (
	everyService     Service
	everyDestination Destination
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// attribute returns the content of the only top-level attribute in b.
func attribute(t testing.TB, b []byte, want uint16) []byte {
	t.Helper()
	var d decoder
	for typ, v := range d.attrs(b) {
		if typ != want {
			t.Fatalf("attribute %d, want %d", typ, want)
		}
		return v
	}
	t.Fatalf("no attribute (%v)", d.err)
	return nil
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// The bytes in these tests are little-endian, as recorded.

func TestEncodeServiceBytes(t *testing.T) {
	tests := []struct {
		name string
		s    Service
		want string
	}{
		{
			"address",
			Service{Address: addr("1.1.1.1"), Protocol: TCP, Port: 80, Scheduler: "wlc", Flags: 0xf1f2f3f4},
			`680000001900000000000000000000000101000054000180060001000200000006000200060000001400030001010101000000000000000000000000
			 060004000050000008000600776c63000c000700f4f3f2f1ffffffff080008000000000008000900ffffffff`,
		},
		{
			"IPv6 mark, hashed flag not sent, netmask, engine",
			Service{Family: IPv6, FWMark: 0x01020304, Scheduler: "mh", Flags: FlagPersistent | FlagHashed, Timeout: 300 * time.Second, Netmask: PrefixNetmask(IPv6, 64), PEName: "sip"},
			`54000000190000000000000000000000 01010000 40000180
			 06000100 0a000000  08000500 04030201  07000600 6d680000  0c000700 01000000 ffffffff
			 08000800 2c010000  08000900 40000000  08000b00 73697000`,
		},
		{
			"IPv4 netmask in network order",
			Service{FWMark: 1, Scheduler: "rr", Netmask: PrefixNetmask(IPv4, 24)},
			`4c000000190000000000000000000000 01010000 38000180
			 06000100 02000000  08000500 01000000  07000600 72720000  0c000700 00000000 ffffffff
			 08000800 00000000  08000900 ffffff00`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, err := appendService(nil, tt.s)
			if err != nil {
				t.Fatal(err)
			}
			got := request{family: 0x19, cmd: 1, version: 1, body: body}.appendTo(nil, 0)
			want := unhex(t, tt.want)
			want[4+2] |= unix.NLM_F_REQUEST
			if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(got)); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeDestinationBytes(t *testing.T) {
	tests := []struct {
		name string
		d    Destination
		want string
	}{
		{
			"route",
			Destination{Address: addr("2002::cafe"), Port: 53, Forward: ForwardRoute, Weight: 1, UpperThreshold: 2000, LowerThreshold: 1000,
				ActiveConns: 7, TunnelType: TunnelGUE, TunnelPort: 9},
			`48000280 14000100 2002000000000000000000000000cafe 06000200 00350000 06000b00 0a000000
			 08000300 03000000 08000400 01000000 08000500 d0070000 08000600 e8030000`,
		},
		{
			"gue",
			Destination{Address: addr("10.0.0.7"), Forward: ForwardTunnel, TunnelType: TunnelGUE, TunnelPort: 6080, TunnelFlags: TunnelRemCsum},
			`60000280 14000100 0a000007000000000000000000000000 06000200 00000000 06000b00 02000000
			 08000300 02000000 08000400 00000000 08000500 00000000 08000600 00000000
			 05000d00 01000000 06000e00 17c00000 06000f00 02000000`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := appendDestination(nil, tt.d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hex.EncodeToString(unhex(t, tt.want)), hex.EncodeToString(got)); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEncodeAddr has the address vectors of both families, in both forms of IPv4.
func TestEncodeAddr(t *testing.T) {
	for in, want := range map[string]string{
		"1.2.3.4":        "1400010001020304000000000000000000000000",
		"::ffff:1.2.3.4": "1400010001020304000000000000000000000000",
		"2015::cafe":     "140001002015000000000000000000000000cafe",
		"2001:db8::":     "1400010020010db8000000000000000000000000",
	} {
		if got := hex.EncodeToString(appendAddr(nil, 1, addr(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestDecodeDestinationBytes(t *testing.T) {
	// A message in the layout of kernels that do not name the family.
	old := unhex(t, `6c0000001900000000000000000000000101000058000280140001002002000000000000000000000000cafe060002000035000008000300f4f3f2f1
		080004000100000008000500d007000008000600e8030000080007004e61bc0008000800b17f390508000900d2040000`)
	var d decoder
	for m := range d.messages(old) {
		got, err := decodeDestination(attribute(t, m.attributes(), attrDest), IPv6)
		if err != nil {
			t.Fatal(err)
		}
		want := Destination{
			Address: addr("2002::cafe"), Port: 53, Forward: ForwardBypass, Weight: 1, UpperThreshold: 2000, LowerThreshold: 1000,
			ActiveConns: 12345678, InactiveConns: 87654321, PersistentConns: 1234,
		}
		if diff := cmp.Diff(everyDestination(want), everyDestination(got), sameAddr); diff != "" {
			t.Errorf("destination (-want +got):\n%s", diff)
		}
	}
	if d.err != nil {
		t.Fatal(d.err)
	}
}

func TestDecodeInfoBytes(t *testing.T) {
	var d decoder
	for m := range d.messages(unhex(t, "2400000019000000c620c855332800000e01000008000100010201000800020000100000")) {
		got, err := decodeInfo(m.attributes())
		if want := (Info{Version: 0x10201, TableSize: 0x1000}); err != nil || got != want {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
}

func TestDecodeService(t *testing.T) {
	v6 := []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	tests := []struct {
		name  string
		attrs func([]byte) []byte
		want  Service
	}{
		{
			"scheduler padded with zeros inside its length",
			func(b []byte) []byte {
				b = appendU16(b, svcAF, unix.AF_INET)
				b = appendAddr(b, svcAddr, addr("1.2.3.4"))
				return appendAttr(b, svcSchedName, 'w', 'l', 'c', 0, 0, 0)
			},
			Service{Family: IPv4, Address: addr("1.2.3.4"), Scheduler: "wlc"},
		},
		{
			"scheduler without NUL",
			func(b []byte) []byte {
				b = appendU16(b, svcAF, unix.AF_INET)
				b = appendAddr(b, svcAddr, addr("1.2.3.4"))
				return appendAttr(b, svcSchedName, 'w', 'l', 'c')
			},
			Service{Family: IPv4, Address: addr("1.2.3.4"), Scheduler: "wlc"},
		},
		{
			"IPv6 address that ends in zeros, family last",
			func(b []byte) []byte {
				b = appendAttr(b, svcAddr, v6...)
				return appendU16(b, svcAF, unix.AF_INET6)
			},
			Service{Family: IPv6, Address: addr("2001:db8::")},
		},
		{
			"firewall mark with zeros beside it",
			func(b []byte) []byte {
				b = appendU16(b, svcAF, unix.AF_INET6)
				b = appendU16(b, svcProtocol, 6)
				b = appendPort(b, svcPort, 9)
				b = appendAttr(b, svcAddr, make([]byte, 16)...)
				return appendU32(b, svcFWMark, 7)
			},
			Service{Family: IPv6, FWMark: 7},
		},
		{
			"unknown attribute and 64-bit counters before 32-bit ones",
			func(b []byte) []byte {
				b = appendU16(b, svcAF, unix.AF_INET)
				b = appendAddr(b, svcAddr, addr("1.2.3.4"))
				b = appendAttr(b, 99, 1, 2, 3)
				b = appendNested(b, svcStats64, func(b []byte) []byte {
					return appendAttr(b, statConns, 0, 0, 0, 0, 1, 0, 0, 0)
				})
				return appendNested(b, svcStats, func(b []byte) []byte { return appendU32(b, statConns, 5) })
			},
			Service{Family: IPv4, Address: addr("1.2.3.4"), Stats: Stats{Connections: 1 << 32}},
		},
		{
			"32-bit counters only",
			func(b []byte) []byte {
				b = appendU16(b, svcAF, unix.AF_INET)
				b = appendAddr(b, svcAddr, addr("1.2.3.4"))
				return appendNested(b, svcStats, func(b []byte) []byte {
					b = appendU32(b, statConns, 3)
					b = appendU32(b, statInPkts, 12)
					b = appendAttr(b, statInBytes, 0x1a, 4, 0, 0, 0, 0, 0, 0)
					b = appendU32(b, statInPPS, 1)
					return appendU32(b, statInBPS, 84)
				})
			},
			Service{Family: IPv4, Address: addr("1.2.3.4"), Stats: Stats{Connections: 3, PacketsIn: 12, BytesIn: 1050, PPSIn: 1, BPSIn: 84}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeService(tt.attrs(nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(everyService(tt.want), everyService(got), sameAddr); diff != "" {
				t.Errorf("service (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeBroken(t *testing.T) {
	af := appendU16(nil, svcAF, unix.AF_INET)
	daf := appendU16(nil, destAddrFamily, unix.AF_INET6)
	service := func(b []byte) error { _, err := decodeService(b); return err }
	destination := func(b []byte) error { _, err := decodeDestination(b, IPv4); return err }
	daemon := func(b []byte) error { _, err := decodeDaemon(b); return err }
	timeouts := func(b []byte) error { _, err := decodeTimeouts(b); return err }
	info := func(b []byte) error { _, err := decodeInfo(b); return err }
	tests := []struct {
		name   string
		decode func([]byte) error
		in     []byte
		want   string
	}{
		{"service: nothing", service, nil, "unknown family(0)"},
		{"service: no address", service, af, "without address"},
		{"service: short address", service, appendAttr(af, svcAddr, 1, 2, 3), "service address has 3 bytes, want 4"},
		{"service: short family", service, appendAttr(nil, svcAF, 1), "service family has 1 bytes"},
		{"service: short mask", service, appendAttr(appendU32(af, svcFWMark, 1), svcNetmask, 1), "netmask has 1 bytes"},
		{"service: IPv6 mask", service, appendU32(appendU32(appendU16(nil, svcAF, unix.AF_INET6), svcFWMark, 1), svcNetmask, 129), "prefix length of 129"},
		{"service: attribute longer than what is left", service, []byte{9, 0, 1, 0, 2, 0, 0, 0}, "claims 9 of 8 bytes"},
		{"service: attribute shorter than its header", service, []byte{3, 0, 1, 0}, "claims 3 of 4 bytes"},
		{"service: short counter", service, appendNested(af, svcStats, func(b []byte) []byte { return appendAttr(b, statConns, 1) }), "connection count has 1 bytes"},
		{"destination: nothing", destination, nil, "without address"},
		{"destination: short IPv6 address", destination, appendAttr(daf, destAddr, 1, 2, 3, 4), "destination address has 4 bytes, want 16"},
		{"destination: unknown family", destination, appendAttr(appendU16(nil, destAddrFamily, 3), destAddr, 1, 2, 3, 4), "unknown family(3)"},
		{"destination: short port", destination, appendAttr(nil, destPort, 1), "destination port has 1 bytes"},
		{"destination: empty tunnel type", destination, appendAttr(nil, destTunType), "tunnel type has 0 bytes"},
		{"daemon: short group", daemon, appendAttr(nil, daemonGroup6, 1, 2, 3, 4), "multicast group has 4 bytes"},
		{"timeouts: short", timeouts, appendAttr(nil, attrTimeoutUDP, 1, 2), "udp timeout has 2 bytes"},
		{"info: short", info, appendAttr(nil, infoVersion, 1, 2), "version has 2 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.decode(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestEncodeInvalid(t *testing.T) {
	ok := Service{Address: addr("192.0.2.1"), Protocol: TCP, Port: 80, Scheduler: "rr"}
	service := func(change func(*Service)) func() error {
		return func() error { s := ok; change(&s); _, err := appendService(nil, s); return err }
	}
	destination := func(d Destination) func() error {
		return func() error { _, err := appendDestination(nil, d); return err }
	}
	daemon := func(d Daemon) func() error {
		return func() error { _, err := appendDaemon(nil, d); return err }
	}
	tests := []struct {
		name   string
		encode func() error
		want   string
	}{
		{"no key", func() error { _, err := appendServiceKey(nil, Service{}); return err }, "no address and no firewall mark"},
		{"no address", service(func(s *Service) { s.Address = netip.Addr{} }), "no address and no firewall mark"},
		{"zone", service(func(s *Service) { s.Address = addr("fe80::1%eth0") }), "has a zone"},
		{"no protocol", service(func(s *Service) { s.Protocol = 0 }), "no protocol"},
		{"mark of a strange family", service(func(s *Service) { s.FWMark, s.Family = 1, 3 }), "firewall mark 1 has family(3)"},
		{"no scheduler", service(func(s *Service) { s.Scheduler = "" }), "no scheduler"},
		{"long scheduler", service(func(s *Service) { s.Scheduler = "sixteen-letters-" }), `scheduler "sixteen-letters-" is no name`},
		{"scheduler with NUL", service(func(s *Service) { s.Scheduler = "r\x00r" }), "is no name"},
		{"long engine", service(func(s *Service) { s.PEName = "sixteen-letters-" }), "persistence engine"},
		{"negative timeout", service(func(s *Service) { s.Timeout = -time.Second }), "timeout -1s"},
		{"timeout past 32 bits", service(func(s *Service) { s.Timeout = (1 << 32) * time.Second }), "timeout 1193046h28m16s"},
		{"IPv6 netmask", service(func(s *Service) { s.Address, s.Netmask = addr("2001:db8::1"), 128 }), "not an IPv6 one"},
		{"destination without address", destination(Destination{Port: 1}), "no destination address"},
		{"destination key without address", func() error { _, err := appendDestinationKey(nil, Destination{}); return err }, "no destination address"},
		{"destination with zone", destination(Destination{Address: addr("fe80::1%eth0")}), "has a zone"},
		{"forwarding", destination(Destination{Address: addr("10.0.0.1"), Forward: 5}), "unknown forwarding(5)"},
		{"daemon state", daemon(Daemon{Interface: "eth0"}), "neither master nor backup"},
		{"daemon interface", daemon(Daemon{State: DaemonMaster}), "without interface"},
		{"daemon interface length", daemon(Daemon{State: DaemonMaster, Interface: "sixteen-letters-"}), "is no name"},
		{"timeouts", func() error { _, err := appendTimeouts(nil, Timeouts{UDP: -1}); return err }, "timeout -1ns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.encode()
			if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want EINVAL with %q", err, tt.want)
			}
		})
	}
}
