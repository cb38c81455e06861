package kernel

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"seesaw/internal/nettest"
	"seesaw/ncc/plan"
)

// listen returns a function that reads n frames of an Ethernet type from a
// link, in which own frames of that link are not counted.
func (h *host) listen(link string, etherType int) func(n int) [][]byte {
	h.t.Helper()
	a := h.link(link).Attrs()
	var conn *packet.Conn
	var err error
	h.Do(func() {
		conn, err = packet.Listen(&net.Interface{Index: a.Index, HardwareAddr: a.HardwareAddr}, packet.Raw, etherType, nil)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return func(n int) [][]byte {
		h.t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			h.t.Fatal(err)
		}
		var frames [][]byte
		for len(frames) < n {
			b := make([]byte, 2048)
			size, _, err := conn.ReadFrom(b)
			if err != nil {
				h.t.Fatalf("after %d of %d frames: %v", len(frames), n, err)
			}
			if b = b[:size]; !bytes.Equal(b[6:12], a.HardwareAddr) && !kernelChatter(b) {
				frames = append(frames, b)
			}
		}
		return frames
	}
}

// kernelChatter is true for the IPv6 packets that a raised link sends by
// itself: anything but an advertisement from a global address.
func kernelChatter(b []byte) bool {
	return bytes.Equal(b[12:14], []byte{0x86, 0xdd}) && (b[20] != 58 || b[54] != 136 || b[22] == 0xfe)
}

func TestAnnounce(t *testing.T) {
	h := newHost(t)
	peer := h.veth("eth0")
	k := h.kernel()
	do(t, k, plan.SetMAC{Link: "eth0", MAC: "00:00:5e:00:01:3c"})
	src := mac{0x00, 0x00, 0x5e, 0x00, 0x01, 0x3c}

	// Neither address is on the link: an announcement is of no state.
	t.Run("IPv4", func(t *testing.T) {
		receive := h.listen(peer, unix.ETH_P_ARP)
		vip := netip.MustParseAddr("192.168.37.80")
		do(t, k, plan.Announce{Link: "eth0", Addr: vip})
		want := [][]byte{arpFrame(arpRequest, src, vip), arpFrame(arpReply, src, vip)}
		if diff := cmp.Diff(want, receive(2)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		receive := h.listen(peer, unix.ETH_P_IPV6)
		vip := netip.MustParseAddr("2001:db8::80")
		do(t, k, plan.Announce{Link: "eth0", Addr: vip})
		if diff := cmp.Diff([][]byte{advertFrame(src, vip)}, receive(1)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("several at once", func(t *testing.T) {
		receive := h.listen(peer, unix.ETH_P_ARP)
		var ops []plan.Op
		for i := range 10 {
			ops = append(ops, plan.Announce{Link: "eth0", Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
		}
		do(t, k, ops...)
		for i, frame := range receive(20) {
			if frame[31] != byte(i/2) {
				t.Fatalf("frame %d is for %v", i, frame[28:32])
			}
		}
	})
}

// TestAnnounceMovesNeighbours: two neighbours hold the VIP for somebody else's
// and believe the announcement.
func TestAnnounceMovesNeighbours(t *testing.T) {
	here, there := newHost(t), newHost(t)
	const peer = "eth7"
	nettest.Veth(t, here.Namespace, "eth0", there.Namespace, peer)
	there.Address(peer, "192.0.2.1/24")
	there.Address(peer, "2001:db8::1/64")
	k := here.kernel()
	for _, text := range []string{"192.0.2.80", "2001:db8::80"} {
		vip := netip.MustParseAddr(text)
		there.setNeighbour(peer, vip, "02:00:00:00:00:99")
		changed := there.watchNeighbours(peer, vip)
		do(t, k, plan.Announce{Link: "eth0", Addr: vip})
		if got, want := changed(), here.mac("eth0").String(); got != want {
			t.Errorf("%s: the neighbour has %s, want %s", text, got, want)
		}
	}
}

func TestAnnounceRefused(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := h.kernel()
	do(t, k, plan.SetLink{Link: "eth0", Up: false})
	err := fails(t, k, plan.Announce{Link: "eth0", Addr: netip.MustParseAddr("192.0.2.80")})
	if want := "announce 192.0.2.80 on eth0: the interface is down"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	do(t, k, plan.SetLink{Link: "lo", Up: true})
	err = fails(t, k, plan.Announce{Link: "lo", Addr: netip.MustParseAddr("192.0.2.80")})
	if want := "announce 192.0.2.80 on lo: an interface of type loopback has no Ethernet address to announce"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
