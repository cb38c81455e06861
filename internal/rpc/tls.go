package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// handshakeTimeout bounds a handshake, and a connection attempt with it.
	handshakeTimeout = 3 * time.Second
	// A TLS server asks a silent caller every pingEvery whether it lives and waits
	// pingTimeout for the answer.
	pingEvery   = 2 * time.Second
	pingTimeout = 2 * time.Second
	// clientPingEvery is the least that gRPC lets a client do.
	clientPingEvery = 10 * time.Second
)

// TLSFiles names what two machines know each other by, as PEM files: Cert and
// Key are what this one shows, CA has those whom it believes. They are read for
// every handshake, so a renewed certificate needs no restart.
//
// Both sides must have a certificate that is from CA, in its time, and good for
// server and client. Its names do not matter: which machine is at the other end
// is told by its address.
type TLSFiles struct{ CA, Cert, Key string }

// read returns what this side shows and whom it believes.
func (f TLSFiles) read() (tls.Certificate, *x509.CertPool, error) {
	own, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return own, nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return own, nil, fmt.Errorf("certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return own, nil, fmt.Errorf("certificate authority %s: no certificate in it", f.CA)
	}
	return own, pool, nil
}

// server is the config for one handshake with a caller.
func (f TLSFiles) server() (*tls.Config, error) {
	own, pool, err := f.read()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		// A resumed session would be believed without its certificate.
		SessionTicketsDisabled: true,
	}, nil
}

// client is the config for one handshake with a server.
func (f TLSFiles) client() (*tls.Config, error) {
	own, pool, err := f.read()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
		// What is skipped is the check of names; VerifyConnection does the rest.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(s.PeerCertificates, pool) },
	}, nil
}

// verify checks a server's chain as crypto/tls would, but for the name.
func verify(chain []*x509.Certificate, pool *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("the server shows no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// tlsCreds is the transport security of a connection between machines.
type tlsCreds struct {
	files TLSFiles
	// from says, on a server, whether an address may call.
	from func(netip.Addr) error
	// refused is told, on a server, of a caller that was not let in, and with nil
	// of one that was.
	refused func(netip.Addr, error)
}

func (t tlsCreds) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	caller := remote(raw)
	conn, info, err := t.admit(caller, raw)
	t.refused(caller, err)
	return conn, info, err
}

// admit looks at the address first: a stranger costs no handshake.
func (t tlsCreds) admit(caller netip.Addr, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if err := t.from(caller); err != nil {
		return nil, nil, err
	}
	cfg, err := t.files.server()
	if err != nil {
		return nil, nil, err
	}
	return credentials.NewTLS(cfg).ServerHandshake(raw)
}

func (t tlsCreds) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cfg, err := t.files.client()
	if err != nil {
		return nil, nil, err
	}
	return credentials.NewTLS(cfg).ClientHandshake(ctx, authority, raw)
}

func (t tlsCreds) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (t tlsCreds) Clone() credentials.TransportCredentials { return t }
func (t tlsCreds) OverrideServerName(string) error         { return nil }

// remote is who is at the other end of a TCP connection.
func remote(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// NewTLSServer returns a gRPC server for a TCP socket between machines. from
// says whether an address may call at all; a caller must then show a
// certificate. Who is refused is logged once for each reason. As for NewServer,
// a panic costs no more than its call.
func NewTLSServer(log *slog.Logger, files TLSFiles, from func(netip.Addr) error) *grpc.Server {
	var repeats Repeats
	g := guard{log: log}
	refused := func(caller netip.Addr, err error) {
		if repeats.New(caller, err) {
			log.Warn("connection refused", "from", caller, "err", err)
		}
	}
	return grpc.NewServer(
		grpc.Creds(tlsCreds{files, from, refused}),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(64),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(g.unary),
		grpc.StreamInterceptor(g.stream),
	)
}

// DialTLS returns a connection to another machine's server, made from the
// address local, or any if that is the zero Addr. It connects with the first
// call; after a failure it should be closed and dialled anew, at the caller's
// own pace.
func DialTLS(files TLSFiles, local netip.Addr, to netip.AddrPort) (*grpc.ClientConn, error) {
	dialer := net.Dialer{Timeout: handshakeTimeout}
	if local.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	conn, err := grpc.NewClient("passthrough:///"+to.String(),
		grpc.WithTransportCredentials(tlsCreds{files: files}),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		// The default back-off is longer than a caller waits before it closes.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: handshakeTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: clientPingEvery, Timeout: pingTimeout, PermitWithoutStream: true}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", to, err)
	}
	return conn, nil
}
