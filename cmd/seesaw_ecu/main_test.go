package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// An engine that is not there is no reason to end; a stop is.
func TestRunWithoutEngine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ready := listenForReady(t)
	go func() {
		ended <- run(ctx, slog.New(slog.DiscardHandler), options{engine: filepath.Join(t.TempDir(), "engine.sock"), monitor: "127.0.0.1:0"})
	}()
	if got := ready(); !strings.HasPrefix(got, "READY=1\nSTATUS=serving on 127.0.0.1:") {
		t.Errorf("the starter was told %q", got)
	}
	select {
	case err := <-ended:
		t.Errorf("ended by itself: %v", err)
	default:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestAddressInUse(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	err = run(t.Context(), slog.New(slog.DiscardHandler), options{engine: "/nonexistent", monitor: lis.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "-monitor_address") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want the flag and the reason", err)
	}
}

// listenForReady stands in for the starter; the result waits for its message.
func listenForReady(t *testing.T) (message func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		buf := make([]byte, 1024)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}
