package vrrp

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var cmpAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectors were added up by hand, word by word, from RFC 9568 section 5.2.
var vectors = []struct {
	name     string
	src, dst string
	form     Checksum
	advert   Advert
	wire     string
}{
	{
		// 313c+fe01+0014+c000+020a = 1f15b, folded f15c, inverted 0ea3
		"IPv4 message only", "192.0.2.1", "224.0.0.18", MessageOnly,
		Advert{60, 254, 200 * time.Millisecond, []netip.Addr{addr("192.0.2.10")}},
		"31 3c fe 01 00 14 0e a3 c0 00 02 0a",
	},
	{
		// the same + c000+0201+e000+0012+0070+000c = 393ea, folded 93ed, inverted 6c12
		"IPv4 with pseudo-header", "192.0.2.1", "224.0.0.18", WithPseudoHeader,
		Advert{60, 254, 200 * time.Millisecond, []netip.Addr{addr("192.0.2.10")}},
		"31 3c fe 01 00 14 6c 12 c0 00 02 0a",
	},
	{
		// 3101+c801+0064+fe80+0005 = 1f7eb; fe80+0001+ff02+0012+0018+0070 = 1fe1d;
		// together 3f608, folded f60b, inverted 09f4
		"IPv6", "fe80::1", "ff02::12", WithPseudoHeader,
		Advert{1, 200, time.Second, []netip.Addr{addr("fe80::5")}},
		"31 01 c8 01 00 64 09 f4 fe80 0000 0000 0000 0000 0000 0000 0005",
	},
	{
		// 31ff+0002+0fff+0a00+0001+0a00+0002 = 5603, inverted a9fc
		"resigning, longest interval, two addresses", "10.0.0.9", "224.0.0.18", MessageOnly,
		Advert{255, 0, 40950 * time.Millisecond, []netip.Addr{addr("10.0.0.1"), addr("10.0.0.2")}},
		"31 ff 00 02 0f ff a9 fc 0a 00 00 01 0a 00 00 02",
	},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			want := unhex(t, v.wire)
			got, err := v.advert.Append(nil, addr(v.src), addr(v.dst), v.form)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("append:\n got % x\nwant % x", got, want)
			}
			var parsed Advert
			form, reject := parsed.Parse(Packet{addr(v.src), addr(v.dst), TTL, want}, v.advert.VRID)
			if reject != RejectNone || form != v.form {
				t.Errorf("parse: %v, checksum %v; want accepted, %v", reject, form, v.form)
			}
			if d := cmp.Diff(v.advert, parsed, cmpAddr); d != "" {
				t.Errorf("parse (-want +got):\n%s", d)
			}
		})
	}
}

// The adverts of the original are 8 bytes with no address. Their checksums prove ours; as
// packets of the RFC they are refused.
func TestOriginalAdverts(t *testing.T) {
	for _, v := range []struct{ src, dst, wire string }{
		{"192.0.2.1", "224.0.0.18", "31 3c 64 00 00 32 c8 04"},
		{"2001:db8::1", "ff02::12", "31 3c 64 00 00 32 3d 4a"},
	} {
		b := unhex(t, v.wire)
		if got := fold(sum(0, b) + pseudoSum(addr(v.src), addr(v.dst), len(b))); got != 0 {
			t.Errorf("%s: checksum off by %#x", v.src, got)
		}
		var a Advert
		if _, reject := a.Parse(Packet{addr(v.src), addr(v.dst), TTL, b}, 60); reject != RejectCount {
			t.Errorf("%s: %v, want %v", v.src, reject, RejectCount)
		}
	}
}

// sealed gives b a right checksum of form.
func sealed(b []byte, p Packet, form Checksum) []byte {
	b[6], b[7] = 0, 0
	acc := sum(0, b)
	if form == WithPseudoHeader || p.Src.Is6() {
		acc += pseudoSum(p.Src, p.Dst, len(b))
	}
	c := fold(acc)
	b[6], b[7] = byte(c>>8), byte(c)
	return b
}

func TestRFC9568_7_1_Rejects(t *testing.T) {
	good := Packet{Src: addr("192.0.2.1"), Dst: GroupIPv4(), TTL: TTL, Payload: unhex(t, vectors[0].wire)}
	tests := []struct {
		name   string
		change func(p *Packet)
		vrid   uint8
		reseal bool
		want   Reject
	}{
		{"unchanged", func(*Packet) {}, 60, true, RejectNone},
		{"empty", func(p *Packet) { p.Payload = nil }, 60, false, RejectShort},
		{"seven bytes", func(p *Packet) { p.Payload = p.Payload[:7] }, 60, false, RejectShort},
		{"version 2", func(p *Packet) { p.Payload[0] = 0x21 }, 60, true, RejectVersion},
		{"version 4", func(p *Packet) { p.Payload[0] = 0x41 }, 60, true, RejectVersion},
		{"type 2", func(p *Packet) { p.Payload[0] = 0x32 }, 60, true, RejectType},
		{"type 0", func(p *Packet) { p.Payload[0] = 0x30 }, 60, true, RejectType},
		{"other virtual router", func(*Packet) {}, 61, true, RejectVRID},
		{"virtual router 0", func(p *Packet) { p.Payload[1] = 0 }, 0, true, RejectVRID},
		{"TTL 254", func(p *Packet) { p.TTL = 254 }, 60, true, RejectTTL},
		{"TTL 0", func(p *Packet) { p.TTL = 0 }, 60, true, RejectTTL},
		{"erratum 8299: count 0, no address", func(p *Packet) { p.Payload = p.Payload[:8]; p.Payload[3] = 0 }, 60, true, RejectCount},
		{"count 0, one address", func(p *Packet) { p.Payload[3] = 0 }, 60, true, RejectCount},
		{"count 2, one address", func(p *Packet) { p.Payload[3] = 2 }, 60, true, RejectLength},
		{"address cut", func(p *Packet) { p.Payload = p.Payload[:11] }, 60, false, RejectLength},
		{"trailing bytes", func(p *Packet) { p.Payload = append(p.Payload, 0, 0, 0, 0) }, 60, true, RejectLength},
		{"checksum bit", func(p *Packet) { p.Payload[7] ^= 1 }, 60, false, RejectChecksum},
		{"priority changed on the way", func(p *Packet) { p.Payload[2]++ }, 60, false, RejectChecksum},
		{"erratum 8301: interval 0", func(p *Packet) { p.Payload[5] = 0 }, 60, true, RejectInterval},
		{"interval only in reserved bits", func(p *Packet) { p.Payload[4], p.Payload[5] = 0xf0, 0 }, 60, true, RejectInterval},
		{"families mixed", func(p *Packet) { p.Dst = GroupIPv6() }, 60, false, RejectFamily},
		{"no source", func(p *Packet) { p.Src = netip.Addr{} }, 60, false, RejectFamily},
	}
	seen := map[Reject]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := good
			p.Payload = bytes.Clone(good.Payload)
			tt.change(&p)
			if tt.reseal {
				sealed(p.Payload, p, MessageOnly)
			}
			a := Advert{VRID: 9}
			_, got := a.Parse(p, tt.vrid)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got != RejectNone && a.VRID != 9 {
				t.Error("a refused packet changed the advert")
			}
		})
		seen[tt.want] = true
	}
	for r := range Reject(Rejects) {
		if !seen[r] {
			t.Errorf("no row for %q", r)
		}
		if r.String() == "" {
			t.Errorf("reject %d has no text", r)
		}
	}
}

func TestRFC9568_5_2_6_ReservedBitsAreIgnored(t *testing.T) {
	p := Packet{Src: addr("192.0.2.1"), Dst: GroupIPv4(), TTL: TTL, Payload: unhex(t, vectors[0].wire)}
	p.Payload[4] |= 0xf0
	sealed(p.Payload, p, MessageOnly)
	var a Advert
	if _, reject := a.Parse(p, 60); reject != RejectNone || a.Interval != 200*time.Millisecond {
		t.Errorf("got %v, interval %v; want accepted, 200ms", reject, a.Interval)
	}
}

func TestRFC9568_5_2_8_IPv6NeedsThePseudoHeader(t *testing.T) {
	p := Packet{Src: addr("fe80::1"), Dst: GroupIPv6(), TTL: TTL, Payload: unhex(t, vectors[2].wire)}
	p.Payload[6], p.Payload[7] = 0, 0
	c := fold(sum(0, p.Payload))
	p.Payload[6], p.Payload[7] = byte(c>>8), byte(c)
	var a Advert
	if _, reject := a.Parse(p, 1); reject != RejectChecksum {
		t.Errorf("message-only checksum over IPv6: %v, want %v", reject, RejectChecksum)
	}
}

func TestRFC9568_5_2_8_MessageOnlyHoldsFromAnySource(t *testing.T) {
	p := Packet{Src: addr("198.51.100.7"), Dst: GroupIPv4(), TTL: TTL, Payload: unhex(t, vectors[0].wire)}
	var a Advert
	if form, reject := a.Parse(p, 60); reject != RejectNone || form != MessageOnly {
		t.Errorf("message only: %v, %v", form, reject)
	}
	p.Payload = unhex(t, vectors[1].wire)
	if _, reject := a.Parse(p, 60); reject != RejectChecksum {
		t.Errorf("pseudo-header of another source: %v, want %v", reject, RejectChecksum)
	}
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var back Advert
	for i := range 200 {
		a := Advert{
			VRID:     uint8(1 + rng.IntN(255)),
			Priority: uint8(rng.IntN(256)),
			Interval: time.Duration(1+rng.IntN(4095)) * Centisecond,
		}
		src, dst, n := addr("10.1.2.3"), GroupIPv4(), 1+rng.IntN(255)
		if i%2 == 0 {
			src, dst = addr("fe80::a:b%eth0"), GroupIPv6()
		}
		for range n {
			var b [16]byte
			for j := range b {
				b[j] = byte(rng.Uint32())
			}
			if src.Is4() {
				a.Addrs = append(a.Addrs, netip.AddrFrom4([4]byte(b[:4])))
			} else {
				a.Addrs = append(a.Addrs, netip.AddrFrom16(b))
			}
		}
		form := Checksum(rng.IntN(2))
		prefix := []byte("kept")
		b, err := a.Append(prefix, src, dst, form)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, prefix) {
			t.Fatalf("prefix lost: % x", b[:8])
		}
		if _, reject := back.Parse(Packet{src, dst, TTL, b[len(prefix):]}, a.VRID); reject != RejectNone {
			t.Fatalf("%d: %v", i, reject)
		}
		if d := cmp.Diff(a, back, cmpAddr); d != "" {
			t.Fatalf("%d (-want +got):\n%s", i, d)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	ok := Advert{VRID: 60, Priority: 1, Interval: time.Second, Addrs: []netip.Addr{addr("192.0.2.10")}}
	tests := []struct {
		name     string
		src, dst string
		change   func(a *Advert)
		want     string
	}{
		{"families of source and destination", "192.0.2.1", "ff02::12", func(*Advert) {}, "cannot send advert from 192.0.2.1 to ff02::12"},
		{"virtual router 0", "192.0.2.1", "224.0.0.18", func(a *Advert) { a.VRID = 0 }, "use 1 to 255"},
		{"interval", "192.0.2.1", "224.0.0.18", func(a *Advert) { a.Interval = 0 }, "out of range"},
		{"no address", "192.0.2.1", "224.0.0.18", func(a *Advert) { a.Addrs = nil }, "with 0 virtual addresses"},
		{"256 addresses", "192.0.2.1", "224.0.0.18", func(a *Advert) { a.Addrs = make([]netip.Addr, 256) }, "with 256 virtual addresses"},
		{"family of an address", "192.0.2.1", "224.0.0.18", func(a *Advert) { a.Addrs = []netip.Addr{addr("fe80::1")} }, "virtual address fe80::1"},
		{"invalid address", "fe80::1", "ff02::12", func(a *Advert) { a.Addrs = []netip.Addr{{}} }, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ok
			tt.change(&a)
			b, err := a.Append([]byte{1}, addr(tt.src), addr(tt.dst), MessageOnly)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if len(b) != 1 {
				t.Errorf("buffer changed: % x", b)
			}
		})
	}
}

func TestCodecDoesNotAllocate(t *testing.T) {
	a := vectors[0].advert
	src, dst := addr("192.0.2.1"), GroupIPv4()
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := a.Append(buf, src, dst, MessageOnly); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Append allocates %v times", n)
	}
	p := Packet{src, dst, TTL, unhex(t, vectors[0].wire)}
	back := Advert{Addrs: make([]netip.Addr, 0, 1)}
	if n := testing.AllocsPerRun(100, func() {
		if _, reject := back.Parse(p, 60); reject != RejectNone {
			t.Fatal(reject)
		}
	}); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

// FuzzParse: no input makes Parse panic; what it accepts, Append writes back byte for byte
// (the reserved bits aside).
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.wire), v.advert.VRID, addr(v.src).Is6(), TTL)
	}
	f.Add(unhex(f, "31 3c 64 00 00 32 c8 04"), uint8(60), false, TTL)
	f.Fuzz(func(t *testing.T, b []byte, vrid uint8, six bool, ttl int) {
		p := Packet{Src: addr("192.0.2.1"), Dst: GroupIPv4(), TTL: ttl, Payload: b}
		if six {
			p.Src, p.Dst = addr("fe80::1"), GroupIPv6()
		}
		var a Advert
		form, reject := a.Parse(p, vrid)
		if reject != RejectNone {
			return
		}
		if ttl != TTL || a.VRID != vrid || len(a.Addrs) == 0 || CheckInterval(a.Interval) != nil {
			t.Fatalf("accepted %+v with TTL %d", a, ttl)
		}
		back, err := a.Append(nil, p.Src, p.Dst, form)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(b)
		want[4] &= 0x0f
		// Reserved bits count in the checksum, and 0x0000 and 0xffff are the same sum.
		if !bytes.Equal(back[:6], want[:6]) || !bytes.Equal(back[8:], want[8:]) {
			t.Fatalf("got % x\nwant % x", back, want)
		}
		var again Advert
		if _, reject := again.Parse(Packet{p.Src, p.Dst, TTL, back}, vrid); reject != RejectNone {
			t.Fatalf("own packet refused: %v", reject)
		}
	})
}

func TestTexts(t *testing.T) {
	for want, got := range map[string]string{
		"message only":              MessageOnly.String(),
		"with pseudo-header":        WithPseudoHeader.String(),
		"unknown checksum form":     Checksum(9).String(),
		"unknown check":             Reject(200).String(),
		"unknown reason":            Reason(200).String(),
		"unknown state":             State(200).String(),
		"Initialize":                Initialize.String(),
		"224.0.0.18 ff02::12":       GroupIPv4().String() + " " + GroupIPv6().String(),
		"peer resigned":             ReasonPeerResigned.String(),
		"of another virtual router": RejectVRID.String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for r := ReasonNone; r <= ReasonShutdown; r++ {
		if r.String() == "" {
			t.Errorf("reason %d has no text", r)
		}
	}
}
