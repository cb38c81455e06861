//go:build lab

package vm

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// direct runs a shell script by Direct and returns its status and output.
func direct(t *testing.T, ctx context.Context, timeout time.Duration, script string) (int, string, error) {
	t.Helper()
	var out bytes.Buffer
	code, err := Direct(ctx, Job{
		Command: []string{"sh", "-c", script}, Dir: "/proc", Env: []string{"A=it's b"},
		Out: t.TempDir(), Cache: t.TempDir(), Output: &out, Log: os.Stderr, Timeout: timeout,
	})
	return code, out.String(), err
}

func TestDirect(t *testing.T) {
	for _, test := range []struct {
		name, script, out string
		code              int
	}{
		{"status", "exit 7", "", 7},
		{"output of both kinds", "echo out; echo err >&2", "out\nerr\n", 0},
		{"environment", `echo "$A"`, "it's b\n", 0},
		{"directory", "pwd", "/proc\n", 0},
		{"own processes", "ps -e -o comm= | grep -c qemu", "0\n", 1},
		{"lo alone", "ls /sys/class/net; ip -br addr show up | cut -c 1-2", "lo\nlo\n", 0},
		{"orphans end with the job", "sleep 1000 & echo done", "done\n", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, err := direct(t, t.Context(), time.Minute, test.script)
			if err != nil || code != test.code || out != test.out {
				t.Errorf("got %d, %q, %v; want %d, %q", code, out, err, test.code, test.out)
			}
		})
	}
}

func TestDirectEnds(t *testing.T) {
	t.Run("timeout", func(t *testing.T) {
		_, _, err := direct(t, t.Context(), 100*time.Millisecond, "sleep 1000")
		if err == nil || !strings.Contains(err.Error(), "no end within 100ms") {
			t.Errorf("got %v, want the timeout", err)
		}
	})
	t.Run("interrupt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := direct(t, ctx, time.Minute, "sleep 1000"); err == nil {
			t.Error("no error after an interrupt")
		}
	})
}
