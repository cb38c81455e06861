package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// Ctrl-C and Ctrl-D as bytes of the input.
const (
	keyCtrlC = 3
	keyCtrlD = 4
)

// keyboard reads a terminal until its context ends. A plain read would go on for ever: a terminal cannot be
// given a deadline.
type keyboard struct {
	ctx        context.Context
	in         *os.File
	wake, bell *os.File // the two ends of a pipe; bell is closed when ctx ends
	stop       func() bool
}

func newKeyboard(ctx context.Context, in *os.File) (*keyboard, error) {
	wake, bell, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("read the terminal: %w", err)
	}
	return &keyboard{ctx, in, wake, bell, context.AfterFunc(ctx, func() { bell.Close() })}, nil
}

func (k *keyboard) close() {
	if k.stop() {
		k.bell.Close()
	}
	k.wake.Close()
}

// Read waits for keys. Ctrl-D leaves wherever the cursor stands, which the editor does for Ctrl-C only.
func (k *keyboard) Read(b []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(k.in.Fd()), Events: unix.POLLIN}, {Fd: int32(k.wake.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for the terminal: %w", err)
		}
		if fds[1].Revents != 0 {
			return 0, context.Cause(k.ctx)
		}
		n, err := k.in.Read(b)
		for i := range b[:max(n, 0)] {
			if b[i] == keyCtrlD {
				b[i] = keyCtrlC
			}
		}
		return n, err
	}
}

// resumeTimeout ends the wait for a shell that does not stop us, which one without job control never does.
const resumeTimeout = time.Second

// Suspend stops the process group, as the terminal itself would on Ctrl-Z, and returns when it goes on.
func Suspend() {
	resumed := make(chan os.Signal, 1) // from the runtime, once
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return
	}
	select {
	case <-resumed:
	case <-time.After(resumeTimeout):
	}
}
