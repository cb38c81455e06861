package lab

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// attempt is one new TCP connection with one request.
type attempt struct {
	due   time.Time // when it should have started
	start time.Time // when it did
	end   time.Time // when it had its answer or was given up
	body  string    // the answer, without its line end
	err   error     // nil: a success
}

// Result is what became of a number of attempts.
type Result struct {
	Start, End time.Time
	Sent       int
	Lost       int            // attempts that had no answer within the time to answer
	Gap        time.Duration  // longest time between two successes; 0 with fewer than two
	Answers    map[string]int // successes by what was answered
	Errors     map[string]int // losses by their reason
	Slowest    time.Duration  // longest time that a success took
	Late       time.Duration  // longest time that an attempt was started after it was due: the measurement's own error
	FirstGood  time.Time      // when the first success ended; zero if none did
	LastGood   time.Time      // when the last success ended; zero if none did
}

// summarize counts. The order of attempts does not matter.
func summarize(attempts []attempt) Result {
	r := Result{Answers: make(map[string]int), Errors: make(map[string]int)}
	var good []time.Time
	for _, a := range attempts {
		r.Sent++
		if r.Start.IsZero() || a.start.Before(r.Start) {
			r.Start = a.start
		}
		if a.end.After(r.End) {
			r.End = a.end
		}
		r.Late = max(r.Late, a.start.Sub(a.due))
		if a.err != nil {
			r.Lost++
			r.Errors[a.err.Error()]++
			continue
		}
		r.Answers[a.body]++
		r.Slowest = max(r.Slowest, a.end.Sub(a.start))
		good = append(good, a.end)
	}
	slices.SortFunc(good, time.Time.Compare)
	for i, t := range good {
		if i > 0 {
			r.Gap = max(r.Gap, t.Sub(good[i-1]))
		}
		if i == 0 {
			r.FirstGood = t
		}
		r.LastGood = t
	}
	return r
}

// String is one line for a test's log.
func (r Result) String() string {
	s := fmt.Sprintf("%d sent in %v, %d lost, gap %v, slowest %v, late %v, answers %s",
		r.Sent, r.End.Sub(r.Start).Round(time.Millisecond), r.Lost, r.Gap.Round(time.Millisecond),
		r.Slowest.Round(time.Millisecond), r.Late.Round(time.Millisecond), counts(r.Answers))
	if r.Lost > 0 {
		s += ", errors " + counts(r.Errors)
	}
	return s
}

// counts prints a map, the largest number first.
func counts(m map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s=%d", k, m[k])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Disturbed reports whether the measurement was: the test itself did not get the
// processor for a good part of the time to answer, so that a loss may be its own.
// A disturbed run proves nothing and is to be repeated.
func (r Result) Disturbed() bool { return r.Late > Answer/4 }
