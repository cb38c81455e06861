package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"

	"seesaw/internal/lb"
)

// tcpProbe connects, for TCP_TLS also shakes hands, sends what is to be sent
// and compares the first bytes that come back, as many as are expected. A
// check with nothing to send or to receive passes as soon as it is connected.
func tcpProbe(ctx context.Context, c lb.Check) Result {
	nc, err := dial(ctx, "tcp", c)
	if err != nil {
		return failed(err)
	}
	defer nc.Close()

	var rw io.ReadWriter = nc
	if c.Kind == lb.CheckTLS {
		tc, err := shakeHands(ctx, c, nc, "")
		if err != nil {
			return failed(err)
		}
		defer tc.Close()
		rw = tc
	}
	if c.Send == "" && c.Receive == "" {
		return passed("connected")
	}
	if _, err := io.WriteString(rw, c.Send); err != nil {
		return failed(explain(ctx, c, sending, err))
	}
	got := make([]byte, len(c.Receive))
	n, err := io.ReadFull(rw, got)
	if want := []byte(c.Receive); !bytes.HasPrefix(want, got[:n]) {
		return failed(mismatch(c, "received %s, want %s", quote(got[:n]), quote(want)))
	}
	if err != nil {
		return failed(explain(ctx, c, receiving, err))
	}
	return passed("answered as expected")
}

// shakeHands makes a TLS client of the connection. Host names the certificate
// that the server is to show and is sent as SNI; empty means the address that
// the probe talks to, which only a certificate for that address satisfies.
//
// The caller closes both. Close of the TLS one says good-bye and may wait for a
// peer that does not listen, but no longer than nc lives, thus not beyond ctx.
func shakeHands(ctx context.Context, c lb.Check, nc *conn, host string) (*tls.Conn, error) {
	if host == "" {
		host = c.Addr.WithZone("").String()
	}
	tc := tls.Client(nc, &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: !c.TLSVerify, // the operator's choice, tls_verify
	})
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, explain(ctx, c, handshake, err)
	}
	return tc, nil
}
