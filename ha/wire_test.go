package ha

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
	"seesaw/internal/nettest"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// cable is two namespaces joined by a veth pair; a is ours.
func cable(t *testing.T) (a, b *nettest.Namespace) {
	a, b = nettest.New(t), nettest.New(t)
	nettest.Veth(t, a, "node0", b, "node0")
	a.Address("node0", "192.0.2.1/24")
	b.Address("node0", "192.0.2.2/24")
	return a, b
}

func openAt(t *testing.T, n *nettest.Namespace, conf lb.HAConfig, log *slog.Logger) *Multicast {
	t.Helper()
	var w *Multicast
	var err error
	n.Do(func() { w, err = OpenMulticast(conf, log) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// other is pair as the other node has it.
func other() lb.HAConfig {
	c := pair()
	c.Local, c.Priority = peer, 100
	return c
}

func advert(priority uint8) vrrp.Advert {
	return vrrp.Advert{VRID: 60, Priority: priority, Interval: 200 * ms, Addrs: pair().VIPs}
}

// What leaves, byte by byte, as another host's raw socket gets it.
func TestBytesOnTheWire(t *testing.T) {
	a, b := cable(t)
	var fd int
	var err error
	b.Do(func() {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0x0008 /* ETH_P_IP in network order */)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}
	if err := openAt(t, a, pair(), slog.New(slog.DiscardHandler)).Send(advert(200)); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 2048)
	for {
		n, err := unix.Read(fd, frame)
		if err != nil {
			t.Fatal("no advert comes: ", err)
		}
		if n > 23 && frame[23] == vrrp.Protocol {
			frame = frame[:n]
			break
		}
	}
	if want := []byte{0x01, 0x00, 0x5e, 0, 0, 18}; !bytes.Equal(frame[:6], want) {
		t.Errorf("destination MAC = %x, want that of the group, %x", frame[:6], want)
	}
	link, err := a.Netlink().LinkByName("node0")
	if err != nil {
		t.Fatal(err)
	}
	if mac := link.Attrs().HardwareAddr; !bytes.Equal(frame[6:12], mac) {
		t.Errorf("source MAC = %x, want that of the node interface, %x", frame[6:12], mac)
	}
	ip := frame[14:]
	header := []byte{0x45, 0xc0, 0, 32, ip[4], ip[5], ip[6], ip[7], 255, 112, ip[10], ip[11], 192, 0, 2, 1, 224, 0, 0, 18}
	if !bytes.Equal(ip[:20], header) {
		t.Errorf("IP header = %x, want %x", ip[:20], header)
	}
	// 0x47c8 by hand: ones' complement of the sum of the message and
	// c000+0201+e000+0012+0070+000c.
	want := []byte{0x31, 60, 200, 1, 0, 20, 0x00, 0x00, 192, 0, 2, 3}
	sum := uint32(0xc000 + 0x0201 + 0xe000 + 0x0012 + 112 + 12)
	for i := 0; i < len(want); i += 2 {
		sum += uint32(want[i])<<8 | uint32(want[i+1])
	}
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	want[6], want[7] = byte(^sum>>8), byte(^sum)
	if !bytes.Equal(ip[20:32], want) {
		t.Errorf("message = %x, want %x", ip[20:32], want)
	}
}

// listen runs a wire; what it hears comes from the channel.
func listen(t *testing.T, w *Multicast) <-chan heard {
	t.Helper()
	ch, done := make(chan heard, 16), make(chan error, 1)
	go func() {
		done <- w.Run(context.Background(), func(a vrrp.Advert, from Source) { ch <- heard{a, from} })
	}()
	t.Cleanup(func() {
		w.Close()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return ch
}

func take(t *testing.T, ch <-chan heard) heard {
	t.Helper()
	select {
	case h := <-ch:
		return h
	case <-time.After(patience):
		t.Fatal("nothing is heard")
		return heard{}
	}
}

func TestHears(t *testing.T) {
	a, b := cable(t)
	ours, theirs := openAt(t, a, pair(), slog.Default()), openAt(t, b, other(), slog.Default())
	ch := listen(t, ours)
	if err := ours.Send(advert(200)); err != nil { // not heard by ourselves
		t.Fatal(err)
	}
	if err := theirs.Send(advert(100)); err != nil {
		t.Fatal(err)
	}
	h := take(t, ch)
	if h.from != (Source{Addr: peer, Form: vrrp.WithPseudoHeader}) || h.advert.Priority != 100 || h.advert.Interval != 200*ms || h.advert.Addrs[0] != pair().VIPs[0] {
		t.Errorf("heard %+v", h)
	}
}

// craft sends bytes as protocol 112 from the other node.
func craft(t *testing.T, n *nettest.Namespace, ttl int, payload []byte) {
	t.Helper()
	n.Do(func() {
		c, err := net.ListenIP("ip4:112", &net.IPAddr{IP: peer.AsSlice()})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p := ipv4.NewPacketConn(c)
		iface, err := net.InterfaceByName("node0")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetMulticastInterface(iface); err != nil {
			t.Fatal(err)
		}
		if err := p.SetMulticastTTL(ttl); err != nil {
			t.Fatal(err)
		}
		if _, err := p.WriteTo(payload, nil, &net.IPAddr{IP: vrrp.GroupIPv4().AsSlice()}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestForeignPacketsAreCounted(t *testing.T) {
	message := func(a vrrp.Advert, spoil ...int) []byte {
		b, err := a.Append(nil, peer, vrrp.GroupIPv4(), vrrp.MessageOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range spoil {
			b[i] ^= 0x40
		}
		return b
	}
	stranger := advert(255)
	stranger.VRID = 61
	tests := []struct {
		name    string
		ttl     int
		payload []byte
		want    vrrp.Reject
		logged  string
	}{
		{"another virtual router", 255, message(stranger), vrrp.RejectVRID, ""},
		{"from another link", 254, message(advert(255)), vrrp.RejectTTL, "ttl or hop limit is not 255"},
		{"checksum", 255, message(advert(255), 6), vrrp.RejectChecksum, "wrong checksum"},
		{"version", 255, message(advert(255), 0), vrrp.RejectVersion, "not vrrp version 3"},
		{"too short", 255, []byte("abc"), vrrp.RejectShort, "shorter than a vrrp header"},
		{"empty", 255, nil, vrrp.RejectShort, "shorter than a vrrp header"},
		{"too long", 255, append(message(advert(255)), make([]byte, 1200)...), vrrp.RejectLength, "length does not match"},
		{"garbage", 255, bytes.Repeat([]byte{0xa5}, 64), vrrp.RejectVersion, "not vrrp version 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := cable(t)
			var logs bytes.Buffer
			w := openAt(t, a, pair(), slog.New(slog.NewTextHandler(&logs, nil)))
			ch := listen(t, w)
			craft(t, b, tt.ttl, tt.payload)
			craft(t, b, tt.ttl, tt.payload)
			craft(t, b, 255, message(advert(7))) // shows that the others have been dealt with
			if h := take(t, ch); h.advert.Priority != 7 || h.from.Form != vrrp.MessageOnly {
				t.Errorf("heard %+v, want the advert that is ours", h)
			}
			for reject := range w.Rejected {
				want := uint64(0)
				switch vrrp.Reject(reject) {
				case tt.want:
					want = 2
				case vrrp.RejectNone:
					want = 1
				}
				if n := w.Rejected[reject].Load(); n != want {
					t.Errorf("%d packets %q, want %d", n, vrrp.Reject(reject), want)
				}
			}
			w.Close()
			lines := strings.Count(logs.String(), "\n")
			if tt.logged == "" && lines != 0 || tt.logged != "" && (lines != 1 || !strings.Contains(logs.String(), tt.logged)) {
				t.Errorf("log = %q, want one line with %q, or none", logs.String(), tt.logged)
			}
		})
	}
}

// A link that goes down and up again is heard by the same socket.
func TestLinkDownAndUp(t *testing.T) {
	a, b := cable(t)
	ours, theirs := openAt(t, a, pair(), slog.Default()), openAt(t, b, other(), slog.Default())
	ch := listen(t, ours)
	a.Down("node0")
	if err := ours.Send(advert(1)); err == nil || !strings.Contains(err.Error(), "send advert from 192.0.2.1 on node0") {
		t.Errorf("Send on a link that is down = %v, want an error", err)
	}
	a.Up("node0")
	deadline := time.Now().Add(patience)
	for { // until the carrier is back
		if err := theirs.Send(advert(100)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ch:
			if err := ours.Send(advert(1)); err != nil {
				t.Errorf("Send = %v", err)
			}
			return
		case <-time.After(10 * ms):
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is heard any more")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	n := nettest.New(t)
	v6 := pair()
	v6.Local, v6.Group = netip.MustParseAddr("2001:db8::1"), vrrp.GroupIPv6()
	tests := []struct {
		name string
		conf lb.HAConfig
		want string
	}{
		{"no such interface", pair(), "interface node0 for adverts: "},
		{"IPv6", v6, "only IPv4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n.Do(func() {
				if w, err := OpenMulticast(tt.conf, slog.Default()); err == nil {
					w.Close()
					t.Error("OpenMulticast = nil, want an error")
				} else if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("OpenMulticast = %v, want %q", err, tt.want)
				}
			})
		})
	}
}
