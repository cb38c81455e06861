package probe

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"seesaw/internal/lb"
)

// TestDialMarksAndBinds looks at the socket of a probe through a VIP.
func TestDialMarksAndBinds(t *testing.T) {
	needRoot(t)
	for _, host := range loopbacks {
		tcp := echoTCP(t, host)
		udp := packets(t, host, func(b []byte) []byte { return b })
		for network, at := range map[string]netip.AddrPort{"tcp": tcp, "udp": udp, icmpNetwork(tcp.Addr()): tcp} {
			t.Run(host+"/"+network, func(t *testing.T) {
				c := checkOf(lb.CheckTCP, at)
				c.Mode, c.Mark = lb.DSR, 65537
				c.Source = c.Addr
				if c.Addr.Is4() {
					c.Source = netip.MustParseAddr("127.0.0.77")
				}
				nc, err := dial(t.Context(), network, c)
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				if got := option(t, nc.Conn, unix.SOL_SOCKET, unix.SO_MARK); got != 65537 {
					t.Errorf("mark %d, want 65537", got)
				}
				if network != "tcp" && network != "udp" {
					return
				}
				if got := option(t, nc.Conn, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT); got != 1 {
					t.Error("the source address was bound together with a port")
				}
				from, err := netip.ParseAddrPort(nc.LocalAddr().String())
				if err != nil || from.Addr() != c.Source {
					t.Errorf("sent from %v, want %v", nc.LocalAddr(), c.Source)
				}
			})
		}
	}
}

func TestDialLeavesPlainSocketsAlone(t *testing.T) {
	at := echoTCP(t, "127.0.0.1")
	nc, err := dial(t.Context(), "tcp", checkOf(lb.CheckTCP, at))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := option(t, nc.Conn, unix.SOL_SOCKET, unix.SO_MARK); got != 0 {
		t.Errorf("mark %d, want none", got)
	}
	if got := option(t, nc.Conn, unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != 0 {
		t.Error("keep-alives are on")
	}
}

func TestForeignSource(t *testing.T) {
	c := checkOf(lb.CheckTCP, echoTCP(t, "127.0.0.1"))
	c.Source = netip.MustParseAddr("192.0.2.99")
	wantResult(t, run(t, c), false, "is the source address 192.0.2.99 on this node?")
}

func option(t *testing.T, nc net.Conn, level, name int) int {
	t.Helper()
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var optErr error
	if err := raw.Control(func(fd uintptr) { value, optErr = unix.GetsockoptInt(int(fd), level, name) }); err != nil || optErr != nil {
		t.Fatal(err, optErr)
	}
	return value
}
