package kernel

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// vectors are whole frames, written down by hand from the RFCs.
var vectors = map[string]struct {
	got  []byte
	want string
}{
	"ARP request": {
		arpFrame(arpRequest, mac{0x00, 0x00, 0x5e, 0x00, 0x01, 0x3c}, netip.MustParseAddr("192.168.37.80")),
		`ffffffffffff 00005e00013c 0806
		 0001 0800 06 04 0001
		 00005e00013c c0a82550
		 000000000000 c0a82550`,
	},
	"ARP reply": {
		arpFrame(arpReply, mac{0x00, 0x00, 0x5e, 0x00, 0x01, 0x3c}, netip.MustParseAddr("192.168.37.80")),
		`ffffffffffff 00005e00013c 0806
		 0001 0800 06 04 0002
		 00005e00013c c0a82550
		 00005e00013c c0a82550`,
	},
	"neighbour advertisement": {
		advertFrame(mac{0x00, 0x00, 0x5e, 0x00, 0x01, 0x3c}, netip.MustParseAddr("2001:db8::80")),
		`333300000001 00005e00013c 86dd
		 60000000 0020 3a ff
		 20010db8000000000000000000000080
		 ff020000000000000000000000000001
		 88 00 1af1 a0000000
		 20010db8000000000000000000000080
		 02 01 00005e00013c`,
	},
}

func TestFrames(t *testing.T) {
	for name, v := range vectors {
		t.Run(name, func(t *testing.T) {
			want, err := hex.DecodeString(strings.Join(strings.Fields(v.want), ""))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(v.got, want) {
				t.Errorf("\n got %x\nwant %x", v.got, want)
			}
		})
	}
}

// TestChecksumICMPv6: a receiver sums everything, checksum included, and must
// get all ones (RFC 1071 1). Carries are what goes wrong, so addresses with
// many bits set are among them.
func TestChecksumICMPv6(t *testing.T) {
	for _, text := range []string{"::1", "fe80::1", "2001:db8::80", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"} {
		ip := netip.MustParseAddr(text)
		frame := advertFrame(mac{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, ip)
		if sum := checksumICMPv6(ip.As16(), allNodes.As16(), frame[etherLen+ipv6Len:]); sum != 0 {
			t.Errorf("%s: the sum over the whole is %#04x, want 0", text, sum)
		}
	}
}
