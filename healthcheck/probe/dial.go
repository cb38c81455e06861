package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"seesaw/internal/lb"
)

// conn is a connected socket that lasts no longer than its probe: when the
// probe's context ends, whatever waits on it wakes up with an error.
type conn struct {
	net.Conn
	stop func() bool
}

// Close closes the socket. The end of the probe's context may have done so
// already; closing again does no harm.
func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// dial connects to the check's target, with its mark and its source address
// set before the first packet leaves. Network is "tcp", "udp" or one of the
// raw "ip4:…" and "ip6:…". Errors are explained.
func dial(ctx context.Context, network string, c lb.Check) (*conn, error) {
	d := net.Dialer{KeepAlive: -1, LocalAddr: local(network, c.Source)}
	if c.Mark != 0 || c.Source.IsValid() {
		d.Control = func(_, _ string, raw syscall.RawConn) error { return control(raw, c) }
	}
	address := netip.AddrPortFrom(c.Addr, c.Port).String()
	if strings.HasPrefix(network, "ip") {
		address = c.Addr.String()
	}
	nc, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, explain(ctx, c, connecting, err)
	}
	return &conn{nc, context.AfterFunc(ctx, func() { nc.Close() })}, nil
}

// local is the address to bind to, as the network's own type; nil = none.
func local(network string, source netip.Addr) net.Addr {
	if !source.IsValid() {
		return nil
	}
	ap := netip.AddrPortFrom(source, 0)
	switch network {
	case "tcp":
		return net.TCPAddrFromAddrPort(ap)
	case "udp":
		return net.UDPAddrFromAddrPort(ap)
	}
	return &net.IPAddr{IP: source.AsSlice(), Zone: source.Zone()}
}

// control prepares a socket between its making and its binding.
func control(raw syscall.RawConn, c lb.Check) error {
	var err error
	controlErr := raw.Control(func(fd uintptr) {
		if c.Mark != 0 {
			// By the mark the local IPVS knows which backend to forward to, and it
			// also steers routing: it has to be there before connect (kernel: SO_MARK,
			// socket(7)).
			err = os.NewSyscallError("setsockopt SO_MARK", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(c.Mark)))
		}
		if err == nil && c.Source.IsValid() {
			// Without this, bind takes a port from all of the address's ports, where
			// connect needs one that is free for this target only (ip(7)). Raw
			// sockets have no ports and refuse it; that does no harm.
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		}
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}
