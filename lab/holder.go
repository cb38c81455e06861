package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// holderVariable in its environment makes a test binary the holder of the host
// that it names.
const holderVariable = "LAB_HOLDER"

// ready is what a holder prints when its host can be used.
const ready = "ready\n"

// Main runs a package's tests; TestMain passes its result to os.Exit. In a
// process that is to hold a host it does that instead.
func Main(m *testing.M) int {
	name := os.Getenv(holderVariable)
	if name == "" {
		return m.Run()
	}
	if err := hold(name); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// hold is the life of a host's PID 1: it makes the host's files its own, reaps
// whatever is re-parented to it, and ends when the test's end of stdin closes,
// which also happens when the test dies. The kernel then ends all other
// processes of the host.
func hold(name string) error {
	orphans := make(chan os.Signal, 1)
	signal.Notify(orphans, unix.SIGCHLD)
	if err := furnish(name); err != nil {
		return fmt.Errorf("lab: set up host %s: %w", name, err)
	}
	os.Stdout.WriteString(ready)
	closed := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	for {
		select {
		case <-closed:
			return nil
		case <-orphans:
			for {
				pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
				if pid <= 0 && !errors.Is(err, unix.EINTR) {
					break
				}
			}
		}
	}
}

// mount is one file system that a host has for itself.
type mount struct {
	kind, target, options string
}

// ownFiles are empty at the host's start and seen by it alone.
var ownFiles = []mount{
	{"tmpfs", "/run", "mode=755"},
	{"tmpfs", "/tmp", "mode=1777"},
	{"tmpfs", "/etc/seesaw", "mode=755"},
	{"tmpfs", "/var/log/seesaw", "mode=755"},
	{"tmpfs", "/var/lib/seesaw", "mode=755"},
}

// furnish gives the new namespaces their name, loopback and file systems.
func furnish(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range append([]mount{{"proc", "/proc", ""}, {"sysfs", "/sys", ""}}, ownFiles...) {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.target, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if target, err := filepath.EvalSymlinks("/var/run"); err != nil || target != "/run" {
		if err := unix.Mount("/run", "/var/run", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount /var/run: %w", err)
		}
	}
	if err := os.MkdirAll("/run/lock", 0o755); err != nil {
		return err
	}
	return accounts(name)
}

// accounts gives the host its own name resolution, user and group "seesaw".
func accounts(name string) error {
	if err := os.Mkdir("/run/lab", 0o755); err != nil {
		return err
	}
	hosts := fmt.Sprintf("127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n", name)
	if err := override("/etc/hosts", hosts); err != nil {
		return err
	}
	lines := map[string]string{
		"/etc/passwd": "seesaw:x:64255:64255::/nonexistent:/usr/sbin/nologin\n",
		"/etc/group":  "seesaw:x:64255:\n",
	}
	for file, line := range lines {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.Contains("\n"+string(text), "\nseesaw:") {
			continue
		}
		if err := override(file, string(text)+line); err != nil {
			return err
		}
	}
	return nil
}

// override shows the host another text in the place of one file of /etc.
func override(file, text string) error {
	own := filepath.Join("/run/lab", filepath.Base(file))
	if err := os.WriteFile(own, []byte(text), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(own, file, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", file, err)
	}
	return nil
}

// hostNamespaces are those that a host does not share.
const hostNamespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
