package daemon

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLockMemory runs itself in a process of its own: a lock cannot be undone for the Go heap.
func TestLockMemory(t *testing.T) {
	switch os.Getenv("DAEMON_TEST_LOCK") {
	case "locked":
		if err := LockMemory(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 32<<20) // the heap must still grow
		b[0] = 1
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "VmLck:")
		if kb, _, _ := strings.Cut(strings.TrimSpace(after), " "); kb == "0" || kb == "" {
			t.Errorf("VmLck = %q kB, want the process locked", kb)
		}
		return
	case "limited":
		if err := LockMemory(); !errors.Is(err, ErrMemoryLimit) {
			t.Fatalf("error = %v, want %v", err, ErrMemoryLimit)
		}
		return
	}
	t.Run("root", func(t *testing.T) {
		runSelf(t, "locked", nil)
	})
	t.Run("limited", func(t *testing.T) {
		var old unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) })
		runSelf(t, "limited", &syscall.Credential{Uid: 65534, Gid: 65534})
	})
}

func runSelf(t *testing.T, kind string, as *syscall.Credential) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestLockMemory$", "-test.v")
	c.Dir = "/"
	c.Env = []string{"DAEMON_TEST_LOCK=" + kind, "HOME=/", "PATH=" + os.Getenv("PATH")}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v (this test needs root: sudo -E go test ./internal/daemon)\n%s", err, out)
	}
}
