package ecu

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ownMetrics makes the metrics that ecu has of itself.
func (e *ECU) ownMetrics() {
	e.failed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "seesaw_scrape_errors_total", Help: "Scrapes for which the engine did not answer.",
	})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "seesaw_build_info", Help: "The version of seesaw_ecu; always 1.", ConstLabels: prometheus.Labels{"version": e.cfg.Version},
	})
	build.Set(1)
	e.own = []prometheus.Collector{
		e.failed, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}

// metrics reads the engine for one scrape. An engine that is away is a scrape that succeeds with seesaw_up 0:
// Prometheus could not tell it from an ecu that is away otherwise.
func (e *ECU) metrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), e.cfg.Timeout)
	defer cancel()
	s := read(ctx, e.engine)
	e.heard(r.Context(), s.err)
	if s.err != nil {
		e.failed.Inc()
	}
	// One registry for all: two that are joined would sort and check every series twice.
	registry := prometheus.NewRegistry()
	for _, c := range append([]prometheus.Collector{s}, e.own...) {
		if err := registry.Register(c); err != nil {
			http.Error(w, fmt.Sprintf("collect metrics: %v", err), http.StatusInternalServerError)
			return
		}
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// Two objects of one name would make one series twice: say so, show all the others.
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: scrapeLog{e},
	}).ServeHTTP(w, r)
}

// scrapeLog hands promhttp's complaints to the log.
type scrapeLog struct{ e *ECU }

func (l scrapeLog) Println(v ...any) { l.e.log.Warn("metrics are incomplete", "err", fmt.Sprint(v...)) }
