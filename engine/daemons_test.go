package engine

import (
	"context"
	"sync"
	"testing"
	"time"

	"seesaw/engine/client"
	"seesaw/internal/lb"
)

// checker is a healthcheck that says of every check what it is told to.
type checker struct {
	r       *rig
	session *client.HealthSession
	leave   func()

	mu     sync.Mutex
	checks map[lb.CheckID]lb.Check
	full   int // whole sets received
	health func(lb.Check) lb.Health
}

// join joins a checker to the engine.
func (r *rig) join(health func(lb.Check) lb.Health) *checker {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	session, err := r.client.Healthchecks(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	c := &checker{r: r, session: session, checks: map[lb.CheckID]lb.Check{}, health: health}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			u, err := session.Recv()
			if err != nil {
				return
			}
			c.take(u)
		}
	}()
	c.leave = sync.OnceFunc(func() { cancel(); <-done })
	r.t.Cleanup(c.leave)
	return c
}

func (c *checker) take(u lb.CheckUpdate) {
	c.mu.Lock()
	if u.Full {
		clear(c.checks)
		c.full++
	}
	for _, id := range u.Removed {
		delete(c.checks, id)
	}
	for _, def := range u.Changed {
		c.checks[def.ID] = def
	}
	c.mu.Unlock()
	c.report()
}

// say changes what the checker says.
func (c *checker) say(health func(lb.Check) lb.Health) {
	c.mu.Lock()
	c.health = health
	c.mu.Unlock()
	c.report()
}

func (c *checker) report() {
	c.mu.Lock()
	report := lb.VerdictReport{Full: true}
	for id, def := range c.checks {
		report.Verdicts = append(report.Verdicts, lb.Verdict{ID: id, State: c.health(def), Message: "says the test"})
	}
	c.mu.Unlock()
	c.session.Send(report) // an engine that is gone is found out by Recv
}

func (c *checker) count() (checks, full int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.checks), c.full
}

func healthy(lb.Check) lb.Health { return lb.Healthy }

// without says healthy of all backends but one.
func without(backend string) func(lb.Check) lb.Health {
	return func(c lb.Check) lb.Health {
		if c.Backend.String() == backend {
			return lb.Unhealthy
		}
		return lb.Healthy
	}
}

// elector is an ha that keeps what it is told.
type elector struct {
	session *client.HASession
	told    chan lb.HADirective
	leave   func()
}

func (r *rig) joinHA() *elector {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	session, err := r.client.HA(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	e := &elector{session: session, told: make(chan lb.HADirective, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			d, err := session.Recv()
			if err != nil {
				return
			}
			e.told <- d
		}
	}()
	e.leave = sync.OnceFunc(func() { cancel(); <-done })
	r.t.Cleanup(e.leave)
	return e
}

func (e *elector) report(t *testing.T, role lb.Role) {
	t.Helper()
	if err := e.session.Send(lb.HAReport{Role: role, Reason: "says the test"}); err != nil {
		t.Fatal(err)
	}
}

// next waits for a directive.
func (e *elector) next(t *testing.T) lb.HADirective {
	t.Helper()
	select {
	case d := <-e.told:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no directive")
		return lb.HADirective{}
	}
}
