package ipvs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// wantedReceiveBuffer holds the answers to many windows of requests; what the
// kernel grants may be less.
const wantedReceiveBuffer = 1 << 20

// socket is a generic netlink socket. It reads and writes the descriptor
// itself because nl sends one request at a time and receives into a fresh
// 64 KiB buffer each time.
type socket struct {
	s             *nl.NetlinkSocket
	receiveBuffer int
}

// openSocket opens a socket in the namespace ns, or in the calling thread's
// if ns is not open.
func openSocket(ns netns.NsHandle) (*socket, error) {
	var s *socket
	err := inNamespace(ns, func() (err error) {
		s, err = newSocket()
		return err
	})
	return s, err
}

func newSocket() (*socket, error) {
	// Subscribing to no group is nl's way to open a plain socket.
	s, err := nl.Subscribe(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	fd := s.GetFd()
	// Both are refinements that old kernels lack: explanations of errors, and
	// errors that do not repeat the request.
	_ = s.SetExtAck(true)
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	if s.SetReceiveBufferSize(wantedReceiveBuffer, true) != nil {
		_ = s.SetReceiveBufferSize(wantedReceiveBuffer, false)
	}
	size, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("read size of receive buffer: %w", err)
	}
	return &socket{s: s, receiveBuffer: size}, nil
}

// inNamespace runs f on a thread that is in ns. The thread goes back to its
// namespace; if it cannot, the goroutine keeps it, so that no other goroutine
// ever finds itself in the wrong one.
func inNamespace(ns netns.NsHandle, f func() error) error {
	if !ns.IsOpen() {
		return f()
	}
	runtime.LockOSThread()
	old, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("find current network namespace: %w", err)
	}
	defer old.Close()
	if err := netns.Set(ns); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", ns, err)
	}
	err = f()
	if back := netns.Set(old); back != nil {
		return errors.Join(err, fmt.Errorf("return to network namespace %s: %w", old, back))
	}
	runtime.UnlockOSThread()
	return err
}

func (s *socket) send(b []byte) error {
	return unix.Sendto(s.s.GetFd(), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// receive reads one datagram from the kernel, waiting for it until deadline.
func (s *socket) receive(b []byte, deadline time.Time) (int, error) {
	fd := s.s.GetFd()
	for {
		// With MSG_TRUNC the length is the datagram's, even if b is shorter.
		n, from, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case err == unix.EAGAIN:
			if err := waitReadable(fd, deadline); err != nil {
				return 0, err
			}
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n > len(b):
			return 0, fmt.Errorf("netlink datagram of %d bytes does not fit in %d: %w", n, len(b), unix.EMSGSIZE)
		default:
			if sender, ok := from.(*unix.SockaddrNetlink); ok && sender.Pid == nl.PidKernel {
				return n, nil
			}
		}
	}
}

// waitReadable blocks its thread, which is rare: the kernel answers generic
// netlink while it is being sent, so the answer is there when send returns.
func waitReadable(fd int, deadline time.Time) error {
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		// Rounded up, or the last fraction of a millisecond would spin.
		ms := (left + time.Millisecond - 1) / time.Millisecond
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(ms))
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("wait for netlink: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
}

func (s *socket) close() { s.s.Close() }
