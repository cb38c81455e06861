package ha

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"seesaw/ha/vrrp"
	"seesaw/internal/lb"
)

// networkControl is the class selector of routing protocols (RFC 2474 4.2.2.2):
// queues on the way let adverts pass first.
const networkControl = 0xc0

// Source is where an advert came from.
type Source struct {
	Addr netip.Addr
	// Form is the checksum form that the sender uses.
	Form vrrp.Checksum
}

// Multicast is the wire of RFC 9568 5.1.1: IPv4 multicast on one interface,
// with TTL 255 and the node's own address as source.
type Multicast struct {
	conf lb.HAConfig
	conn *ipv4.PacketConn
	dst  *net.IPAddr
	buf  []byte // of Send
	log  *slog.Logger
	// Rejected counts the packets that did not pass, by reason.
	Rejected [vrrp.Rejects]atomic.Uint64
}

// OpenMulticast joins the group of conf on its interface.
func OpenMulticast(conf lb.HAConfig, log *slog.Logger) (*Multicast, error) {
	if !conf.Local.Is4() || !conf.Group.Is4() {
		return nil, fmt.Errorf("adverts from %v to %v: only IPv4 is built so far (give the node an IPv4 address in cluster.node_ipv4)", conf.Local, conf.Group)
	}
	iface, err := net.InterfaceByName(conf.Interface)
	if err != nil {
		return nil, fmt.Errorf("interface %s for adverts: %w (is interface.node of seesaw.cfg right?)", conf.Interface, err)
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var inner error
		err := c.Control(func(fd uintptr) { inner = unix.BindToDevice(int(fd), conf.Interface) })
		return errors.Join(err, inner)
	}}
	raw, err := lc.ListenPacket(context.Background(), fmt.Sprintf("ip4:%d", vrrp.Protocol), "0.0.0.0")
	if err != nil {
		return nil, fmt.Errorf("open advert socket on %s: %w (does seesaw_ha have CAP_NET_RAW?)", conf.Interface, err)
	}
	w := &Multicast{conf: conf, conn: ipv4.NewPacketConn(raw), dst: &net.IPAddr{IP: conf.Group.AsSlice()}, log: log}
	err = errors.Join(
		w.conn.SetMulticastInterface(iface),
		w.conn.SetMulticastTTL(vrrp.TTL),
		w.conn.SetTTL(vrrp.TTL),
		w.conn.SetTOS(networkControl),
		w.conn.SetMulticastLoopback(false),
		w.conn.SetControlMessage(ipv4.FlagTTL|ipv4.FlagDst, true),
	)
	if conf.Group.IsMulticast() {
		err = errors.Join(err, w.conn.JoinGroup(iface, w.dst))
	}
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("join %v on %s: %w", conf.Group, conf.Interface, err)
	}
	return w, nil
}

// Send puts an advert on the wire.
func (w *Multicast) Send(a vrrp.Advert) error {
	msg, err := a.Append(w.buf[:0], w.conf.Local, w.conf.Group, vrrp.WithPseudoHeader)
	if err != nil {
		return err
	}
	w.buf = msg
	_, err = w.conn.WriteTo(msg, &ipv4.ControlMessage{Src: w.conf.Local.AsSlice()}, w.dst)
	if err != nil {
		return fmt.Errorf("send advert from %v on %s: %w", w.conf.Local, w.conf.Interface, err)
	}
	return nil
}

// Run hands over every valid advert of other nodes until ctx ends or the socket
// is closed.
func (w *Multicast) Run(ctx context.Context, heard func(vrrp.Advert, Source)) error {
	buf := make([]byte, 2048)
	for {
		n, cm, from, err := w.conn.ReadFrom(buf)
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("read adverts on %s: %w", w.conf.Interface, err)
		}
		src, ok := netip.AddrFromSlice(from.(*net.IPAddr).IP)
		if !ok || cm == nil {
			continue
		}
		dst, _ := netip.AddrFromSlice(cm.Dst)
		var a vrrp.Advert
		form, reject := a.Parse(vrrp.Packet{Src: src, Dst: dst.Unmap(), TTL: cm.TTL, Payload: buf[:n]}, w.conf.VRID)
		if w.Rejected[reject].Add(1) == 1 && reject != vrrp.RejectNone && reject != vrrp.RejectVRID {
			w.log.Warn("a packet that is no valid advert for us; more of them are only counted", "from", src, "reason", reject.String())
		}
		if reject == vrrp.RejectNone && src.Unmap() != w.conf.Local {
			heard(a, Source{Addr: src.Unmap(), Form: form})
		}
	}
}

// Close ends Run.
func (w *Multicast) Close() error { return w.conn.Close() }
