package ipvs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var (
	// ErrNotLoaded is wrapped by New when the kernel does not know IPVS.
	ErrNotLoaded = errors.New("the kernel has no IPVS: run modprobe ip_vs")
	// ErrAnswerLost is wrapped by the error of a change whose outcome is not
	// known: it may have been made or not. The cause (ENOBUFS, ETIMEDOUT) is
	// wrapped beside it. List to see what the kernel holds.
	ErrAnswerLost = errors.New("the kernel's answer was lost")
	// ErrNotSent is wrapped by the errors of changes that [Handle.Do] did not
	// try because the socket failed before their turn.
	ErrNotSent = errors.New("not sent")
	// ErrDumpInterrupted is wrapped when the table kept changing while it was listed.
	ErrDumpInterrupted = errors.New("the table kept changing while it was listed")
)

// kernelError is an error number from the kernel with the explanation that
// newer kernels add (extended acknowledgement).
type kernelError struct {
	errno   unix.Errno
	message string
}

func (e kernelError) Error() string {
	if e.message == "" {
		return e.errno.Error()
	}
	return e.errno.Error() + ": " + e.message
}

func (e kernelError) Unwrap() error { return e.errno }

// explain wraps err with what was being done, and with what IPVS means by
// this error number where its general text says something else.
func explain(what string, cmd uint8, err error) error {
	if err == nil {
		return nil
	}
	if hint := hintFor(cmd, err); hint != "" {
		return fmt.Errorf("%s: %w (%s)", what, err, hint)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func hintFor(cmd uint8, err error) string {
	var k kernelError
	if !errors.As(err, &k) {
		return ""
	}
	daemon := cmd == cmdNewDaemon || cmd == cmdDelDaemon
	destination := cmd == cmdNewDest || cmd == cmdSetDest || cmd == cmdDelDest
	switch {
	case k.errno == unix.EPERM:
		return "CAP_NET_ADMIN is needed in this network namespace"
	case k.errno == unix.ESRCH && daemon:
		return "no such daemon runs"
	case k.errno == unix.ESRCH:
		return "the service does not exist"
	case k.errno == unix.EEXIST && daemon:
		return "a daemon of this state runs already"
	case k.errno == unix.EEXIST && destination:
		return "the service has this destination already"
	case k.errno == unix.EEXIST:
		return "the service exists already"
	case k.errno == unix.ENOENT && destination:
		return "the service has no such destination"
	case k.errno == unix.ENOENT && (cmd == cmdNewService || cmd == cmdSetService):
		return "the kernel has no such scheduler or persistence engine"
	case k.errno == unix.ENODEV && daemon:
		return "no such interface"
	case k.errno == unix.EAFNOSUPPORT:
		return "the kernel's IPVS does not serve this address family"
	case k.errno == unix.ERANGE && destination:
		return "weight above 2147483647, or lower threshold above the upper one"
	case k.errno == unix.EINVAL && destination:
		return "a destination of the other address family must be a tunnel and excludes sync daemons; gue needs a port"
	}
	return ""
}
