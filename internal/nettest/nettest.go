// Package nettest gives tests network namespaces of their own and veth pairs between them.
//
// It is not for production code and builds no topologies: a namespace, a cable, an address. A test that
// may not make namespaces fails, with the command that would let it run; it is never skipped.
package nettest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace that lives as long as its test. Its loopback interface is up.
type Namespace struct {
	t      testing.TB
	handle netns.NsHandle
	links  *netlink.Handle
}

// New makes a namespace. The calling goroutine stays where it is; see Do.
func New(t testing.TB) *Namespace {
	t.Helper()
	n := &Namespace{t: t, handle: -1}
	if err := n.create(); err != nil {
		t.Fatal(explain("make a network namespace", err))
	}
	t.Cleanup(func() { n.handle.Close() })
	links, err := netlink.NewHandleAt(n.handle)
	if err != nil {
		t.Fatal(explain("open netlink in a network namespace", err))
	}
	t.Cleanup(links.Close)
	n.links = links
	n.Up("lo")
	return n
}

// create unshares on a thread that ends afterwards.
func (n *Namespace) create() error {
	done := make(chan error) // the goroutine sends once
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends in the new namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.handle, err = netns.Get()
		}
		done <- err
	}()
	return <-done
}

// Do runs f in the namespace, on the calling goroutine with its thread locked; t.Fatal works in it. Sockets
// that f opens stay in the namespace, goroutines that it starts do not: call Do in them.
func (n *Namespace) Do(f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		n.t.Fatal(explain("read the current network namespace", err))
	}
	defer home.Close()
	if err := netns.Set(n.handle); err != nil {
		runtime.UnlockOSThread()
		n.t.Fatal(explain("enter a network namespace", err))
	}
	defer func() {
		// A thread that cannot go home stays locked, and ends with its goroutine.
		if err := netns.Set(home); err != nil {
			n.t.Error(explain("leave a network namespace", err))
			return
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// Netlink changes links, addresses and routes of the namespace from any goroutine.
func (n *Namespace) Netlink() *netlink.Handle { return n.links }

// Handle is for libraries that take a namespace's file descriptor. It is closed when the test ends.
func (n *Namespace) Handle() netns.NsHandle { return n.handle }

// Path names the namespace for other programs while the test runs: nsenter --net=PATH.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(n.handle)) }

// Up sets a link up.
func (n *Namespace) Up(link string) {
	n.t.Helper()
	if err := n.links.LinkSetUp(n.link(link)); err != nil {
		n.t.Fatal(explain("set "+link+" up", err))
	}
}

// Down sets a link down.
func (n *Namespace) Down(link string) {
	n.t.Helper()
	if err := n.links.LinkSetDown(n.link(link)); err != nil {
		n.t.Fatal(explain("set "+link+" down", err))
	}
}

// Address adds an address to a link, usable at once: IPv6 without duplicate address detection.
func (n *Namespace) Address(link, prefix string) {
	n.t.Helper()
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		n.t.Fatal(err)
	}
	addr, err := netlink.ParseAddr(prefix)
	if err != nil {
		n.t.Fatal(err)
	}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := n.links.AddrAdd(n.link(link), addr); err != nil {
		n.t.Fatal(explain("add "+prefix+" to "+link, err))
	}
}

func (n *Namespace) link(name string) netlink.Link {
	n.t.Helper()
	l, err := n.links.LinkByName(name)
	if err != nil {
		n.t.Fatal(explain("find link "+name, err))
	}
	return l
}

// Veth joins two namespaces by a pair of links, nameA in a and nameB in b, both up.
func Veth(t testing.TB, a *Namespace, nameA string, b *Namespace, nameB string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = nameA
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: nameB, PeerNamespace: netlink.NsFd(int(b.handle))}
	if err := a.links.LinkAdd(pair); err != nil {
		t.Fatal(explain("make veth pair "+nameA+", "+nameB, err))
	}
	a.Up(nameA)
	b.Up(nameB)
}

// explain adds what a developer can do about err.
func explain(what string, err error) string {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		dir, _ := os.Getwd()
		return fmt.Sprintf("%s: %v (this test needs root: cd %s && sudo -E $(command -v go) test)", what, err, dir)
	}
	return fmt.Sprintf("%s: %v", what, err)
}
