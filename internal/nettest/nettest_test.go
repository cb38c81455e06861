package nettest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func current(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDoEntersAndLeaves(t *testing.T) {
	home := current(t)
	a, b := New(t), New(t)
	var inA, inB, nested, back string
	a.Do(func() {
		inA = current(t)
		b.Do(func() { nested = current(t) })
		back = current(t)
	})
	b.Do(func() { inB = current(t) })
	switch {
	case inA == home || inB == home || inA == inB:
		t.Errorf("namespaces are not distinct: home %s, a %s, b %s", home, inA, inB)
	case nested != inB || back != inA:
		t.Errorf("nested = %s, back = %s, want %s and %s", nested, back, inB, inA)
	case current(t) != home:
		t.Errorf("not back home")
	}
	if path, err := os.Readlink(a.Path()); err != nil || path != inA {
		t.Errorf("%s leads to %s, %v, want %s", a.Path(), path, err, inA)
	}
}

// t.Fatal leaves Do by Goexit: the thread must not stay behind in the namespace.
func TestDoLeavesOnGoexit(t *testing.T) {
	n := New(t)
	home := current(t)
	after := make(chan string)
	go func() {
		defer func() { after <- current(t) }()
		n.Do(runtime.Goexit) // as t.Fatal does it
	}()
	if got := <-after; got != home {
		t.Errorf("after Goexit in %s, want %s", got, home)
	}
}

func TestVethCarriesBothFamilies(t *testing.T) {
	a, b := New(t), New(t)
	Veth(t, a, "eth0", b, "eth0")
	a.Address("eth0", "192.0.2.1/24")
	b.Address("eth0", "192.0.2.2/24")
	a.Address("eth0", "2001:db8::1/64")
	b.Address("eth0", "2001:db8::2/64")
	for _, host := range []string{"192.0.2.2", "2001:db8::2"} {
		var l net.Listener
		var err error
		b.Do(func() { l, err = net.Listen("tcp", net.JoinHostPort(host, "0")) })
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := dial(a, l.Addr().String()); err != nil {
			t.Errorf("from a to b: %v", err)
		}
	}
	b.Down("eth0")
	link, err := a.Netlink().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if link.Attrs().RawFlags&unix.IFF_RUNNING != 0 {
		t.Error("carrier at a although b's end is down")
	}
}

// dial avoids net.Dial, which may dial from a goroutine of its own and so outside the namespace.
func dial(n *Namespace, address string) (err error) {
	n.Do(func() {
		addr, e := net.ResolveTCPAddr("tcp", address)
		if e != nil {
			err = e
			return
		}
		c, e := net.DialTCP("tcp", nil, addr)
		if e != nil {
			err = e
			return
		}
		c.Close()
	})
	return err
}

// Without privilege the test fails and says how to run it.
func TestWithoutPrivilege(t *testing.T) {
	if os.Getenv("NETTEST_UNPRIVILEGED") != "" {
		New(t)
		return
	}
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestWithoutPrivilege$")
	c.Dir = "/"
	c.Env = append(os.Environ(), "NETTEST_UNPRIVILEGED=1")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	if err == nil || c.ProcessState.ExitCode() != 1 {
		t.Errorf("exit: %v, want a failed test (this test needs root)", err)
	}
	for _, want := range []string{"FAIL", "operation not permitted", "cd / && sudo -E $(command -v go) test"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("output has no %q:\n%s", want, out)
		}
	}
}

func TestExplain(t *testing.T) {
	if got := explain("x", fmt.Errorf("y")); got != "x: y" {
		t.Errorf("explain = %q, want no advice about root", got)
	}
}
