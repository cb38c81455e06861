package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"seesaw/internal/lb"
)

// echoData is how many bytes an echo request carries: 64 with its header, the
// size that ping programs have by default.
const echoData = 56

// icmpProbe sends one echo request and waits for its reply.
//
// The socket is raw and connected: the kernel hands it only what comes from
// the target. Id, sequence number and payload are random in each probe and are
// all compared, so that neither another probe's reply, nor a late one, nor a
// damaged one passes for this one's; those are skipped until ctx ends.
func icmpProbe(ctx context.Context, c lb.Check) Result {
	nc, err := dial(ctx, icmpNetwork(c.Addr), c)
	if err != nil {
		return failed(err)
	}
	defer nc.Close()

	want := newEcho()
	request, err := marshalEcho(c.Addr, want)
	if err != nil {
		return failed(explain(ctx, c, pinging, err))
	}
	raw := nc.Conn.(*net.IPConn)
	if err := onlyReplies(raw, c.Addr); err != nil {
		return failed(explain(ctx, c, pinging, err))
	}
	if _, err := raw.Write(request); err != nil {
		return failed(explain(ctx, c, pinging, err))
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := raw.ReadFromIP(buf)
		if err != nil {
			return failed(explain(ctx, c, pinging, err))
		}
		source, _ := netip.AddrFromSlice(from.IP)
		if source.Unmap() == c.Addr.WithZone("") && isReply(c.Addr, buf[:n], want) {
			return passed("echo reply")
		}
	}
}

func icmpNetwork(target netip.Addr) string {
	if target.Is4() {
		return "ip4:icmp"
	}
	return "ip6:ipv6-icmp"
}

// newEcho makes the body of a request that no other probe has.
func newEcho() *icmp.Echo {
	var random [20]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand
	data := append(random[4:], bytes.Repeat([]byte("Healthcheck"), echoData)...)
	return &icmp.Echo{
		ID:   int(binary.BigEndian.Uint16(random[0:])),
		Seq:  int(binary.BigEndian.Uint16(random[2:])),
		Data: data[:echoData],
	}
}

// marshalEcho encodes an echo request. The ICMPv6 checksum is left to the
// kernel (RFC 3542 3.1).
func marshalEcho(target netip.Addr, body *icmp.Echo) ([]byte, error) {
	m := icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: body}
	if target.Is4() {
		m.Type = ipv4.ICMPTypeEcho
	}
	return m.Marshal(nil)
}

// onlyReplies has the kernel keep all but echo replies from the socket, such
// as our own request when it goes to this very host.
func onlyReplies(raw *net.IPConn, target netip.Addr) error {
	if target.Is4() {
		var f ipv4.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv4.ICMPTypeEchoReply)
		return ipv4.NewPacketConn(raw).SetICMPFilter(&f)
	}
	var f ipv6.ICMPFilter
	f.SetAll(true)
	f.Accept(ipv6.ICMPTypeEchoReply)
	return ipv6.NewPacketConn(raw).SetICMPFilter(&f)
}

// isReply says whether a received message answers the request with body want.
func isReply(target netip.Addr, packet []byte, want *icmp.Echo) bool {
	protocol, kind := 58, icmp.Type(ipv6.ICMPTypeEchoReply) // IANA: ICMPv6
	if target.Is4() {
		protocol, kind = 1, ipv4.ICMPTypeEchoReply // IANA: ICMP
	}
	m, err := icmp.ParseMessage(protocol, packet)
	if err != nil || m.Type != kind || m.Code != 0 {
		return false
	}
	got, ok := m.Body.(*icmp.Echo)
	return ok && got.ID == want.ID && got.Seq == want.Seq && bytes.Equal(got.Data, want.Data)
}
