package lab

import (
	"testing"
	"time"
)

// pollEvery is how often WaitFor looks; short against what tests measure. A look
// that takes long is repeated less often, so that looking at a large table does
// not take the time of whoever fills it.
const pollEvery = 10 * time.Millisecond

// WaitFor calls done until it returns true and fails the test when it has not
// within timeout, showing what it said last. It returns the time that passed.
func WaitFor(t testing.TB, timeout time.Duration, what string, done func() (ok bool, seen string)) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		looked := time.Now()
		ok, seen := done()
		passed := time.Since(start)
		if ok {
			return passed
		}
		if passed > timeout {
			t.Fatalf("no %s within %v; last seen: %s", what, timeout, seen)
		}
		time.Sleep(max(pollEvery, 3*time.Since(looked)))
	}
}
