package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/proto/api"
)

// nccStub answers Apply as the test says.
type nccStub struct {
	api.UnimplementedNCCServer
	apply func(context.Context, *api.Update) (*api.Report, error)
}

func (s nccStub) Apply(ctx context.Context, u *api.Update) (*api.Report, error) {
	return s.apply(ctx, u)
}

func anyone(Caller, string) error { return nil }

// serve runs a server on a socket until the returned stop is called.
func serve(t *testing.T, path string, stub nccStub, allow func(Caller, string) error) (stop func()) {
	t.Helper()
	lis, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(slog.New(slog.DiscardHandler), allow)
	api.RegisterNCCServer(srv, stub)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, srv, lis) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

func dial(t *testing.T, path string) api.NCCClient {
	t.Helper()
	conn, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return api.NewNCCClient(conn)
}

func version(v uint64) nccStub {
	return nccStub{apply: func(context.Context, *api.Update) (*api.Report, error) { return &api.Report{Version: v}, nil }}
}

func TestCallerIsWhoTheKernelSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ncc", "ncc.sock")
	var got Caller
	stub := nccStub{apply: func(ctx context.Context, _ *api.Update) (*api.Report, error) {
		got, _ = CallerOf(ctx)
		return &api.Report{}, nil
	}}
	defer serve(t, path, stub, anyone)()
	if _, err := dial(t, path).Apply(t.Context(), &api.Update{}); err != nil {
		t.Fatal(err)
	}
	if got.UID != uint32(os.Getuid()) || got.GID != uint32(os.Getgid()) || got.PID != int32(os.Getpid()) {
		t.Errorf("caller is %+v, want this process (uid %d, pid %d)", got, os.Getuid(), os.Getpid())
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if !got.In(uint32(g)) {
			t.Errorf("caller %+v is not in group %d, but this process is", got, g)
		}
	}
}

func TestRefusedCallerGetsTheReason(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ncc.sock")
	refuse := func(c Caller, method string) error { return errors.New("only the engine may") }
	called := false
	stub := nccStub{apply: func(context.Context, *api.Update) (*api.Report, error) { called = true; return &api.Report{}, nil }}
	defer serve(t, path, stub, refuse)()
	_, err := dial(t, path).Apply(t.Context(), &api.Update{})
	if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "only the engine may") || called {
		t.Errorf("got %v (handler called: %v), want a refusal with its reason", err, called)
	}
}

func TestPanicFailsOnlyItsCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ncc.sock")
	stub := nccStub{apply: func(_ context.Context, u *api.Update) (*api.Report, error) {
		if u.GetVersion() == 13 {
			panic("bad luck")
		}
		return &api.Report{Version: u.GetVersion()}, nil
	}}
	defer serve(t, path, stub, anyone)()
	c := dial(t, path)
	if _, err := c.Apply(t.Context(), &api.Update{Version: 13}); status.Code(err) != codes.Internal {
		t.Errorf("panicking call: %v, want an internal error", err)
	}
	if r, err := c.Apply(t.Context(), &api.Update{Version: 14}); err != nil || r.GetVersion() != 14 {
		t.Errorf("next call: %v, %v", r, err)
	}
}

func TestListenReplacesADeadSocketOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ncc.sock")
	// A socket file whose process is gone.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()

	stop := serve(t, path, version(1), anyone)
	defer stop()
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("second listener: %v, want %v", err, ErrInUse)
	}
	if r, err := dial(t, path).Apply(t.Context(), &api.Update{}); err != nil || r.GetVersion() != 1 {
		t.Errorf("first listener after the second's try: %v, %v", r, err)
	}
}

func TestClientFindsARestartedServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ncc.sock")
	stop := serve(t, path, version(1), anyone)
	c := dial(t, path)
	if r, err := c.Apply(t.Context(), &api.Update{}); err != nil || r.GetVersion() != 1 {
		t.Fatalf("before: %v, %v", r, err)
	}
	stop()
	_, err := c.Apply(t.Context(), &api.Update{})
	if got := Readable("ncc", path, err); !strings.Contains(got.Error(), "ncc does not answer on "+path) || status.Code(got) != codes.Unavailable {
		t.Errorf("while down: %v", got)
	}
	defer serve(t, path, version(2), anyone)()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if r, err := c.Apply(ctx, &api.Update{}, grpc.WaitForReady(true)); err != nil || r.GetVersion() != 2 {
		t.Errorf("after: %v, %v", r, err)
	}
}

func TestGarbageOnTheSocketHurtsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ncc.sock")
	defer serve(t, path, version(7), anyone)()
	for _, bytes := range []string{"", "GET / HTTP/1.0\r\n\r\n", strings.Repeat("\xff", 1<<16)} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(time.Second))
		conn.Write([]byte(bytes)) // the server may hang up half way
		conn.Close()
	}
	if r, err := dial(t, path).Apply(t.Context(), &api.Update{}); err != nil || r.GetVersion() != 7 {
		t.Errorf("call after the garbage: %v, %v", r, err)
	}
}

func TestReadableKeepsOtherErrors(t *testing.T) {
	own := errors.New("disk full")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"none":        {nil, "<nil>"},
		"not a call":  {own, "disk full"},
		"refusal":     {status.Error(codes.NotFound, `no vserver "x"`), `no vserver "x"`},
		"too slow":    {status.Error(codes.DeadlineExceeded, "context deadline exceeded"), "engine did not answer on /s in time: context deadline exceeded"},
		"not running": {status.Error(codes.Unavailable, "refused"), "engine does not answer on /s (is it running, and may you open the socket?): refused"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Readable("engine", "/s", tc.err)
			if text := "<nil>"; got != nil && got.Error() != tc.want || got == nil && text != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}
