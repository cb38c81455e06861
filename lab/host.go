package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is a machine of the topology: network, mount, process, name and IPC
// namespaces of its own, with a PID 1 that reaps orphans. /run (and /var/run),
// /tmp, /etc/seesaw, /var/log/seesaw and /var/lib/seesaw are empty and its own;
// all else of the file system is shared. There is a user and a group "seesaw".
// Programs below /tmp of the test are therefore out of its sight.
type Host struct {
	Name string

	lab    *Lab
	holder *exec.Cmd
	stdin  io.Closer // the holder ends when it is closed
	pidfd  int
	procs  []*Proc
	share  share
}

// Host adds a machine without interfaces, lo aside. The name is its host name.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	h := &Host{Name: name, lab: l, pidfd: -1}
	var err error
	if h.share, err = shareTime(name); err != nil {
		l.t.Logf("lab: host %s shares the processor as it comes: %v", name, err)
	}
	if err := h.boot(); err != nil {
		l.t.Fatalf("lab: start host %s: %v", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h
}

// boot starts the holder and waits until it is ready.
func (h *Host) boot() error {
	h.holder = exec.Command("/proc/self/exe", "-test.run=^$")
	h.holder.Env = append(os.Environ(), holderVariable+"="+h.Name)
	h.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: hostNamespaces, PidFD: &h.pidfd, Setpgid: true}
	h.share.into(h.holder.SysProcAttr)
	stdin, err := h.holder.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := h.holder.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.holder.Start(); err != nil {
		return err
	}
	h.stdin = stdin
	answer := make([]byte, len(ready))
	if _, err := io.ReadFull(stdout, answer); err != nil || string(answer) != ready {
		rest, _ := io.ReadAll(stdout)
		h.kill()
		return fmt.Errorf("holder says %q (does TestMain call lab.Main?)", string(answer)+string(rest))
	}
	return nil
}

// kill ends the host and every process in it.
func (h *Host) kill() {
	h.stdin.Close()
	h.holder.Process.Kill()
	h.holder.Wait()
	if h.pidfd >= 0 {
		unix.Close(h.pidfd)
		h.pidfd = -1
	}
	for _, p := range h.procs {
		<-p.done
	}
	h.share.end()
}

// Command prepares a command that runs in the host.
func (h *Host) Command(ctx context.Context, name string, args ...string) *Cmd {
	c := command(ctx, h.pidfd, hostNamespaces, name, args...)
	h.share.into(c.SysProcAttr)
	return c
}

// Try runs a command in the host and returns its stdout and stderr together.
// It is killed at the end of the test's context.
func (h *Host) Try(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := h.Command(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", h.Name, strings.Join(append([]string{name}, args...), " "), err)
	}
	return string(out), err
}

// Run is Try for a command that must succeed.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := h.Try(t, name, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// Do runs f on a thread in the host's network namespace: sockets that f itself
// opens (not goroutines that it starts) belong to the host, for good. Files are
// the test's. It is safe for concurrent use.
func (h *Host) Do(f func() error) error {
	return inNamespaces(h.pidfd, unix.CLONE_NEWNET, f)
}

// inFiles runs f on a thread that sees the host's files and network.
func (h *Host) inFiles(f func() error) error {
	return inNamespaces(h.pidfd, unix.CLONE_NEWNET|unix.CLONE_NEWNS, f)
}

// WriteFile writes a file of the host, with directories as needed.
func (h *Host) WriteFile(t testing.TB, name, text string) {
	t.Helper()
	err := h.inFiles(func() error {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, []byte(text), 0o644)
	})
	if err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
}

// ReadFile returns the text of a file of the host.
func (h *Host) ReadFile(t testing.TB, name string) string {
	t.Helper()
	text, err := h.readFile(name)
	if err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
	return text
}

func (h *Host) readFile(name string) (string, error) {
	var text []byte
	err := h.inFiles(func() (err error) {
		text, err = os.ReadFile(name)
		return err
	})
	return string(text), err
}

// Sysctl sets a kernel parameter of the host, such as net.ipv4.ip_forward; a dot
// within an interface's name is written as a slash, as with sysctl(8).
func (h *Host) Sysctl(t testing.TB, key, value string) {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
	err := h.inFiles(func() error {
		return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644)
	})
	if err != nil {
		t.Fatalf("%s: set %s to %s: %v", h.Name, key, value, err)
	}
}

// Addr adds an address with prefix length to an interface of the host. IPv6
// addresses can be used at once (no duplicate address detection).
func (h *Host) Addr(t testing.TB, ifname, cidr string) {
	t.Helper()
	if err := h.netlink(func(n *netlink.Handle) error { return addAddress(n, ifname, cidr) }); err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
}

// Neighbour returns the MAC address that the host has for an IP address, or ""
// when it has none that is valid.
func (h *Host) Neighbour(t testing.TB, ip string) string {
	t.Helper()
	want, err := netip.ParseAddr(ip)
	if err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
	var mac string
	err = h.netlink(func(n *netlink.Handle) error {
		neighbours, err := n.NeighList(0, 0)
		for _, e := range neighbours {
			got, ok := netip.AddrFromSlice(e.IP)
			valid := e.State&(netlink.NUD_INCOMPLETE|netlink.NUD_FAILED) == 0 && len(e.HardwareAddr) > 0
			if ok && valid && got.Unmap() == want {
				mac = e.HardwareAddr.String()
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: read neighbours: %v", h.Name, err)
	}
	return mac
}

// netlink runs f with a route netlink socket of the host.
func (h *Host) netlink(f func(*netlink.Handle) error) error {
	var n *netlink.Handle
	err := h.Do(func() (err error) {
		n, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer n.Close()
	return f(n)
}

// addAddress adds cidr to the interface.
func addAddress(n *netlink.Handle, ifname, cidr string) error {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return err
	}
	link, err := n.LinkByName(ifname)
	if err != nil {
		return fmt.Errorf("find %s: %w", ifname, err)
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}}
	if prefix.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := n.AddrAdd(link, a); err != nil {
		return fmt.Errorf("add %s to %s: %w", cidr, ifname, err)
	}
	return nil
}
