package core

import (
	"container/heap"
	"time"

	"seesaw/internal/lb"
)

// holdIntervals is how many intervals of a check may pass without a verdict
// before the target counts as unhealthy.
const holdIntervals = 3

// holds remembers until when checks without a verdict are left alone. Time
// counts from when healthcheck is first heard: nothing is taken down for want
// of a healthcheck.
type holds struct {
	waiting []*check // before healthcheck is heard
	until   holdHeap
}

// hold is void if its check has been given another time since.
type hold struct {
	at time.Time
	ck *check
}

func (h *holds) add(ck *check, now time.Time, heard bool) {
	if !heard {
		h.waiting = append(h.waiting, ck)
		return
	}
	ck.until = now.Add(holdIntervals * ck.def.Interval)
	heap.Push(&h.until, hold{ck.until, ck})
}

// start lets the time of all that wait begin, but of those that are no longer
// run.
func (h *holds) start(now time.Time) {
	for _, ck := range h.waiting {
		if ck.run {
			h.add(ck, now, true)
		}
	}
	h.waiting = nil
}

func (h *holds) next() time.Time {
	if len(h.until) == 0 {
		return time.Time{}
	}
	return h.until[0].at
}

// expireHolds ends the patience with checks that never had a verdict.
func (c *Core) expireHolds() {
	var expired []*check
	for len(c.holds.until) > 0 && !c.holds.until[0].at.After(c.now) {
		h := heap.Pop(&c.holds.until).(hold)
		ck := h.ck
		if ck.verdict.State == lb.HealthUnknown && !ck.expired && ck.until.Equal(h.at) {
			ck.expired = true
			expired = append(expired, ck)
		}
	}
	c.reviewChecks(expired)
}

// holdHeap is a container/heap with the earliest time first.
type holdHeap []hold

func (h holdHeap) Len() int           { return len(h) }
func (h holdHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h holdHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *holdHeap) Push(x any)        { *h = append(*h, x.(hold)) }
func (h *holdHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = hold{} // lets the check go
	*h = (*h)[:last]
	return x
}
