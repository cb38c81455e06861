package daemon

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrMemoryLimit says that locking was not tried because it would have made the process die later.
var ErrMemoryLimit = errors.New("RLIMIT_MEMLOCK is limited and CAP_IPC_LOCK is missing")

// LockMemory keeps every page that this process touches from now on in memory, so that it never waits for
// a disk (mlockall(2), MCL_ONFAULT: untouched reservations of the Go runtime cost nothing). Call it early
// in a daemon that must keep time. With a limit set and no CAP_IPC_LOCK, the first allocation above the
// limit would end the process, so that case returns ErrMemoryLimit and locks nothing; run on unlocked.
func LockMemory() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("lock memory: read RLIMIT_MEMLOCK: %w", err)
	}
	if limit.Cur != unix.RLIM_INFINITY && !hasCapability(unix.CAP_IPC_LOCK) {
		return fmt.Errorf("lock memory: %w (set realtime = true in watchdog.cfg or LimitMEMLOCK=infinity in the unit)", ErrMemoryLimit)
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: mlockall: %w", err)
	}
	return nil
}

// hasCapability reports whether the calling thread has capability c in its effective set.
func hasCapability(c int) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}
