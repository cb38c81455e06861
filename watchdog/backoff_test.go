package watchdog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDelay(t *testing.T) {
	want := []time.Duration{0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60}
	for n, seconds := range want {
		if got := delay(n); got != seconds*time.Second {
			t.Errorf("delay(%d) = %v, want %v", n, got, seconds*time.Second)
		}
	}
	if got := delay(1 << 40); got != time.Minute {
		t.Errorf("delay(2^40) = %v, want a minute", got)
	}
}

func TestHistory(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name    string
		uptimes []time.Duration
		want    []time.Duration
	}{
		{"one failure", []time.Duration{0}, []time.Duration{0}},
		{"crash loop", []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			[]time.Duration{0, 1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}},
		{"second failure just within the minute", []time.Duration{0, 59 * s}, []time.Duration{0, 1 * s}},
		{"second failure after a minute", []time.Duration{0, 60 * s}, []time.Duration{0, 0}},
		{"one failure every 50 s", []time.Duration{50 * s, 50 * s, 50 * s, 50 * s}, []time.Duration{0, 1 * s, 1 * s, 1 * s}},
		{"one failure every 25 s", []time.Duration{25 * s, 25 * s, 25 * s, 25 * s, 25 * s}, []time.Duration{0, 1 * s, 2 * s, 2 * s, 2 * s}},
		{"a good minute forgets a crash loop", []time.Duration{0, 0, 0, 0, 60 * s, 0}, []time.Duration{0, 1 * s, 2 * s, 4 * s, 0, 1 * s}},
		{"half a good minute does not", []time.Duration{0, 0, 0, 30 * s}, []time.Duration{0, 1 * s, 2 * s, 4 * s}},
		{"a clock that goes back", []time.Duration{0, -time.Hour}, []time.Duration{0, 1 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h history
			var got []time.Duration
			for _, u := range tt.uptimes {
				got = append(got, h.fail(u))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("delays (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for range 10000 {
		h.fail(0)
	}
	if len(h.fails) > 8 {
		t.Errorf("%d failures remembered, want at most 8", len(h.fails))
	}
}
