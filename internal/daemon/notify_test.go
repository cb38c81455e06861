package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// listen stands in for the starter.
func listen(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

func TestNotify(t *testing.T) {
	tests := []struct {
		name string
		call func() error
		want string
	}{
		{"ready", func() error { return Ready("serving 3 vservers") }, "READY=1\nSTATUS=serving 3 vservers"},
		{"ready without status", func() error { return Ready("") }, "READY=1"},
		{"status", func() error { return Status("two\nlines") }, "STATUS=two lines"},
		{"stopping", Stopping, "STOPPING=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := listen(t)
			if err := tt.call(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 256)
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(buf[:n]); got != tt.want {
				t.Errorf("message = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNotifyWithoutStarter(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready("x"); err != nil {
		t.Errorf("without NOTIFY_SOCKET: %v, want nil", err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := Ready("x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with a socket that is gone: %v, want not exist", err)
	}
}

// A starter that is stopped with a full queue must not stop us.
func TestNotifyFullQueue(t *testing.T) {
	listen(t)
	for range 100000 {
		if err := Status("x"); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v, want a deadline", err)
			}
			return
		}
	}
	t.Fatal("the queue never filled")
}
