package healthcheck

import (
	"context"
	"sync"
	"time"
)

// The wait before the engine is tried again: short, because a restarted engine
// is back within a fraction of a second and knows nothing until it hears us.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// keepSession talks to the engine until ctx ends, beginning again whenever the
// session breaks. It logs when the engine goes and when it is back, not each
// attempt between.
func (d *Daemon) keepSession(ctx context.Context) {
	retry, reported := firstRetry, false
	for {
		heard, err := d.converse(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			retry, reported = firstRetry, false
		}
		if !reported {
			d.log.Warn("no session with the engine: the checks carry on and it is tried again", "err", err)
			reported = true
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
		retry = min(retry*2, lastRetry)
	}
}

// converse opens one session and serves it until it breaks. It says whether
// the engine was heard at all.
func (d *Daemon) converse(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	session, err := d.engine.Session(ctx)
	if err != nil {
		cancel(err)
		return false, err
	}
	var sender sync.WaitGroup
	defer func() {
		cancel(err)
		sender.Wait()
	}()
	d.outbox.hold()
	select {
	case d.joined <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	sender.Go(func() { cancel(d.sendReports(ctx, session)) })
	for {
		update, err := session.Recv()
		if ctx.Err() != nil {
			return heard, context.Cause(ctx)
		}
		if err != nil {
			return heard, err
		}
		if !heard {
			d.log.Info("session with the engine", "checks", len(update.Changed))
			heard = true
		}
		select {
		case d.updates <- update:
		case <-ctx.Done():
			return heard, context.Cause(ctx)
		}
	}
}

// sendReports empties the outbox into the session: what comes while a report
// is being sent goes into the next one. A report that fails is lost; the
// engine's full update on the next session has everything sent again.
func (d *Daemon) sendReports(ctx context.Context, session Session) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.outbox.wake:
		}
		report, any := d.outbox.take()
		if !any {
			continue
		}
		if err := session.Send(report); err != nil {
			return err
		}
	}
}
