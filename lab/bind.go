package lab

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Bind shows a directory of the test's in the host under another name, wherever
// it is: even below /tmp, which hosts do not share, or below a home that only
// root may enter.
func (h *Host) Bind(t testing.TB, from, to string) {
	t.Helper()
	fd, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		t.Fatalf("lab: clone %s: %v", from, err)
	}
	defer unix.Close(fd)
	err = h.inFiles(func() error {
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("mount on %s: %w", to, err)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: show %s: %v", h.Name, from, err)
	}
}
