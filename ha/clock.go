package ha

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime is the time since the host was started, as a time since 1970. Nobody
// can set it, and unlike Go's monotonic clock it goes on while the host is
// suspended.
func BootTime() time.Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Now() // every Linux since 2.6.39 has it
	}
	return time.Unix(ts.Unix())
}
