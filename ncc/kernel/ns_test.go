package kernel

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

// host is a network namespace of a test's own. What a test looks at, it looks
// at with the methods here, which share no code with the package.
type host struct {
	t  *testing.T
	ns netns.NsHandle
	nl *netlink.Handle
}

func newHost(t *testing.T) *host {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("make a network namespace: %v (run the tests as root: sudo -E go test ./ncc/kernel)", err)
	}
	if err := netns.Set(home); err != nil {
		t.Fatal(err) // this thread stays locked and ends with the test
	}
	runtime.UnlockOSThread()
	nl, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		nl.Close()
		ns.Close()
	})
	return &host{t: t, ns: ns, nl: nl}
}

// run calls f on a thread that is in the namespace.
func (h *host) run(f func()) {
	h.t.Helper()
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this goroutine.
		runtime.LockOSThread()
		err := netns.Set(h.ns)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
}

// kernel opens the package's own view of the namespace.
func (h *host) kernel() *Kernel {
	h.t.Helper()
	k, err := New(Config{Namespace: fmt.Sprintf("/proc/self/fd/%d", h.ns)}, slog.New(slog.NewTextHandler(h.t.Output(), nil)))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := k.Close(); err != nil {
			h.t.Errorf("close: %v", err)
		}
	})
	return k
}

// veth makes a pair, both raised, and returns the peer's name.
func (h *host) veth(name string) (peer string) {
	h.t.Helper()
	peer = "p-" + name
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := h.nl.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}); err != nil {
		h.t.Fatalf("add veth %s: %v", name, err)
	}
	for _, n := range []string{name, peer} {
		if err := h.nl.LinkSetUp(h.link(n)); err != nil {
			h.t.Fatal(err)
		}
	}
	return peer
}

func (h *host) link(name string) netlink.Link {
	h.t.Helper()
	l, err := h.nl.LinkByName(name)
	if err != nil {
		h.t.Fatalf("interface %s: %v", name, err)
	}
	return l
}

func (h *host) mac(name string) net.HardwareAddr { return h.link(name).Attrs().HardwareAddr }

// addrs returns the addresses of a link by their text, link-local ones apart.
func (h *host) addrs(name string) map[string]netlink.Addr {
	h.t.Helper()
	list, err := h.nl.AddrList(h.link(name), netlink.FAMILY_ALL)
	if err != nil {
		h.t.Fatal(err)
	}
	found := make(map[string]netlink.Addr)
	for _, a := range list {
		if !a.IP.IsLinkLocalUnicast() {
			found[a.IPNet.String()] = a
		}
	}
	return found
}

// addAddr adds somebody else's address.
func (h *host) addAddr(link, prefix string) {
	h.t.Helper()
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		h.t.Fatal(err)
	}
	a.Flags = unix.IFA_F_NODAD
	if err := h.nl.AddrAdd(h.link(link), a); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) sysctl(name string) string {
	h.t.Helper()
	var b []byte
	var err error
	h.run(func() { b, err = os.ReadFile("/proc/sys/" + name) })
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func (h *host) setSysctl(name, value string) {
	h.t.Helper()
	var err error
	h.run(func() { err = os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
	if err != nil {
		h.t.Fatal(err)
	}
}

// do carries out operations that have to succeed.
func do(t *testing.T, k *Kernel, ops ...plan.Op) {
	t.Helper()
	errs := k.Do(t.Context(), ops)
	if len(errs) != len(ops) {
		t.Fatalf("%d outcomes for %d operations", len(errs), len(ops))
	}
	for _, err := range errs {
		if err != nil {
			t.Errorf("unexpected error: %v", err)
		}
	}
}

// fails carries out one operation that has to fail.
func fails(t *testing.T, k *Kernel, op plan.Op) error {
	t.Helper()
	err := k.Do(t.Context(), []plan.Op{op})[0]
	if err == nil {
		t.Fatalf("%v: no error", op)
	}
	return err
}

func read(t *testing.T, k *Kernel) plan.Found {
	t.Helper()
	found, err := k.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// setNeighbour puts a stale entry into the neighbour table.
func (h *host) setNeighbour(link string, ip netip.Addr, mac string) {
	h.t.Helper()
	hw, err := net.ParseMAC(mac)
	if err != nil {
		h.t.Fatal(err)
	}
	n := &netlink.Neigh{LinkIndex: h.link(link).Attrs().Index, State: netlink.NUD_STALE, IP: ip.AsSlice(), HardwareAddr: hw}
	if err := h.nl.NeighSet(n); err != nil {
		h.t.Fatal(err)
	}
}

// watchNeighbours returns a function that waits for the next change to an entry
// of the neighbour table and returns its hardware address.
func (h *host) watchNeighbours(link string, ip netip.Addr) func() string {
	h.t.Helper()
	updates, done := make(chan netlink.NeighUpdate, 64), make(chan struct{})
	if err := netlink.NeighSubscribeAt(h.ns, updates, done); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { close(done) })
	index := h.link(link).Attrs().Index
	return func() string {
		h.t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			select {
			case u := <-updates:
				if u.LinkIndex == index && u.IP.Equal(ip.AsSlice()) {
					return u.HardwareAddr.String()
				}
			case <-deadline:
				h.t.Fatalf("%v: no change to the neighbour table in 10 s", ip)
			}
		}
	}
}
