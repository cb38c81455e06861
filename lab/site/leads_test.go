package site

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummary(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	type told struct {
		ms, node int
		up       bool
	}
	planned := []told{{0, 0, true}, {0, 1, false}, {100, 0, false}, {130, 1, true}}
	split := []told{{0, 0, true}, {600, 1, true}, {610, 1, true}, {1000, 0, false}}
	for _, tc := range []struct {
		name     string
		told     []told
		from, to int
		want     Summary
	}{
		{"nothing told", nil, 0, 50, Summary{Nobody: ms(50), Settled: at(0)}},
		{"a leader all the time", planned, 10, 90, Summary{Leaders: []int{0}, Settled: at(10)}},
		{"given up", planned, 10, 120, Summary{GaveUp: 1, Nobody: ms(20), Settled: at(100)}},
		{"taken over", planned, 10, 500, Summary{Leaders: []int{1}, GaveUp: 1, TakeOver: 1, Nobody: ms(30), Settled: at(130)}},
		{"begins in the gap", planned, 120, 500, Summary{Leaders: []int{1}, TakeOver: 1, Nobody: ms(10), Settled: at(130)}},
		{"two at once", split, 10, 2000, Summary{Leaders: []int{1}, GaveUp: 1, TakeOver: 1, Several: ms(400), Settled: at(1000)}},
		{"two at its end", split, 700, 900, Summary{Leaders: []int{0, 1}, Several: ms(200), Settled: at(700)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := history{nodes: 2, began: start}
			for _, c := range tc.told {
				h.note(at(c.ms), c.node, c.up)
			}
			if diff := cmp.Diff(tc.want, h.summarize(at(tc.from), at(tc.to))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
