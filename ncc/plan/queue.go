package plan

import (
	"fmt"
	"slices"
	"time"
)

// batch bounds the operations of one Next, so that whoever carries them out
// can listen to something more urgent in between.
const batch = 1024

// queue holds the objects that need something in one phase. An object whose
// phase has changed since leaves a stale entry behind, which is skipped.
type queue struct {
	objects  []*object
	unsorted bool
}

// pending is an operation handed out, with what it was meant to do.
type pending struct {
	object *object
	action action
	attr   any
	op     Op
}

// mark puts an object into the queue of the phase in which it needs something.
func (t *Table) mark(o *object) {
	if (!o.named && !t.live) || o.retry.active() {
		return
	}
	a := o.action()
	if a == none {
		o.phase = noPhase
		if o.retry.failures > 0 {
			t.calm(o)
		}
		return
	}
	_, p := t.step(o, a)
	if o.phase == p {
		return
	}
	o.phase = p
	q := &t.queues[p]
	q.objects = append(q.objects, o)
	q.unsorted = true
}

// Next returns the operations that are due now and depend on no other one that
// is still to be done; all of them are of one phase. Their outcome must be
// given to Done before Next is called again. Nothing is due if it is empty.
//
// Before carrying them out the caller must have recorded what TakeClaims
// returns.
func (t *Table) Next(now time.Time) []Op {
	t.now = now
	t.wake(now)
	t.wakeAnnouncements(now)
	for {
		p := slices.IndexFunc(t.queues[:], func(q queue) bool { return len(q.objects) > 0 })
		if p < 0 {
			return nil
		}
		if ops := t.take(phase(p)); len(ops) > 0 {
			return ops
		}
	}
}

// take empties a queue up to the size of a batch.
func (t *Table) take(p phase) []Op {
	q := &t.queues[p]
	if q.unsorted {
		slices.SortFunc(q.objects, func(a, b *object) int { return a.key.compare(b.key) })
		q.unsorted = false
	}
	var ops []Op
	taken := 0
	for _, o := range q.objects {
		if len(ops) == batch {
			break
		}
		taken++
		if o.phase != p {
			continue
		}
		o.phase = noPhase
		if op := t.issue(o, p); op != nil {
			ops = append(ops, op)
		}
	}
	if q.objects = q.objects[taken:]; len(q.objects) == 0 {
		q.objects = nil
	}
	return ops
}

// issue hands out an object's operation if it still belongs to the phase and
// everything that it depends on is there.
func (t *Table) issue(o *object, p phase) Op {
	a := o.action()
	if a == none {
		return nil
	}
	op, at := t.step(o, a)
	if at != p {
		t.mark(o)
		return nil
	}
	if d := o.unmet(a); d != nil {
		t.block(o, d)
		return nil
	}
	if a == add {
		t.own(o)
	}
	if o.key.kind == kindSysctl && o.has != nil {
		t.claim(o.key.String(), o.has.(string)) // the value to go back to
	}
	t.pending = append(t.pending, pending{o, a, o.attr, op})
	return op
}

// block lets an object wait until another one is there.
func (t *Table) block(o, on *object) {
	if o.waits == on {
		return
	}
	t.unblock(o)
	o.waits = on
	if on.waiters == nil {
		on.waiters = map[*object]bool{}
	}
	on.waiters[o] = true
	t.touch(o)
}

func (t *Table) unblock(o *object) {
	if o.waits != nil {
		delete(o.waits.waiters, o)
		o.waits = nil
		t.touch(o)
	}
}

// Done takes in the outcome of each operation of the last Next, in their
// order. It returns the failures that are news; those that merely go on are
// left out.
func (t *Table) Done(now time.Time, outcomes []error) (news []error) {
	t.now = now
	done := t.pending
	t.pending = nil
	for i, p := range done {
		err := fmt.Errorf("%v: not carried out", p.op)
		if i < len(outcomes) {
			err = outcomes[i]
		}
		if err == nil {
			t.succeed(p)
		} else if t.fail(p.object, err) {
			news = append(news, err)
		}
	}
	return news
}

// Deadline is when Next has something to return even if nothing else happens;
// zero = never.
func (t *Table) Deadline() time.Time {
	at := t.announceDeadline()
	if len(t.retries) > 0 && (at.IsZero() || t.retries[0].retry.due.Before(at)) {
		at = t.retries[0].retry.due
	}
	return at
}
