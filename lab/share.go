package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// cgroups is where the kernel keeps control groups (version 2).
const cgroups = "/sys/fs/cgroup"

// The shares of processor time. Hosts stand for machines of their own: one that
// is busy must not take the time of the others, and none may take that of the
// test, which measures.
const (
	hostShare = 100
	testShare = 10000 // the most that there is
)

// share is a control group for the processes of one host. The zero share is
// none: where the kernel has no control groups for us, time is shared as it
// comes.
type share struct {
	path string
	dir  *os.File
}

// shareTime makes the group of a host.
func shareTime(name string) (share, error) {
	if err := measureFirst(); err != nil {
		return share{}, err
	}
	path := filepath.Join(cgroups, fmt.Sprintf("lab-%d-%s", os.Getpid(), name))
	if err := group(path, hostShare); err != nil {
		return share{}, err
	}
	dir, err := os.Open(path)
	if err != nil {
		return share{}, err
	}
	return share{path, dir}, nil
}

// measureFirst gives the test itself precedence. It may be repeated.
func measureFirst() error {
	if err := os.WriteFile(filepath.Join(cgroups, "cgroup.subtree_control"), []byte("+cpu"), 0); err != nil {
		return err
	}
	path := filepath.Join(cgroups, "lab-test")
	if err := group(path, testShare); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, "cgroup.procs"), []byte("0"), 0)
}

// group makes a control group with a share of processor time.
func group(path string, weight int) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, "cpu.weight"), []byte(strconv.Itoa(weight)), 0)
}

// end removes the group, once its processes have ended.
func (s share) end() {
	if s.dir == nil {
		return
	}
	s.dir.Close()
	os.Remove(s.path) // the last ones may still be dying; an empty group costs nothing
}
