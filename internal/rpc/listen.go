package rpc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse is returned by Listen if a living process answers on the socket.
var ErrInUse = errors.New("another process answers on this socket")

// Listen opens a Unix socket, replacing the file of a predecessor that no
// longer answers. The socket's folder is made with mode 0770 if it is not
// there; who may connect is decided by that folder alone, so the file itself is
// open to all who reach it.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o770); err != nil {
		return nil, fmt.Errorf("make folder of socket %s: %w", path, err)
	}
	// Two starting at once would both find the old file dead and remove each
	// other's; the lock lives as long as the process.
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock socket %s: %w", path, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("listen on %s: %w (is it started twice?)", path, ErrInUse)
	}
	if err := removeDead(path); err != nil {
		lock.Close()
		return nil, err
	}
	lis, err := net.Listen("unix", path)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		lis.Close()
		lock.Close()
		return nil, fmt.Errorf("set mode of socket %s: %w", path, err)
	}
	return &listener{Listener: lis, lock: lock}, nil
}

// removeDead removes the socket file of a predecessor, unless it answers.
func removeDead(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("listen on %s: %w (is it started twice?)", path, ErrInUse)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove dead socket %s: %w", path, err)
	}
	return nil
}

// listener gives its lock back when it closes.
type listener struct {
	net.Listener
	lock *os.File
}

func (l *listener) Close() error { return errors.Join(l.Listener.Close(), l.lock.Close()) }
