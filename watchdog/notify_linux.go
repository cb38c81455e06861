package watchdog

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// listen opens one notify socket for each service (sd_notify(3)), at a path that stays the same, so that a
// service may notify a successor of the watchdog that started it. The returned function closes them.
func (w *Watchdog) listen(ctx context.Context) (closeAll func()) {
	var open []*net.UnixConn
	for _, u := range w.machine.units {
		c, err := listenNotify(w.path(u.name, "notify"), w.owner(u.name))
		if err != nil {
			w.log.Warn("the service cannot say that it is ready: its dependents wait in vain", "service", u.name, "wait", readyLimit, "err", err)
			continue
		}
		open = append(open, c)
		go w.receive(ctx, u.name, c)
	}
	return func() {
		for _, c := range open {
			c.Close()
		}
	}
}

// listenNotify binds the socket, for the service's user alone, and asks for the sender's credentials.
func listenNotify(path string, uid int) (*net.UnixConn, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if err := prepareNotify(c, path, uid); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func prepareNotify(c *net.UnixConn, path string, uid int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) }); err != nil {
		return err
	}
	if set != nil {
		return fmt.Errorf("SO_PASSCRED: %w", set)
	}
	if err := os.Chown(path, uid, -1); err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}

// receive reads one service's notifications until its socket is closed.
func (w *Watchdog) receive(ctx context.Context, name string, c *net.UnixConn) {
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		n, oobn, _, _, err := c.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		pid, err := sender(oob[:oobn])
		if err != nil {
			continue // no credentials: not a message of the kernel's making
		}
		isReady, status := parseNotification(string(buf[:n]))
		w.send(ctx, func() { w.notification(name, pid, isReady, status) })
	}
}

// notification takes only the word of the service's main process.
func (w *Watchdog) notification(name string, pid int, isReady bool, status string) {
	c := w.children[name]
	if c == nil || c.pid != pid {
		w.log.Debug("notification of a foreign process ignored", "service", name, "pid", pid)
		return
	}
	if status != "" {
		w.log.Debug("status", "service", name, "status", status)
	}
	if isReady && !c.ready {
		w.markReady(name)
	}
}

// sender returns the process that sent a message.
func sender(oob []byte) (pid int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, err
	}
	for _, m := range messages {
		if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			return int(cred.Pid), nil
		}
	}
	return 0, fmt.Errorf("message without credentials")
}

// parseNotification reads the lines of sd_notify(3) that matter here.
func parseNotification(text string) (isReady bool, status string) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch key {
		case "READY":
			isReady = isReady || value == "1"
		case "STATUS":
			status = value
		}
	}
	return isReady, status
}
