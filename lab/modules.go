package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// autoload names the program by which the kernel loads modules itself, as it does
// when somebody asks for the IPVS netlink family.
const autoload = "/proc/sys/kernel/modprobe"

// HideModules makes modules impossible to load for processes of the host until
// the test ends: modprobe finds none at all, as on a machine whose kernel package
// is gone, and the kernel loads none itself (that part is true for all hosts).
// Modules already loaded stay; see UnloadModules.
func (h *Host) HideModules(t testing.TB) {
	t.Helper()
	before, err := os.ReadFile(autoload)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	if err := os.WriteFile(autoload, []byte("\n"), 0o644); err != nil {
		t.Fatalf("lab: %v", err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(autoload, before, 0o644); err != nil {
			t.Errorf("lab: give the kernel its modprobe back: %v", err)
		}
	})
	err = h.inFiles(func() error {
		const empty = "/run/lab/no-modules"
		if err := os.MkdirAll(filepath.Join(empty, release()), 0o755); err != nil {
			return err
		}
		return unix.Mount(empty, "/lib/modules", "", unix.MS_BIND, "")
	})
	if err != nil {
		t.Fatalf("lab: hide modules from %s: %v", h.Name, err)
	}
}

// release is the version of the running kernel.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// UnloadModules unloads every module whose name begins with one of the prefixes
// (ip_vs where none is given) from the kernel, which all hosts share. It waits
// for namespaces of earlier tests to let go of them.
func UnloadModules(t testing.TB, prefixes ...string) {
	t.Helper()
	if len(prefixes) == 0 {
		prefixes = []string{"ip_vs"}
	}
	WaitFor(t, 20*time.Second, "kernel without "+strings.Join(prefixes, ", "), func() (bool, string) {
		text, err := os.ReadFile("/proc/modules")
		if err != nil {
			return false, err.Error()
		}
		var left []error
		for _, name := range loaded(string(text), prefixes) {
			// A module in use by another one goes in a later round.
			err := unix.DeleteModule(name, unix.O_NONBLOCK)
			if err != nil && !errors.Is(err, unix.ENOENT) {
				left = append(left, fmt.Errorf("%s: %w", name, err))
			}
		}
		return len(left) == 0, fmt.Sprint(errors.Join(left...))
	})
}

// loaded lists the modules in the text of /proc/modules that begin with one of
// the prefixes.
func loaded(text string, prefixes []string) []string {
	var names []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, " ")
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}
