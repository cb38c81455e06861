package ipvs

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// newNamespace makes a network namespace on a thread of its own.
func newNamespace(t *testing.T) netns.NsHandle {
	t.Helper()
	var (
		ns   netns.NsHandle
		err  error
		done = make(chan struct{}) // closed by the goroutine below
	)
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err = netns.New()
	}()
	<-done
	if err != nil {
		t.Fatalf("make a network namespace: %v (run the tests as root)", err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// TestSocket asks the kernel for a family that every kernel has.
func TestSocket(t *testing.T) {
	for name, ns := range map[string]netns.NsHandle{"current namespace": netns.None(), "another": newNamespace(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := openSocket(ns)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			c := newConn(s, s.receiveBuffer, 5*time.Second)
			question := func(name string) request {
				return request{
					family: nl.GENL_ID_CTRL, cmd: nl.GENL_CTRL_CMD_GETFAMILY, version: nl.GENL_CTRL_VERSION,
					body: appendString(nil, nl.GENL_CTRL_ATTR_FAMILY_NAME, name),
				}
			}
			answers := 0
			err = c.ask(question("nlctrl"), func() {}, func(message) error { answers++; return nil })
			if err != nil || answers != 1 {
				t.Errorf("nlctrl: %d answers, %v", answers, err)
			}
			// A name longer than the kernel's policy allows: an explained error.
			err = c.ask(question("a-name-that-is-longer-than-16"), func() {}, func(message) error { return nil })
			var k kernelError
			if !errors.As(err, &k) || k.message == "" {
				t.Errorf("long name: got %v, want an error that the kernel explains", err)
			}
			if err := c.ask(question("no-such-family"), func() {}, func(message) error { return nil }); !errors.Is(err, unix.ENOENT) {
				t.Errorf("no such family: got %v, want ENOENT", err)
			}
		})
	}
}

// TestSocketOverrun fills the receive buffer until the kernel drops answers.
// The conversation says so and goes on.
func TestSocketOverrun(t *testing.T) {
	s, err := openSocket(netns.None())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := unix.SetsockoptInt(s.s.GetFd(), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		t.Fatal(err)
	}
	c := newConn(s, s.receiveBuffer, time.Second)
	bad := request{family: nl.GENL_ID_CTRL, cmd: 250}
	many := make([]request, 100)
	for i := range many {
		many[i] = bad
	}
	start := time.Now()
	errs := make([]error, len(many))
	if err := c.transact(many, errs, func(message) error { return nil }); !errors.Is(err, unix.ENOBUFS) || !errors.Is(err, ErrAnswerLost) {
		t.Errorf("overrun: got %v, want ENOBUFS", err)
	}
	if errs[0] == nil {
		t.Error("the first answer, which had room, is missing")
	}
	if took := time.Since(start); took > time.Second/2 {
		t.Errorf("waited %s for answers that were lost", took)
	}
	errs = make([]error, 1)
	if err := c.transact(many[:1], errs, func(message) error { return nil }); err != nil || !errors.Is(errs[0], unix.EOPNOTSUPP) {
		t.Errorf("after that: %v, %v; want EOPNOTSUPP", err, errs[0])
	}
}

func TestReceiveTimeout(t *testing.T) {
	s, err := openSocket(netns.None())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	b := make([]byte, receiveLen)
	if _, err := s.receive(b, time.Time{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("no wait: got %v, want os.ErrDeadlineExceeded", err)
	}
	start := time.Now()
	if _, err := s.receive(b, start.Add(20*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want os.ErrDeadlineExceeded", err)
	}
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("gave up after %s", took)
	}
}

func TestReceiveTooShort(t *testing.T) {
	s, err := openSocket(netns.None())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	bad := request{family: nl.GENL_ID_CTRL, cmd: 250, flags: unix.NLM_F_ACK}
	if err := s.send(bad.appendTo(nil, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.receive(make([]byte, 8), time.Now().Add(time.Second)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("got %v, want EMSGSIZE", err)
	}
}

func TestInNamespaceReturns(t *testing.T) {
	ns := newNamespace(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	inside := netns.None()
	want := errors.New("told")
	if err := inNamespace(ns, func() (err error) { inside, _ = netns.Get(); return want }); !errors.Is(err, want) {
		t.Errorf("got %v, want the function's own error", err)
	}
	defer inside.Close()
	after, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if !inside.Equal(ns) || !after.Equal(before) {
		t.Errorf("ran in %s, want %s; returned to %s, want %s", inside, ns, after, before)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(WithTimeout(0)); err == nil {
		t.Error("a timeout of 0 was accepted")
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := New(InNamespace(netns.NsHandle(file.Fd()))); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a file that is no namespace: got %v, want EINVAL", err)
	}
}
