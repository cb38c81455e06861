package probe

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// listen is a TCP listener on a free port whose connections are served by
// serve, one goroutine each, until the test ends.
func listen(t *testing.T, host string, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// silentTCP accepts and reads but never says anything.
func silentTCP(t *testing.T, host string) netip.AddrPort {
	return listen(t, host, func(c net.Conn) { io.Copy(io.Discard, c) })
}

// echoTCP sends back what it receives.
func echoTCP(t *testing.T, host string) netip.AddrPort {
	return listen(t, host, func(c net.Conn) { io.Copy(c, c) })
}

// says sends a text at once and then reads until the peer closes.
func says(t *testing.T, host, text string) netip.AddrPort {
	return listen(t, host, func(c net.Conn) {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	})
}

// closedTCP is a port that nobody listens on.
func closedTCP(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}
