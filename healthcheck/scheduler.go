package healthcheck

import (
	"container/heap"
	"context"
	"log/slog"
	"sync"
	"time"

	"seesaw/internal/lb"
)

// scheduler owns every check, when it is due and what is known of it. All its
// methods run on the goroutine of run, but for execute.
//
// A check's first probe is sent at once, because until then nothing is known;
// spreading begins with the second. Probes keep the check's beat whether or
// not the one before has ended: a timeout longer than the interval must not
// delay a verdict. Where the concurrency is used up, a check that is due waits
// in a queue, once, behind those due before it.
type scheduler struct {
	probe  ProbeFunc
	outbox *outbox
	log    *slog.Logger
	limit  int           // probes in flight at most
	report time.Duration // between full reports

	start    time.Time
	targets  map[lb.CheckID]*target
	due      dueQueue
	ready    []*target // due, waiting for their turn
	inFlight int

	probes sync.WaitGroup
	// outcomes carries the probes' results to run. It has room for a slot's
	// worth of them at full load; when it is full the probes' goroutines wait.
	outcomes chan outcome
}

func newScheduler(cfg Config, p ProbeFunc, o *outbox, log *slog.Logger) *scheduler {
	return &scheduler{
		probe: p, outbox: o, log: log, limit: cfg.Concurrency, report: cfg.ReportInterval,
		targets: map[lb.CheckID]*target{}, outcomes: make(chan outcome, 64),
	}
}

// run schedules until ctx ends and then waits for the probes in flight, which
// ctx ends too.
func (s *scheduler) run(ctx context.Context, updates <-chan lb.CheckUpdate, joined <-chan struct{}) {
	defer s.probes.Wait()
	s.start = time.Now()
	var armed time.Time // what the timer is set to; zero = not at all
	timer := time.NewTimer(0)
	defer timer.Stop()
	report := time.NewTicker(s.report)
	defer report.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case u := <-updates:
			s.update(time.Now(), u)
		case o := <-s.outcomes:
			s.finish(o)
		case <-timer.C:
			armed = time.Time{}
			s.collect(time.Now())
		case <-report.C:
			s.outbox.putAll(s.verdicts())
		case <-joined:
			s.outbox.putAll(s.verdicts())
		}
		s.launch(ctx)
		if len(s.due) > 0 && !armed.Equal(s.due[0].next) {
			armed = s.due[0].next
			timer.Reset(time.Until(armed))
		}
	}
}

// update brings the set of checks to what the engine wants. A full update is
// answered by a full report: the engine may have taken the verdicts that it
// heard before for those of checks that it did not know yet.
func (s *scheduler) update(now time.Time, u lb.CheckUpdate) {
	if u.Full {
		wanted := make(map[lb.CheckID]bool, len(u.Changed))
		for _, c := range u.Changed {
			wanted[c.ID] = true
		}
		for id := range s.targets {
			if !wanted[id] {
				s.remove(id)
			}
		}
	}
	for _, id := range u.Removed {
		s.remove(id)
	}
	for _, c := range u.Changed {
		s.define(now, c)
	}
	if u.Full {
		s.outbox.putAll(s.verdicts())
	}
}

// define adds a check, which is due at once, or changes one that is known,
// which keeps its verdict, its counters and its turn.
func (s *scheduler) define(now time.Time, c lb.Check) {
	if t, ok := s.targets[c.ID]; ok {
		t.define(c)
		t.next = t.after(s.start, now)
		heap.Fix(&s.due, t.index)
		return
	}
	t := newTarget(c)
	s.targets[c.ID] = t
	t.next = t.after(s.start, now)
	heap.Push(&s.due, t)
	s.enqueue(t)
}

// remove forgets a check; a probe of it in flight no longer counts.
func (s *scheduler) remove(id lb.CheckID) {
	t, ok := s.targets[id]
	if !ok {
		return
	}
	t.gone = true
	delete(s.targets, id)
	heap.Remove(&s.due, t.index)
	s.outbox.drop(id)
}

// collect queues the checks that are due and sets when they are due again.
func (s *scheduler) collect(now time.Time) {
	for len(s.due) > 0 && !s.due[0].next.After(now) {
		t := s.due[0]
		t.next = t.after(s.start, now)
		heap.Fix(&s.due, 0)
		s.enqueue(t)
	}
}

func (s *scheduler) enqueue(t *target) {
	if t.queued {
		return
	}
	t.queued = true
	s.ready = append(s.ready, t)
}

// launch sends the probes whose turn it is.
func (s *scheduler) launch(ctx context.Context) {
	for len(s.ready) > 0 && s.inFlight < s.limit {
		t := s.ready[0]
		s.ready[0] = nil
		s.ready = s.ready[1:]
		t.queued = false
		if t.gone {
			continue
		}
		s.inFlight++
		check, timeout := t.check, t.timeout
		s.probes.Go(func() { s.execute(ctx, t, check, timeout) })
	}
}

// execute sends one probe and hands its outcome to run. Of the target it uses
// the pointer only.
func (s *scheduler) execute(ctx context.Context, t *target, c lb.Check, timeout time.Duration) {
	probing, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	started := time.Now()
	result := s.probe(probing, c)
	o := outcome{target: t, started: started, ended: time.Now(), result: result}
	select {
	case s.outcomes <- o:
	case <-ctx.Done(): // run has ended; nobody needs the outcome
	}
}

// finish counts a probe's outcome, and passes the verdict on if it changed.
func (s *scheduler) finish(o outcome) {
	s.inFlight--
	t := o.target
	if t.gone {
		return
	}
	old := t.machine.State()
	if t.take(o) {
		logChange(s.log, t, old)
		s.outbox.put(t.verdict())
	}
}

// verdicts is everything that is known.
func (s *scheduler) verdicts() []lb.Verdict {
	all := make([]lb.Verdict, 0, len(s.targets))
	for _, t := range s.targets {
		all = append(all, t.verdict())
	}
	return all
}
