package ncc

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/ncc/client"
	"seesaw/ncc/nccfake"
)

// TestServer speaks to an ncc over its socket, as the engine does.
func TestServer(t *testing.T) {
	r := start(t, nccfake.New(), recordIn(t))
	socket := filepath.Join(t.TempDir(), "ncc.sock")
	lis, err := rpc.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- rpc.Serve(ctx, NewServer(r.ncc, Access{}, slog.New(slog.DiscardHandler)), lis) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	c, err := client.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	report, err := c.Apply(timeout(t, 10*time.Second), update())
	if err != nil {
		t.Fatal(err)
	}
	want := []lb.VserverReport{{
		Name: "web", VIPs: []netip.Addr{vip},
		Services: []lb.ServiceReport{{
			Key:          update().Changed[0].Services[0].Key,
			Destinations: []lb.DestinationReport{{Addr: backend, Port: 80, Weight: 1}},
		}},
	}}
	if diff := cmp.Diff(want, report.Vservers, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || !report.Node.LinkUp {
		t.Errorf("report (-want +got):\n%s\nnode %+v", diff, report.Node)
	}
	stats, err := c.Statistics(timeout(t, 10*time.Second))
	if err != nil || len(stats) != 1 || len(stats[0].Destinations) != 1 {
		t.Errorf("statistics %+v, %v", stats, err)
	}
	r.stop()
	if _, err := c.Apply(timeout(t, 200*time.Millisecond), update()); err == nil {
		t.Error("a stopped ncc took an update")
	}
	if _, err := (server{ncc: r.ncc}).Apply(timeout(t, time.Millisecond), nil); status.Code(err) != codes.Unavailable {
		t.Errorf("apply to a stopped ncc: %v, want unavailable", err)
	}
}

func TestAccess(t *testing.T) {
	seesaw := Access{UIDs: []uint32{900}, GIDs: []uint32{901}}
	stranger := uint32(os.Getuid() + 12345)
	tests := []struct {
		name string
		who  rpc.Caller
		ok   bool
	}{
		{"root", rpc.Caller{UID: 0}, true},
		{"ourselves", rpc.Caller{UID: uint32(os.Getuid())}, true},
		{"user seesaw", rpc.Caller{UID: 900, GID: 5}, true},
		{"group seesaw", rpc.Caller{UID: stranger, GID: 901}, true},
		{"in group seesaw", rpc.Caller{UID: stranger, GID: 5, Groups: []uint32{7, 901}}, true},
		{"stranger", rpc.Caller{UID: stranger, GID: 5, Groups: []uint32{900}}, false},
	}
	for _, tt := range tests {
		if err := seesaw.allow(tt.who, "/seesaw.NCC/Apply"); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
