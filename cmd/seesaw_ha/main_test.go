package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"seesaw/internal/lb"
	"seesaw/internal/nettest"
	"seesaw/internal/rpc"
	"seesaw/internal/wire"
	"seesaw/proto/api"
)

// TestMain lets the test binary be the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("SEESAW_HA_MAIN") != "" {
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
		{"version", []string{"-version"}, 0, "seesaw_ha "},
		{"wrong flag", []string{"-vrrp"}, 2, "flag provided but not defined: -vrrp"},
		{"surplus argument", []string{"now"}, 2, `surplus argument "now"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0], tt.args...)
			c.Env = append(os.Environ(), "SEESAW_HA_MAIN=1")
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

// engineStub is an engine that knows who it was told leads, as the real one does.
type engineStub struct {
	api.UnimplementedEngineServer
	conf  lb.HAConfig
	mu    sync.Mutex
	led   bool
	word  time.Time
	roles chan lb.HAReport // every change of role
}

func (e *engineStub) HA(stream grpc.BidiStreamingServer[api.HAReport, api.HADirective]) error {
	go func() {
		for stream.Context().Err() == nil {
			e.mu.Lock()
			dir := lb.HADirective{Config: e.conf, Led: e.led, SinceWord: time.Since(e.word)}
			e.mu.Unlock()
			if stream.Send(wire.ToHADirective(dir)) != nil {
				return
			}
			select {
			case <-stream.Context().Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	role := lb.RoleUnknown
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		r := wire.FromHAReport(m)
		if r.Role == lb.RoleUnknown {
			continue
		}
		e.mu.Lock()
		e.led, e.word = r.Role == lb.RoleLeader, time.Now()
		e.mu.Unlock()
		if r.Role != role {
			role = r.Role
			e.roles <- r
		}
	}
}

// becomes waits for the next role and compares it.
func (e *engineStub) becomes(t *testing.T, role lb.Role, reason string) {
	t.Helper()
	select {
	case r := <-e.roles:
		if r.Role != role || !strings.HasPrefix(r.Reason, reason) {
			t.Fatalf("role = %v: %s, want %v: %s", r.Role, r.Reason, role, reason)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no word of %v: %s", role, reason)
	}
}

// node is where one ha runs: a namespace and an engine.
type node struct {
	t      *testing.T
	ns     *nettest.Namespace
	socket string
	engine *engineStub
}

func newNode(t *testing.T, addr string, priority uint8) *node {
	n := &node{t: t, ns: nettest.New(t), socket: filepath.Join(t.TempDir(), "engine.sock"), engine: &engineStub{
		conf: lb.HAConfig{
			Enabled: true, Interface: "node0", LBInterface: "lb0", Local: netip.MustParseAddr(addr), Group: netip.MustParseAddr("224.0.0.18"), Peer: true,
			VRID: 60, Priority: priority, Interval: 100 * time.Millisecond, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.3")},
		},
		roles: make(chan lb.HAReport, 16),
	}}
	lis, err := rpc.Listen(n.socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(slog.New(slog.DiscardHandler), func(rpc.Caller, string) error { return nil })
	api.RegisterEngineServer(srv, n.engine)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- rpc.Serve(ctx, srv, lis) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	return n
}

// start runs the command in the namespace; end sends a signal and waits.
func (n *node) start() (end func(os.Signal)) {
	n.t.Helper()
	c := exec.Command(os.Args[0], "-engine", n.socket, "-logtostderr")
	c.Env = append(os.Environ(), "SEESAW_HA_MAIN=1")
	var err error
	n.ns.Do(func() { err = c.Start() }) // a child is born where its parent's thread is
	if err != nil {
		n.t.Fatal(err)
	}
	ended := false
	end = func(s os.Signal) {
		if !ended {
			ended = true
			_ = c.Process.Signal(s)
			_ = c.Wait()
		}
	}
	n.t.Cleanup(func() { end(syscall.SIGKILL) })
	return end
}

// Two processes on a cable: one leads; restarted at once it leads on, killed it
// is followed, stopped it says so.
func TestPair(t *testing.T) {
	a, b := newNode(t, "192.0.2.1", 254), newNode(t, "192.0.2.2", 253)
	nettest.Veth(t, a.ns, "node0", b.ns, "node0")
	a.ns.Address("node0", "192.0.2.1/24")
	b.ns.Address("node0", "192.0.2.2/24")

	endA := a.start()
	a.engine.becomes(t, lb.RoleBackup, "started")
	a.engine.becomes(t, lb.RoleLeader, "no advert within")
	endB := b.start()
	b.engine.becomes(t, lb.RoleBackup, "started")

	endA(syscall.SIGKILL)
	b.engine.becomes(t, lb.RoleLeader, "no advert within")
	endA = a.start() // its engine believes that it leads; the silence was too long
	a.engine.becomes(t, lb.RoleBackup, "started, and heard 192.0.2.2")

	endB(syscall.SIGTERM)
	b.engine.becomes(t, lb.RoleShutdown, "stopped")
	a.engine.becomes(t, lb.RoleLeader, "peer resigned (192.0.2.2)")
	endA(syscall.SIGTERM)
	a.engine.becomes(t, lb.RoleShutdown, "stopped")
}
