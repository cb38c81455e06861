package ncc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

// Defaults of Config.
const (
	DefaultRecord = "/run/seesaw/ncc/owned"
	DefaultLease  = 5 * time.Second
	DefaultReread = 30 * time.Second
)

// A missing interface is looked for this often, an unreadable host read again.
const lookAgain = 2 * time.Second

// Kernel is the host's network, which it alone changes.
type Kernel interface {
	// Read returns what the host has. A host without IPVS has no services.
	Read(ctx context.Context) (plan.Found, error)
	// Do carries out operations in their order and returns the outcome of each,
	// in that order. What is already as wanted is success.
	Do(ctx context.Context, ops []plan.Op) []error
	// Statistics returns the counters of every IPVS service, sorted by key. It
	// may be called while Do runs and does not wait for it.
	Statistics(ctx context.Context) ([]lb.ServiceStatistics, error)
}

// Config is what ncc needs to know. Zero values mean the defaults above.
type Config struct {
	// Record is the file of the ownership record. It must not outlive a boot.
	Record string
	// Lease is how long an engine may be silent before the LB interface goes
	// down, where another node could take over.
	Lease time.Duration
	// Reread is how often the host is compared with what it should be.
	Reread time.Duration
}

// NCC is one ncc.
type NCC struct {
	cfg    Config
	kernel Kernel
	log    *slog.Logger
	calls  chan call // from Apply to Run, unbuffered: a call is taken or gives up

	// What follows belongs to Run's goroutine.
	table   *plan.Table
	record  *record
	heard   time.Time // from the engine, or when we started
	reread  time.Time // when the host is read next
	waiting []call    // taken, not answered yet
	told    bool      // foreign services have been logged
}

// call is one Apply on its way. The answer's channel holds one, so that Run
// never waits for a caller that has given up.
type call struct {
	update lb.Update
	answer chan answer
}

type answer struct {
	report lb.Report
	err    error
}

// New returns an ncc that is not running yet. It does nothing to the host.
func New(cfg Config, k Kernel, log *slog.Logger) (*NCC, error) {
	if k == nil || log == nil {
		return nil, errors.New("ncc: a kernel and a log are needed")
	}
	if cfg.Record == "" {
		cfg.Record = DefaultRecord
	}
	if cfg.Lease == 0 {
		cfg.Lease = DefaultLease
	}
	if cfg.Reread == 0 {
		cfg.Reread = DefaultReread
	}
	if cfg.Lease < 0 || cfg.Reread < 0 {
		return nil, fmt.Errorf("ncc: lease %v and reread %v must not be negative", cfg.Lease, cfg.Reread)
	}
	return &NCC{cfg: cfg, kernel: k, log: log, calls: make(chan call)}, nil
}

// Apply takes in a change to the wanted network, or a renewal of the engine's
// lease, and returns what is true once everything that can be done about it
// has been tried. It needs Run to be running and waits for it.
func (n *NCC) Apply(ctx context.Context, u lb.Update) (lb.Report, error) {
	c := call{update: u, answer: make(chan answer, 1)}
	select {
	case n.calls <- c:
	case <-ctx.Done():
		return lb.Report{}, fmt.Errorf("ncc is not ready for an update: %w", ctx.Err())
	}
	select {
	case a := <-c.answer:
		return a.report, a.err
	case <-ctx.Done():
		return lb.Report{}, fmt.Errorf("ncc has not finished the update: %w", ctx.Err())
	}
}

// Statistics returns the counters of every IPVS service of the host.
func (n *NCC) Statistics(ctx context.Context) ([]lb.ServiceStatistics, error) {
	return n.kernel.Statistics(ctx)
}

// Run adopts what the host has and serves updates until ctx ends. It leaves the
// host as it is then. It is called once.
func (n *NCC) Run(ctx context.Context) error {
	n.heard = time.Now()
	if !n.start(ctx) {
		return nil
	}
	defer n.record.close()
	for {
		n.settle(ctx)
		n.reply(ctx)
		if !n.wait(ctx) {
			return nil
		}
	}
}

// start reads record and host, again and again until that works. It returns
// false if ctx ends first.
func (n *NCC) start(ctx context.Context) bool {
	owned, rec, err := openRecord(n.cfg.Record)
	if err != nil {
		n.log.Warn("ownership record cannot be used: services and addresses found are only adopted if they are wanted", "err", err)
	}
	n.record = rec
	for {
		found, err := n.kernel.Read(ctx)
		if err == nil {
			n.table = plan.New(found, owned)
			n.reread = time.Now().Add(n.cfg.Reread)
			n.log.Info("host read", "interfaces", len(found.Links), "services", len(found.Services), "owned", len(owned))
			return true
		}
		if !n.startLater(ctx, err) {
			rec.close()
			return false
		}
	}
}

// startLater waits before the host is read again, refusing updates meanwhile.
func (n *NCC) startLater(ctx context.Context, err error) bool {
	n.log.Error("host cannot be read, trying again", "err", err)
	again := time.NewTimer(lookAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
			return true
		case c := <-n.calls:
			c.answer <- answer{err: fmt.Errorf("host cannot be read: %w", err)}
		}
	}
}

// settle carries out all that is due. Updates that arrive meanwhile are taken
// in between two batches.
func (n *NCC) settle(ctx context.Context) {
	began := time.Now() // what fails from now on is not tried again before the next settle
	var done changes
	for ctx.Err() == nil {
		ops := n.table.Next(began)
		n.keepRecord()
		if len(ops) == 0 {
			break
		}
		outcomes := n.kernel.Do(ctx, ops)
		if ctx.Err() != nil {
			break // cut short: not the host's fault, and nobody is told any more
		}
		for _, err := range n.table.Done(time.Now(), outcomes) {
			done.fail(err)
		}
		done.add(ops, outcomes)
		select {
		case c := <-n.calls:
			n.take(c)
		default:
		}
	}
	done.log(n.log)
	n.keepRecord()
}

// take takes in an update. Its answer follows when everything has been tried.
func (n *NCC) take(c call) {
	n.heard = time.Now()
	if !n.table.Apply(n.heard, c.update) {
		c.answer <- answer{report: lb.Report{Resend: true}}
		return
	}
	n.waiting = append(n.waiting, c)
	for _, name := range n.table.TakeAdopted() {
		n.log.Info("adopted", "object", name)
	}
	if !n.told {
		n.told = true
		if foreign := n.table.Foreign(); len(foreign) > 0 {
			n.log.Info("IPVS services that are not ours are left alone", "count", len(foreign), "first", foreign[0])
		}
	}
}

// reply answers those who wait.
func (n *NCC) reply(ctx context.Context) {
	if len(n.waiting) == 0 {
		return
	}
	a := answer{err: ctx.Err()}
	if a.err == nil {
		a.report = n.table.Report()
	}
	if err := n.record.err; err != nil {
		a.report.Node.Problems = append(a.report.Node.Problems, lb.Problem{
			Object: "ownership record", Reason: err.Error(), Since: n.record.since,
		})
	}
	for _, c := range n.waiting {
		c.answer <- a
	}
	n.waiting = nil
	n.heard = time.Now() // it could not say more while it waited for us
}

// wait waits for the next thing to do, and begins it. It returns false when ctx
// has ended.
func (n *NCC) wait(ctx context.Context) bool {
	timer := time.NewTimer(time.Until(n.deadline()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case c := <-n.calls:
		n.take(c)
	case <-timer.C:
	}
	if time.Since(n.heard) >= n.cfg.Lease {
		n.expire()
	}
	if !time.Now().Before(n.reread) {
		n.look(ctx)
	}
	return true
}

// expire ends the engine's lease, unless it is just calling: then it was us who
// were late.
func (n *NCC) expire() {
	select {
	case c := <-n.calls:
		n.take(c)
		return
	default:
	}
	if n.table.Expire() {
		n.log.Warn("engine is silent: the LB interface goes down so that the other node takes over",
			"silence", time.Since(n.heard).Round(time.Millisecond))
	}
}

// deadline is when there is something to do even if nobody calls.
func (n *NCC) deadline() time.Time {
	at := n.reread
	if lease := n.heard.Add(n.cfg.Lease); n.table.CanExpire() && lease.Before(at) {
		at = lease
	}
	if due := n.table.Deadline(); !due.IsZero() && due.Before(at) {
		at = due
	}
	return at
}

// look reads the host again, to find what others have changed.
func (n *NCC) look(ctx context.Context) {
	found, err := n.kernel.Read(ctx)
	if err != nil {
		n.log.Warn("host cannot be read", "err", err)
	} else {
		n.table.Refresh(time.Now(), found)
	}
	pause := n.cfg.Reread
	if err != nil || n.table.IsMissingLink() {
		pause = min(pause, lookAgain)
	}
	n.reread = time.Now().Add(pause)
}

// keepRecord writes down what is about to become ours. A record that cannot be
// written is reported; traffic does not wait for it.
func (n *NCC) keepRecord() {
	had := n.record.err
	n.record.write(time.Now(), n.table.TakeClaims(), n.table.Owned)
	if err := n.record.err; err != nil && had == nil {
		n.log.Warn("ownership record cannot be written", "err", err)
	}
}
