package daemon

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// notifyTimeout bounds a notification. go-systemd's SdNotify has no bound and waits for ever for a
// receiver that is stopped with a full queue, which is why the few lines below are ours.
const notifyTimeout = time.Second

// Ready tells whoever started this process (seesaw_watchdog or systemd, sd_notify(3)) that it serves:
// sockets listen, first state is loaded. Dependents start now. status is one line for people, may be empty.
// Without NOTIFY_SOCKET in the environment it does nothing. An error is worth a log line, no more.
func Ready(status string) error { return notify("READY=1", status) }

// Status tells the starter in one line what this process is doing.
func Status(status string) error { return notify("", status) }

// Stopping tells the starter that this process has begun to stop. Main calls it.
func Stopping() error { return notify("STOPPING=1", "") }

func notify(state, status string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	var lines []string
	if state != "" {
		lines = append(lines, state)
	}
	if status != "" {
		lines = append(lines, "STATUS="+strings.ReplaceAll(status, "\n", " "))
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the starter at NOTIFY_SOCKET=%s: %w", path, err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return fmt.Errorf("notify the starter at NOTIFY_SOCKET=%s: %w", path, err)
	}
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("notify the starter at NOTIFY_SOCKET=%s: %w", path, err)
	}
	return nil
}
