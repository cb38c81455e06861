package verdict_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seesaw/healthcheck/verdict"
)

// run feeds results ("+" = success, "-" = failure) to a new machine and
// returns its state after each as one letter (? U H), upper case where Step
// said that it changed.
func run(cfg verdict.Config, results string) string {
	m := verdict.New(cfg)
	var b strings.Builder
	for _, r := range results {
		changed := m.Step(r == '+')
		s := m.State().String()[:1]
		if changed {
			s = strings.ToUpper(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

func TestStep(t *testing.T) {
	tests := []struct {
		name    string
		cfg     verdict.Config
		results string
		want    string
	}{
		{"unknown becomes healthy at once", verdict.Config{Rise: 1, Fall: 6}, "+", "H"},
		{"unknown becomes unhealthy at once, whatever the retries", verdict.Config{Rise: 1, Fall: 6}, "-", "U"},
		{"unknown becomes healthy at once, whatever the rise", verdict.Config{Rise: 3, Fall: 1}, "+", "H"},
		{"no retries: one failure is enough", verdict.Config{Rise: 1, Fall: 1}, "+-+-", "HUHU"},
		{"retries forgive, the next failure does not", verdict.Config{Rise: 1, Fall: 3}, "+---", "HhhU"},
		{"a success in between forgives all", verdict.Config{Rise: 1, Fall: 3}, "+--+--+---", "HhhhhhhhhU"},
		{"one success revives", verdict.Config{Rise: 1, Fall: 3}, "--+", "UuH"},
		{"an unhealthy target stays so without news", verdict.Config{Rise: 1, Fall: 2}, "-----", "Uuuuu"},
		{"a healthy target stays so without news", verdict.Config{Rise: 1, Fall: 2}, "+++++", "Hhhhh"},
		{"rise counts successes in a row", verdict.Config{Rise: 3, Fall: 1}, "-++-+++", "UuuuuuH"},
		{"rise and fall together", verdict.Config{Rise: 2, Fall: 2}, "-++--+-++", "UuHhUuuuH"},
		{"zero config means one of each", verdict.Config{}, "-+-+", "UHUH"},
		{"negative config means one of each", verdict.Config{Rise: -3, Fall: math.MinInt}, "-+-+", "UHUH"},
		{"original's table: 5 retries", verdict.Config{Rise: 1, Fall: 6}, "-+-+-----" + "-", "UHhhhhhhhU"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, run(tt.cfg, tt.results)); diff != "" {
				t.Errorf("states after %q (-want +got):\n%s", tt.results, diff)
			}
		})
	}
}

func TestNewIsUnknown(t *testing.T) {
	m := verdict.New(verdict.Config{Rise: 1, Fall: 1})
	if m.State() != verdict.Unknown || m.Failures() != 0 || m.Successes() != 0 {
		t.Errorf("new machine: %v, %d failures, %d successes; want unknown, 0, 0", m.State(), m.Failures(), m.Successes())
	}
}

func TestCountersCountEveryProbe(t *testing.T) {
	m := verdict.New(verdict.Config{Rise: 1, Fall: 4})
	for _, r := range "+--+---+-" {
		m.Step(r == '+')
	}
	if m.Successes() != 3 || m.Failures() != 6 {
		t.Errorf("%d successes, %d failures; want 3 and 6", m.Successes(), m.Failures())
	}
}

func TestString(t *testing.T) {
	for s, want := range map[verdict.State]string{
		verdict.Unknown: "unknown", verdict.Unhealthy: "unhealthy", verdict.Healthy: "healthy", 77: "unknown",
	} {
		if got := s.String(); got != want {
			t.Errorf("State(%d).String() = %q, want %q", s, got, want)
		}
	}
}

// FuzzStep holds the machine against the rule in its plainest form: look back
// over the whole history.
func FuzzStep(f *testing.F) {
	f.Add(1, 1, []byte{0, 1, 0, 1})
	f.Add(2, 3, []byte{1, 0, 0, 0, 1, 1})
	f.Add(1, 6, []byte{0, 1, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, rise, fall int, results []byte) {
		m := verdict.New(verdict.Config{Rise: rise, Fall: fall})
		want := verdict.Unknown
		for i, r := range results {
			ok := r%2 == 1
			before := m.State()
			changed := m.Step(ok)
			row := 0
			for j := i; j >= 0 && (results[j]%2 == 1) == ok; j-- {
				row++
			}
			switch {
			case want == verdict.Unknown && ok, want == verdict.Unhealthy && ok && row >= max(rise, 1):
				want = verdict.Healthy
			case want == verdict.Unknown, want == verdict.Healthy && !ok && row >= max(fall, 1):
				want = verdict.Unhealthy
			}
			if m.State() != want {
				t.Fatalf("after result %d of %v with rise %d, fall %d: %v, want %v", i, results, rise, fall, m.State(), want)
			}
			if changed != (before != m.State()) {
				t.Fatalf("result %d of %v: changed = %v from %v to %v", i, results, changed, before, m.State())
			}
		}
	})
}
