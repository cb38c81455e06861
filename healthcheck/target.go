package healthcheck

import (
	"container/heap"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"seesaw/healthcheck/probe"
	"seesaw/healthcheck/verdict"
	"seesaw/internal/lb"
)

// target is one check with all that is known of it. The scheduler owns it;
// probes in flight hold only the pointer.
type target struct {
	check    lb.Check
	interval time.Duration
	timeout  time.Duration
	machine  verdict.Machine

	next   time.Time // when it is due again
	index  int       // its place in the due queue
	queued bool      // due and waiting for its turn
	gone   bool      // no longer wanted: what is in flight does not count

	newest    time.Time // start of the newest probe whose result has counted
	lastCheck time.Time
	duration  time.Duration
	message   string
}

// The cluster file's defaults, for a check that came without.
const (
	defaultInterval = 10 * time.Second
	defaultTimeout  = 5 * time.Second
)

// slot is the grain of the schedule. The timer fires at most once per slot,
// however many checks there are, and no check runs more often.
const slot = 5 * time.Millisecond

func newTarget(c lb.Check) *target {
	t := &target{machine: verdict.New(verdict.Config{Rise: 1, Fall: max(c.Retries, 0) + 1})}
	t.define(c)
	return t
}

// define takes over the check's definition and leaves what is known of it.
func (t *target) define(c lb.Check) {
	t.check, t.interval, t.timeout = c, c.Interval, c.Timeout
	if t.interval <= 0 {
		t.interval = defaultInterval
	}
	t.interval = max(t.interval, slot)
	if t.timeout <= 0 {
		t.timeout = defaultTimeout
		t.check.Timeout = t.timeout
	}
}

// after is the first time later than now that the check is due: a whole number
// of intervals since start, and a phase of its own, so that the checks spread
// over the interval and each keeps its beat.
func (t *target) after(start, now time.Time) time.Time {
	phase := time.Duration(uint64(t.check.ID) % uint64(t.interval)).Truncate(slot)
	first := start.Add(phase)
	if first.After(now) {
		return first
	}
	return first.Add((now.Sub(first)/t.interval + 1) * t.interval)
}

// take counts a probe's result and says whether the verdict changed by it. A
// result that was overtaken by that of a later probe says nothing new and does
// not count.
func (t *target) take(o outcome) (changed bool) {
	if o.started.Before(t.newest) {
		return false
	}
	t.newest = o.started
	t.lastCheck, t.duration, t.message = o.ended, o.ended.Sub(o.started), o.result.Message
	return t.machine.Step(o.result.OK)
}

// verdict is what is known of the target, in the words of the report.
func (t *target) verdict() lb.Verdict {
	return lb.Verdict{
		ID: t.check.ID, State: lb.Health(t.machine.State()), LastCheck: t.lastCheck, Duration: t.duration,
		Failures: t.machine.Failures(), Successes: t.machine.Successes(), Message: t.message,
	}
}

// outcome is a probe that has ended.
type outcome struct {
	target         *target
	started, ended time.Time
	result         probe.Result
}

// logChange writes the line for a verdict that has changed.
func logChange(log *slog.Logger, t *target, old verdict.State) {
	c := t.check
	args := []any{"backend", c.Backend}
	if c.Mode != 0 {
		args = append(args, "vip", c.Addr)
	}
	args = append(args, "check", describe(c), "old", old.String(), "new", t.machine.State().String(), "reason", t.message)
	log.Info("backend is "+t.machine.State().String(), args...)
}

// describe names a check as operators know it: protocol, target, mode.
func describe(c lb.Check) string {
	var b strings.Builder
	b.WriteString(c.Kind.String())
	if c.Kind == lb.CheckHTTP || c.Kind == lb.CheckHTTPS {
		method := c.Method
		if method == "" {
			method = "GET"
		}
		path := c.Send
		if path == "" {
			path = "/"
		}
		fmt.Fprintf(&b, " %s %s", method, path)
	}
	fmt.Fprintf(&b, " port %d", c.Port)
	if c.Mode != 0 {
		fmt.Fprintf(&b, " %v", c.Mode)
	}
	return b.String()
}

// dueQueue is a heap of targets, the next one due first.
type dueQueue []*target

var _ heap.Interface = (*dueQueue)(nil)

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].next.Before(q[j].next) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *dueQueue) Push(x any) {
	t := x.(*target)
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}
