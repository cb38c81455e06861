package healthcheck

import (
	"cmp"
	"slices"
	"sync"

	"seesaw/internal/lb"
)

// outbox holds the verdicts that the engine has yet to hear: the latest one
// per check, so that it never grows beyond the number of checks, however long
// nobody takes from it. Safe for concurrent use.
type outbox struct {
	// wake holds a token while there may be something to take. put and putAll
	// send without waiting: a token that is there already says the same.
	wake chan struct{}

	mu      sync.Mutex // guards what follows
	held    bool       // nothing leaves before the next putAll
	full    bool       // the next report holds every check
	pending map[lb.CheckID]lb.Verdict
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), pending: map[lb.CheckID]lb.Verdict{}}
}

// hold prepares for a new session: its first report has to be a full one.
func (o *outbox) hold() {
	o.mu.Lock()
	o.held = true
	o.mu.Unlock()
}

// put adds a verdict that has changed.
func (o *outbox) put(v lb.Verdict) {
	o.mu.Lock()
	o.pending[v.ID] = v
	o.mu.Unlock()
	o.signal()
}

// putAll makes the next report a full one, of these verdicts: those of all
// checks that there are.
func (o *outbox) putAll(all []lb.Verdict) {
	o.mu.Lock()
	o.held, o.full = false, true
	for _, v := range all {
		o.pending[v.ID] = v
	}
	o.mu.Unlock()
	o.signal()
}

// drop forgets a check that is no more.
func (o *outbox) drop(id lb.CheckID) {
	o.mu.Lock()
	delete(o.pending, id)
	o.mu.Unlock()
}

// take empties the outbox into a report, sorted by id. It says false when
// there is nothing to report, or nothing yet.
func (o *outbox) take() (lb.VerdictReport, bool) {
	o.mu.Lock()
	if o.held {
		o.mu.Unlock()
		return lb.VerdictReport{}, false
	}
	r := lb.VerdictReport{Full: o.full, Verdicts: make([]lb.Verdict, 0, len(o.pending))}
	for _, v := range o.pending {
		r.Verdicts = append(r.Verdicts, v)
	}
	clear(o.pending)
	o.full = false
	o.mu.Unlock()
	slices.SortFunc(r.Verdicts, func(a, b lb.Verdict) int { return cmp.Compare(a.ID, b.ID) })
	return r, r.Full || len(r.Verdicts) > 0
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
