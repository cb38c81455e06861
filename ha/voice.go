package ha

import (
	"context"
	"log/slog"
	"time"

	"seesaw/internal/lb"
)

const (
	// firstPause and maxPause bound the pause before the engine is joined again;
	// an engine that is back within the grace must be found within it.
	firstPause = 20 * time.Millisecond
	maxPause   = 100 * time.Millisecond
)

// voice holds the conversation with the engine, so that an engine that is slow
// or gone never holds up the election.
type voice struct {
	join func(context.Context) (Session, error)
	log  *slog.Logger
	due  time.Time // when the engine should be told again; owned by Run

	heard chan lb.HADirective // run sends, Daemon.Run receives; run waits for it
	lost  chan struct{}       // one slot; the conversation has broken
	words chan lb.HAReport    // one slot; a newer word replaces one not yet sent
	sent  chan struct{}       // one slot; a word has been sent
}

func newVoice(join func(context.Context) (Session, error), log *slog.Logger) *voice {
	return &voice{
		join: join, log: log,
		heard: make(chan lb.HADirective),
		lost:  make(chan struct{}, 1),
		words: make(chan lb.HAReport, 1),
		sent:  make(chan struct{}, 1),
	}
}

// say has the engine told, replacing a word that it has not been told yet. Only
// Daemon.Run calls it.
func (v *voice) say(r lb.HAReport) {
	select {
	case <-v.words:
	default:
	}
	v.words <- r
}

// farewell waits a moment for the last word to be sent and, if this node led,
// for the engine to say that it has heard: a conversation that ends takes with
// it what is on its way.
func (v *voice) farewell(led bool) {
	timer := time.NewTimer(200 * time.Millisecond)
	defer timer.Stop()
	for led || len(v.words) > 0 {
		select {
		case dir := <-v.heard:
			led = led && dir.Led
		case <-v.sent:
		case <-timer.C:
			return
		}
	}
}

// run joins the engine, again and again, until ctx ends.
func (v *voice) run(ctx context.Context) {
	pause := firstPause
	talking := true // until the first attempt has failed
	for {
		began := time.Now()
		err := v.talk(ctx)
		if ctx.Err() != nil {
			return
		}
		select {
		case v.lost <- struct{}{}:
		default:
		}
		if talked := time.Since(began) > time.Second; talked || talking {
			v.log.Warn("no conversation with the engine; joining it again until it is there", "err", err)
			pause, talking = firstPause, false
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		pause = min(2*pause, maxPause)
	}
}

// talk holds one conversation until it breaks.
func (v *voice) talk(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s, err := v.join(ctx)
	if err != nil {
		return err
	}
	listened := make(chan struct{}) // closed when nobody listens any more
	go func() {
		defer close(listened)
		for {
			dir, err := s.Recv()
			if err != nil {
				end(err)
				return
			}
			select {
			case v.heard <- dir:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { end(nil); <-listened }()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r := <-v.words:
			if err := s.Send(r); err != nil {
				return err
			}
			select {
			case v.sent <- struct{}{}:
			default:
			}
		}
	}
}
