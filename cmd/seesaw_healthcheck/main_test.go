package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// TestMain lets the test binary be the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("SEESAW_HEALTHCHECK_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		want string // in standard output or error
	}{
		{"help", []string{"-h"}, 0, "/var/run/seesaw/engine/engine.sock"},
		{"version", []string{"-version"}, 0, "seesaw_healthcheck "},
		{"wrong flag", []string{"-dryrun"}, 2, "flag provided but not defined: -dryrun"},
		{"surplus argument", []string{"now"}, 2, `surplus argument "now"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0], tt.args...)
			c.Env = append(os.Environ(), "SEESAW_HEALTHCHECK_MAIN=1")
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			_ = c.Run()
			if got := c.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit code = %d, want %d", got, tt.code)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("output = %q, want it to contain %q", out.String(), tt.want)
			}
		})
	}
}

// engineStub is an engine that wants some checks and passes on what it hears.
type engineStub struct {
	api.UnimplementedEngineServer
	checks  []lb.Check
	reports chan lb.VerdictReport
}

func (e *engineStub) Healthchecks(stream grpc.BidiStreamingServer[api.VerdictReport, api.CheckUpdate]) error {
	if err := stream.Send(wire.ToCheckUpdate(lb.CheckUpdate{Full: true, Changed: e.checks})); err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		select {
		case e.reports <- wire.FromVerdictReport(m):
		case <-stream.Context().Done():
			return nil
		}
	}
}

// TestAgainstAnEngine probes a real listener for an engine on a real socket,
// which is restarted in between.
func TestAgainstAnEngine(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	e := &engineStub{reports: make(chan lb.VerdictReport), checks: []lb.Check{{
		ID: 7, Kind: lb.CheckTCP, Addr: at.Addr(), Backend: at.Addr(), Port: at.Port(), Interval: 50 * time.Millisecond, Timeout: time.Second,
	}, {
		ID: 8, Kind: lb.CheckTCP, Addr: netip.MustParseAddr("127.0.0.1"), Backend: at.Addr(), Port: 1, Interval: time.Second, Timeout: time.Second,
	}}}
	socket := filepath.Join(t.TempDir(), "engine.sock")

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, slog.New(slog.DiscardHandler), options{engine: socket}) }()

	stop := serve(t, socket, e)
	await(t, e, map[lb.CheckID]lb.Health{7: lb.Healthy, 8: lb.Unhealthy})
	l.Close()
	await(t, e, map[lb.CheckID]lb.Health{7: lb.Unhealthy})
	stop()
	stop = serve(t, socket, e)
	await(t, e, map[lb.CheckID]lb.Health{7: lb.Unhealthy, 8: lb.Unhealthy})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	stop()
}

// serve runs an engine until stop is called.
func serve(t *testing.T, socket string, e *engineStub) (stop func()) {
	t.Helper()
	lis, err := rpc.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(slog.New(slog.DiscardHandler), func(rpc.Caller, string) error { return nil })
	api.RegisterEngineServer(srv, e)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- rpc.Serve(ctx, srv, lis) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("engine: %v", err)
		}
	}
}

// await takes reports until all the states wanted have been heard.
func await(t *testing.T, e *engineStub, want map[lb.CheckID]lb.Health) {
	t.Helper()
	late := time.After(10 * time.Second)
	for len(want) > 0 {
		select {
		case r := <-e.reports:
			for _, v := range r.Verdicts {
				if want[v.ID] == v.State {
					delete(want, v.ID)
				}
			}
		case <-late:
			t.Fatalf("not heard within 10 s: %v", want)
		}
	}
}
