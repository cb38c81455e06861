package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/internal/nettest"
	"seesaw/proto/api"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func issue(t *testing.T, ca *nettest.Authority, until time.Time) TLSFiles {
	cert, key := ca.Issue(t, t.TempDir(), until)
	return TLSFiles{CA: ca.File, Cert: cert, Key: key}
}

func good(t *testing.T, ca *nettest.Authority) TLSFiles {
	return issue(t, ca, time.Now().Add(time.Hour))
}

// serveTLS runs a server on the loopback interface until the test ends.
func serveTLS(t *testing.T, files TLSFiles, from func(netip.Addr) error, stub nccStub) netip.AddrPort {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewTLSServer(slog.New(slog.DiscardHandler), files, from)
	api.RegisterNCCServer(srv, stub)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, srv, lis) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return lis.Addr().(*net.TCPAddr).AddrPort()
}

func callTLS(t *testing.T, files TLSFiles, local netip.Addr, to netip.AddrPort) (*api.Report, error) {
	t.Helper()
	conn, err := DialTLS(files, local, to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return api.NewNCCClient(conn).Apply(ctx, &api.Update{})
}

// hungUp reports whether the server closed the connection before the client
// could read why.
func hungUp(err error) bool {
	return strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "EOF")
}

func anywhere(netip.Addr) error { return nil }

func TestTLSCall(t *testing.T) {
	ca, other := nettest.NewAuthority(t), nettest.NewAuthority(t)
	expired := time.Now().Add(-time.Minute)
	doubting, stranger := good(t, ca), good(t, other)
	doubting.CA, stranger.CA = other.File, ca.File
	for name, tc := range map[string]struct {
		server, client TLSFiles
		want           string // part of the error; empty = answered
	}{
		"both good":               {good(t, ca), good(t, ca), ""},
		"client expired":          {good(t, ca), issue(t, ca, expired), "expired certificate"},
		"server expired":          {issue(t, ca, expired), good(t, ca), "certificate has expired"},
		"client of another CA":    {good(t, ca), stranger, "unknown certificate authority"},
		"server of another CA":    {good(t, other), good(t, ca), "signed by unknown authority"},
		"client believes another": {good(t, ca), doubting, "signed by unknown authority"},
		"server has no files":     {TLSFiles{}, good(t, ca), "EOF"},
		"client has no files":     {good(t, ca), TLSFiles{}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			to := serveTLS(t, tc.server, anywhere, version(7))
			r, err := callTLS(t, tc.client, netip.Addr{}, to)
			switch {
			case tc.want == "" && (err != nil || r.GetVersion() != 7):
				t.Errorf("got %v, %v; want an answer", r, err)
			case tc.want != "" && (status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), tc.want) && !hungUp(err)):
				t.Errorf("got %v, %v; want to be refused for %q", r, err, tc.want)
			}
		})
	}
}

func TestTLSServerAsksWhereFrom(t *testing.T) {
	ca := nettest.NewAuthority(t)
	for addr, want := range map[string]codes.Code{"127.0.0.1": codes.OK, "127.0.0.9": codes.Unavailable} {
		local := netip.MustParseAddr(addr)
		to := serveTLS(t, good(t, ca), func(a netip.Addr) error {
			if a != local {
				t.Errorf("asked about %v, want %v", a, local)
			}
			if a != loopback {
				return errors.New("not you")
			}
			return nil
		}, version(7))
		if _, err := callTLS(t, good(t, ca), local, to); status.Code(err) != want {
			t.Errorf("from %s: %v, want %v", addr, err, want)
		}
	}
}

func TestTLSPanicFailsOnlyItsCall(t *testing.T) {
	ca := nettest.NewAuthority(t)
	to := serveTLS(t, good(t, ca), anywhere, nccStub{apply: func(context.Context, *api.Update) (*api.Report, error) { panic("bad luck") }})
	for range 2 {
		if _, err := callTLS(t, good(t, ca), loopback, to); status.Code(err) != codes.Internal {
			t.Errorf("got %v, want an internal error", err)
		}
	}
}

func TestTLSFilesThatCannotBeUsed(t *testing.T) {
	ca := nettest.NewAuthority(t)
	ok := good(t, ca)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		files TLSFiles
		want  string
	}{
		"good":           {ok, ""},
		"no CA":          {TLSFiles{"/nowhere", ok.Cert, ok.Key}, "certificate authority: open /nowhere"},
		"empty CA":       {TLSFiles{empty, ok.Cert, ok.Key}, "no certificate in it"},
		"no certificate": {TLSFiles{ok.CA, "/nowhere", ok.Key}, "certificate /nowhere with key " + ok.Key},
		"another's key":  {TLSFiles{ok.CA, ok.Cert, good(t, ca).Key}, "private key does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := tc.files.read()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
