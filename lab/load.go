package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The one way in which loss and gap are measured.
const (
	Every  = 20 * time.Millisecond  // between two new connections
	Faster = 5 * time.Millisecond   // the same, below 100 ms adverts
	Answer = 200 * time.Millisecond // time to answer; later is lost
)

// Load is a steady stream of new connections from a host.
type Load struct {
	recorder
	stop context.CancelFunc
	done chan error // how the pacer ended, once
}

// StartLoad opens a new connection to target (address:port) on every tick, sends
// one HTTP request on each, and goes on until Stop. Ticks are absolute times: a
// late one delays none of those after it.
func StartLoad(t testing.TB, h *Host, target string, every time.Duration) *Load {
	t.Helper()
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		t.Fatalf("lab: load: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{recorder: recorder{to: to}, stop: stop, done: make(chan error, 1)}
	t.Cleanup(stop)
	go func() {
		l.done <- h.Do(func() error {
			l.pace(ctx, every)
			return nil
		})
	}()
	return l
}

// pace starts the attempts. It runs on a thread in the host's network namespace,
// because that is where sockets must be made; what follows can run anywhere.
func (l *Load) pace(ctx context.Context, every time.Duration) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; due = due.Add(every) {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			l.try(due, func() {})
		}
	}
}

// Stop ends the stream, waits for the attempts under way and returns the result.
func (l *Load) Stop(t testing.TB) Result {
	t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		t.Fatalf("lab: load to %v: %v", l.to, err)
	}
	l.open.Wait()
	return l.SoFar()
}

// WaitForAnswers waits until n more attempts have succeeded.
func (l *Load) WaitForAnswers(t testing.TB, timeout time.Duration, n int) {
	t.Helper()
	want := l.good() + n
	WaitFor(t, timeout, fmt.Sprintf("%d more answers from %v", n, l.to), func() (bool, string) {
		good := l.good()
		return good >= want, fmt.Sprintf("%d are still missing", want-good)
	})
}

// Burst makes n new connections to target, at most parallel at a time, one
// request on each, each with the usual time to answer.
func Burst(t testing.TB, h *Host, target string, n, parallel int) Result {
	t.Helper()
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		t.Fatalf("lab: burst: %v", err)
	}
	r := recorder{to: to}
	slots := make(chan struct{}, parallel) // filled before an attempt, emptied when it ends
	err = h.Do(func() error {
		for range n {
			slots <- struct{}{}
			r.try(time.Now(), func() { <-slots })
		}
		return nil
	})
	r.open.Wait()
	if err != nil {
		t.Fatalf("lab: burst to %s: %v", target, err)
	}
	return r.SoFar()
}

// recorder makes attempts at one target and keeps what becomes of them.
type recorder struct {
	to   netip.AddrPort
	open sync.WaitGroup // attempts not yet ended

	mu        sync.Mutex // guards what follows
	attempts  []attempt  // ended ones
	successes int
}

// try makes one attempt that is due now: the connection is begun before it
// returns, on the calling thread, the rest follows by itself. ended is called
// when it has ended.
func (r *recorder) try(due time.Time, ended func()) {
	start := time.Now()
	fd, err := connect(r.to)
	r.open.Go(func() {
		defer ended()
		var body string
		if err == nil {
			body, err = exchange(fd, start.Add(Answer))
		}
		r.add(attempt{due: due, start: start, end: time.Now(), body: body, err: err})
	})
}

// add keeps the outcome of one attempt.
func (r *recorder) add(a attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, a)
	if a.err == nil {
		r.successes++
	}
}

// good counts the successes so far.
func (r *recorder) good() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.successes
}

// SoFar returns the result of what has ended until now.
func (r *recorder) SoFar() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return summarize(r.attempts)
}

// connect begins a TCP connection in the calling thread's network namespace and
// does not wait for it. It leaves out net.Dialer: the socket must be made on this
// thread, and the SYN sent now.
func connect(to netip.AddrPort) (int, error) {
	family := unix.AF_INET6
	var sa unix.Sockaddr
	if addr := to.Addr().Unmap(); addr.Is4() {
		family = unix.AF_INET
		sa = &unix.SockaddrInet4{Port: int(to.Port()), Addr: addr.As4()}
	} else {
		sa = &unix.SockaddrInet6{Port: int(to.Port()), Addr: addr.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, sa); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// exchange waits for the connection, sends one request and returns the body of
// the answer, all before the deadline. It closes fd.
func exchange(fd int, deadline time.Time) (string, error) {
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	if err := f.SetDeadline(deadline); err != nil {
		return "", err
	}
	if err := connected(f); err != nil {
		return "", reason("connect", err)
	}
	if _, err := f.WriteString("GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", reason("send", err)
	}
	answer, err := io.ReadAll(f)
	if err != nil {
		return "", reason("receive", err)
	}
	return parse(string(answer))
}

// connected waits until a connection begun by connect stands or has failed.
func connected(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			failure = err
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil // else woken for nothing: wait on
	})
	return errors.Join(err, failure)
}

// reason keeps errors few, so that they can be counted.
func reason(step string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%s: no answer in time", step)
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", step, errno)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// parse takes the body out of an HTTP/1.x answer with status 200.
func parse(answer string) (string, error) {
	head, body, ok := strings.Cut(answer, "\r\n\r\n")
	if !ok {
		return "", errors.New("answer cut short")
	}
	status, _, _ := strings.Cut(head, "\r\n")
	if fields := strings.Fields(status); len(fields) < 2 || fields[1] != "200" {
		return "", fmt.Errorf("answer %q", status)
	}
	return strings.TrimSpace(body), nil
}
