package plan

import (
	"container/heap"
	"time"
)

// Back-off of an object whose operation failed: doubling from the first to the
// last.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// quarantine is what is known of an object that could not be made right.
type quarantine struct {
	failures int
	reason   string    // what the kernel said: operation, cause and remedy
	since    time.Time // of the first failure
	due      time.Time // of the next try
	index    int       // in the heap, counted from one; zero = not in quarantine
}

func (q quarantine) active() bool { return q.index > 0 }

// retries is a heap of quarantined objects, the one due first on top.
type retries []*object

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].retry.due.Before(r[j].retry.due) }
func (r retries) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].retry.index, r[j].retry.index = i+1, j+1
}

// Push and Pop are for container/heap alone.
func (r *retries) Push(x any) {
	o := x.(*object)
	*r = append(*r, o)
	o.retry.index = len(*r)
}

func (r *retries) Pop() any {
	last := len(*r) - 1
	o := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	o.retry.index = 0
	return o
}

// fail puts an object into quarantine. It returns true if this is news, false
// if the same thing has failed for the same reason before.
func (t *Table) fail(o *object, err error) bool {
	q := &o.retry
	isNews := q.reason != err.Error()
	if q.failures == 0 {
		q.since = t.now
	}
	q.reason = err.Error()
	q.due = t.now.Add(min(firstRetry<<min(q.failures, 20), lastRetry))
	q.failures++
	heap.Push(&t.retries, o)
	t.touch(o)
	return isNews
}

// calm forgets that an object has failed: it is wanted differently now, or was
// found right.
func (t *Table) calm(o *object) {
	if o.retry.active() {
		heap.Remove(&t.retries, o.retry.index-1)
	}
	if o.retry.failures > 0 {
		o.retry = quarantine{}
		t.touch(o)
	}
	t.unblock(o)
}

// wake takes those out of quarantine that are due. They keep their count.
func (t *Table) wake(now time.Time) {
	for len(t.retries) > 0 && !t.retries[0].retry.due.After(now) {
		t.mark(heap.Pop(&t.retries).(*object))
	}
}
