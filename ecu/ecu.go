package ecu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"seesaw/internal/lb"
)

// Engine is what ecu reads. Every call may block until its context ends, and is safe for concurrent use.
type Engine interface {
	ClusterStatus(ctx context.Context) (lb.ClusterView, error)
	HAStatus(ctx context.Context) (lb.HAView, error)
	ConfigStatus(ctx context.Context) (lb.ConfigView, error)
	Vservers(ctx context.Context) ([]lb.VserverView, error)
}

// Bounds of the monitor's server. Whoever can reach its port is not trusted to be quick or modest.
const (
	ioTimeout       = 30 * time.Second
	headerTimeout   = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	maxHeaderBytes  = 64 << 10
	maxScrapes      = 2 // at once
	maxHealthChecks = 16
	shutdownTimeout = time.Second
)

// DefaultTimeout is how long the engine may take to answer one request.
const DefaultTimeout = 5 * time.Second

// Config is how ecu runs.
type Config struct {
	Version        string        // of this program
	ControlAddress string        // where remote control is wanted
	Timeout        time.Duration // for the engine to answer one request; zero means DefaultTimeout
}

// ECU answers on the monitor's address.
type ECU struct {
	cfg    Config
	engine Engine
	log    *slog.Logger
	own    []prometheus.Collector // what ecu knows of itself
	failed prometheus.Counter

	mu   sync.Mutex
	lost string // why the engine last did not answer; empty while it does. Guarded by mu.
}

// New returns an ECU that reads engine.
func New(cfg Config, engine Engine, log *slog.Logger) (*ECU, error) {
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("ecu: timeout %v is negative", cfg.Timeout)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	e := &ECU{cfg: cfg, engine: engine, log: log}
	e.ownMetrics()
	return e, nil
}

// Run answers on the monitor's listener until ctx ends, and closes it.
func (e *ECU) Run(ctx context.Context, monitor net.Listener) error {
	e.log.Info("the control server is not built yet: nothing listens on its address", "address", e.cfg.ControlAddress)
	srv := &http.Server{
		Handler:     e.Handler(),
		ReadTimeout: ioTimeout, ReadHeaderTimeout: headerTimeout, WriteTimeout: ioTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := srv.Serve(monitor); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the monitor on %v: %w", monitor.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if srv.Shutdown(bounded) != nil {
			return srv.Close()
		}
		return nil
	})
	return group.Wait()
}

// Handler answers the monitor's requests.
func (e *ECU) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", atMost(maxHealthChecks, http.HandlerFunc(e.healthz)))
	mux.Handle("GET /metrics", atMost(maxScrapes, http.HandlerFunc(e.metrics)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Seesaw: see /healthz and /metrics")
	})
	return mux
}

// atMost refuses requests while n are being answered.
func atMost(n int, h http.Handler) http.Handler {
	slots := make(chan struct{}, n) // one value for each request being answered
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			h.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, fmt.Sprintf("busy: %d requests for %s are being answered, try again", n, r.URL.Path), http.StatusServiceUnavailable)
		}
	})
}

// healthz says in its status whether the engine answers with a config in force, and in its body the role or
// what is wrong.
func (e *ECU) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), e.cfg.Timeout)
	defer cancel()
	_, err := e.engine.ConfigStatus(ctx)
	var ha lb.HAView
	if err == nil {
		ha, err = e.engine.HAStatus(ctx)
	}
	e.heard(r.Context(), err)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "not healthy: %v\n", err)
		return
	}
	fmt.Fprintf(w, "ok\nrole: %v\n", ha.State)
}

// heard logs when the engine is lost and when it is back. A caller that hung up says nothing about it.
func (e *ECU) heard(caller context.Context, err error) {
	if caller.Err() != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err == nil && e.lost != "":
		e.lost = ""
		e.log.Info("the engine answers again")
	case err != nil && e.lost == "":
		e.lost = err.Error()
		e.log.Warn("the engine does not answer with a config in force: not healthy until it does", "err", err)
	}
}
