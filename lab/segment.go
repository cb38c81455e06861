package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridge is the interface name of the switch within a segment's namespace.
const bridge = "switch"

// Segment is an Ethernet segment: a learning switch in a namespace of its own. It
// floods multicast, has no spanning tree and forwards at once.
type Segment struct {
	Name string

	lab     *Lab
	ns      *os.File
	nl      *netlink.Handle
	plugs   int
	ports   map[*Host][]string
	capture *Cmd
}

// Segment adds a segment, with a packet capture that is kept if the test fails.
func (l *Lab) Segment(name string) *Segment {
	l.t.Helper()
	s := &Segment{Name: name, lab: l, ports: make(map[*Host][]string)}
	l.segments = append(l.segments, s)
	if err := s.build(); err != nil {
		l.t.Fatalf("lab: segment %s: %v", name, err)
	}
	return s
}

// build makes namespace and switch and starts the capture.
func (s *Segment) build() (err error) {
	if s.ns, err = newNetns(); err != nil {
		return err
	}
	err = inNamespaces(int(s.ns.Fd()), unix.CLONE_NEWNET, func() (err error) {
		s.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		// The switch itself must not take part in IPv6.
		err = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	snooping := false
	sw := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridge}, MulticastSnooping: &snooping}
	if err := s.nl.LinkAdd(sw); err != nil {
		return fmt.Errorf("add the switch: %w", err)
	}
	if err := s.nl.LinkSetUp(sw); err != nil {
		return fmt.Errorf("bring the switch up: %w", err)
	}
	// 128 bytes hold the headers; two files of 16 MB each, overwritten in turn.
	s.capture = s.command(context.Background(), "tcpdump", "-i", bridge, "-n", "-U", "-s", "128", "-B", "1024",
		"-C", "16", "-W", "2", "-Z", "root", "-w", s.captureFile())
	if err := s.capture.Start(); err != nil {
		return fmt.Errorf("start the capture: %w", err)
	}
	return nil
}

// command prepares a command in the segment's network namespace.
func (s *Segment) command(ctx context.Context, name string, args ...string) *Cmd {
	return command(ctx, int(s.ns.Fd()), unix.CLONE_NEWNET, name, args...)
}

// Plug gives the host an interface on this segment, up and with addresses such
// as 192.168.36.2/24, and returns its MAC address.
func (s *Segment) Plug(h *Host, ifname string, cidrs ...string) string {
	s.lab.t.Helper()
	mac, err := s.plug(h, ifname, cidrs)
	if err != nil {
		s.lab.t.Fatalf("lab: plug %s of %s into %s: %v", ifname, h.Name, s.Name, err)
	}
	return mac
}

func (s *Segment) plug(h *Host, ifname string, cidrs []string) (string, error) {
	sw, err := s.nl.LinkByName(bridge)
	if err != nil {
		return "", err
	}
	s.plugs++
	port := fmt.Sprintf("port%d", s.plugs)
	veth := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: port, MasterIndex: sw.Attrs().Index},
		PeerName:      ifname,
		PeerNamespace: netlink.NsPid(h.holder.Process.Pid),
	}
	if err := s.nl.LinkAdd(veth); err != nil {
		return "", fmt.Errorf("add the pair: %w", err)
	}
	if err := s.nl.LinkSetUp(veth); err != nil {
		return "", fmt.Errorf("bring %s up: %w", port, err)
	}
	s.ports[h] = append(s.ports[h], port)
	var mac string
	err = h.netlink(func(n *netlink.Handle) error {
		link, err := n.LinkByName(ifname)
		if err != nil {
			return err
		}
		mac = link.Attrs().HardwareAddr.String()
		if err := n.LinkSetUp(link); err != nil {
			return err
		}
		for _, cidr := range cidrs {
			if err := addAddress(n, ifname, cidr); err != nil {
				return err
			}
		}
		return nil
	})
	return mac, err
}

// Cut takes all of the host's ports on this segment down at once, like a pulled
// plug: the host loses its carrier and nothing of it is heard any more.
func (s *Segment) Cut(t testing.TB, h *Host) {
	t.Helper()
	s.setPorts(t, h, "down", s.nl.LinkSetDown)
}

// Mend undoes Cut.
func (s *Segment) Mend(t testing.TB, h *Host) {
	t.Helper()
	s.setPorts(t, h, "up", s.nl.LinkSetUp)
}

// setPorts changes all ports of a host by one socket, back to back: time between
// two ports would be a fault of another kind.
func (s *Segment) setPorts(t testing.TB, h *Host, state string, set func(netlink.Link) error) {
	t.Helper()
	var links []netlink.Link
	for _, port := range s.ports[h] {
		link, err := s.nl.LinkByName(port)
		if err != nil {
			t.Fatalf("lab: find %s of %s on %s: %v", port, h.Name, s.Name, err)
		}
		links = append(links, link)
	}
	if len(links) == 0 {
		t.Fatalf("lab: %s has no port on %s", h.Name, s.Name)
	}
	for _, link := range links {
		if err := set(link); err != nil {
			t.Fatalf("lab: take %s of %s on %s %s: %v", link.Attrs().Name, h.Name, s.Name, state, err)
		}
	}
}

// Captured returns how many bytes of capture are on disk. The capture starts a
// moment after the segment, and what it has seen is there a moment later.
func (s *Segment) Captured(t testing.TB) int64 {
	t.Helper()
	var size int64
	files, err := filepath.Glob(s.captureFile() + "*")
	for _, file := range files {
		info, statErr := os.Stat(file)
		if err = errors.Join(err, statErr); statErr == nil {
			size += info.Size()
		}
	}
	if err != nil {
		t.Fatalf("lab: capture of %s: %v", s.Name, err)
	}
	return size
}

// captureFile is the beginning of the names of the capture's files.
func (s *Segment) captureFile() string {
	return filepath.Join(s.lab.dir, "capture-"+s.Name+".pcap")
}

// StopCapture ends the packet capture: for measurements that it would slow down.
// What was captured so far is still kept on failure.
func (s *Segment) StopCapture() {
	if s.capture == nil || s.capture.Process == nil {
		return
	}
	// An end by signal is what we want to see, so the error says nothing.
	s.capture.Process.Signal(syscall.SIGTERM)
	hard := time.AfterFunc(2*time.Second, func() { s.capture.Process.Kill() })
	s.capture.Wait()
	hard.Stop()
	s.capture = nil
}

// close gives the namespace back.
func (s *Segment) close() {
	if s.nl != nil {
		s.nl.Close()
	}
	if s.ns != nil {
		s.ns.Close()
	}
}
