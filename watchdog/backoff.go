package watchdog

import "time"

// Back-off of restarts.
const (
	failureWindow = time.Minute // of running time
	maxDelay      = time.Minute
)

// history remembers a service's recent failures, each by how long the service had run in all when it
// happened. Time spent waiting does not age a failure: a service that cannot start at all reaches the
// longest delay, and one that runs for a minute has a clean record again.
type history struct {
	ran   time.Duration
	fails []time.Duration // within failureWindow of ran, oldest first
}

// fail records an end after running for uptime and returns how long to wait before the next start: nothing
// for the first failure within the window, then 1 s, 2 s, 4 s and so on up to maxDelay.
func (h *history) fail(uptime time.Duration) time.Duration {
	h.ran += max(0, uptime)
	for len(h.fails) > 0 && h.ran-h.fails[0] >= failureWindow {
		h.fails = h.fails[1:]
	}
	h.fails = append(h.fails, h.ran)
	if n := len(h.fails); n > 8 { // the delay of 8 is the longest
		h.fails = h.fails[n-8:]
	}
	return delay(len(h.fails))
}

// delay is the wait after the n-th failure within the window.
func delay(n int) time.Duration {
	switch {
	case n <= 1:
		return 0
	case n >= 8:
		return maxDelay
	}
	return min(time.Second<<(n-2), maxDelay)
}
