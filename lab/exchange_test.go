package lab

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestExchange runs one attempt against servers that behave, and do not.
func TestExchange(t *testing.T) {
	answer := func(text string) func(net.Conn) {
		return func(c net.Conn) { io.WriteString(c, text) }
	}
	silent := make(chan struct{})
	defer close(silent)
	for _, test := range []struct {
		name   string
		listen string
		serve  func(net.Conn) // nil: nobody listens
		body   string
		err    string
	}{
		{"IPv4", "127.0.0.1:0", answer("HTTP/1.0 200 OK\r\n\r\nweb1\n"), "web1", ""},
		{"IPv6", "[::1]:0", answer("HTTP/1.0 200 OK\r\n\r\nweb1\n"), "web1", ""},
		{"wrong status", "127.0.0.1:0", answer("HTTP/1.0 500 No\r\n\r\n"), "", `answer "HTTP/1.0 500 No"`},
		{"silent", "127.0.0.1:0", func(net.Conn) { <-silent }, "", "receive: no answer in time"},
		{"refused", "127.0.0.1:0", nil, "", "connect: connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := net.Listen("tcp", test.listen)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if test.serve == nil {
				l.Close()
			} else {
				go serveOne(l, test.serve)
			}
			fd, err := connect(netip.MustParseAddrPort(l.Addr().String()))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			body, err := exchange(fd, start.Add(Answer))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if body != test.body || got != test.err {
				t.Errorf("got %q, %q; want %q, %q", body, got, test.body, test.err)
			}
		})
	}
}

// serveOne takes one connection, reads its request and lets serve answer.
func serveOne(l net.Listener, serve func(net.Conn)) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	request := make([]byte, 64)
	n, _ := c.Read(request)
	if strings.HasPrefix(string(request[:n]), "GET / HTTP/1.0\r\n") {
		serve(c)
	}
}
