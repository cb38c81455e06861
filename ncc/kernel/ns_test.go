package kernel

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"seesaw/internal/nettest"
	"seesaw/ncc/plan"
)

// host is a network namespace of a test's own. What a test looks at, it looks
// at with the methods here, which share no code with the package.
type host struct {
	*nettest.Namespace
	t *testing.T
}

func newHost(t *testing.T) *host {
	t.Helper()
	return &host{Namespace: nettest.New(t), t: t}
}

// kernel opens the package's own view of the namespace.
func (h *host) kernel() *Kernel {
	h.t.Helper()
	k, err := New(Config{Namespace: h.Path()}, slog.New(slog.NewTextHandler(h.t.Output(), nil)))
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

// veth makes a pair within the host, both ends up, and returns the peer's name.
func (h *host) veth(name string) (peer string) {
	h.t.Helper()
	peer = "p-" + name
	nettest.Veth(h.t, h.Namespace, name, h.Namespace, peer)
	return peer
}

func (h *host) link(name string) netlink.Link {
	h.t.Helper()
	l, err := h.Netlink().LinkByName(name)
	if err != nil {
		h.t.Fatalf("interface %s: %v", name, err)
	}
	return l
}

func (h *host) mac(name string) net.HardwareAddr { return h.link(name).Attrs().HardwareAddr }

// addrs returns the addresses of a link by their text, link-local ones apart.
func (h *host) addrs(name string) map[string]netlink.Addr {
	h.t.Helper()
	list, err := h.Netlink().AddrList(h.link(name), netlink.FAMILY_ALL)
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

func (h *host) sysctl(name string) string {
	h.t.Helper()
	var b []byte
	var err error
	h.Do(func() { b, err = os.ReadFile("/proc/sys/" + name) })
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func (h *host) setSysctl(name, value string) {
	h.t.Helper()
	var err error
	h.Do(func() { err = os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
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
	if err := h.Netlink().NeighSet(n); err != nil {
		h.t.Fatal(err)
	}
}

// watchNeighbours returns a function that waits for the next change to an entry
// of the neighbour table and returns its hardware address.
func (h *host) watchNeighbours(link string, ip netip.Addr) func() string {
	h.t.Helper()
	updates, done := make(chan netlink.NeighUpdate, 64), make(chan struct{})
	if err := netlink.NeighSubscribeAt(h.Handle(), updates, done); err != nil {
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
