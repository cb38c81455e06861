package ecu

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
)

var update = flag.Bool("update", false, "write the expected metrics anew; read the difference before it is committed")

// ours keeps the lines about seesaw: those about Go and the process differ from run to run.
func ours(metrics string) string {
	var b strings.Builder
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "), "seesaw_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestMetrics(t *testing.T) {
	for _, tt := range []struct {
		name   string
		engine func() *fakeEngine
	}{
		{"small", small},
		{"away", func() *fakeEngine { f := small(); f.err = errAway; return f }},
		{"fresh", func() *fakeEngine { return &fakeEngine{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, _ := newECU(t, tt.engine())
			status, body := get(t, e, "/metrics")
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
			got, file := ours(body), "testdata/"+tt.name+".prom"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, name := range []string{"go_goroutines ", "process_resident_memory_bytes "} {
				if !strings.Contains(body, "\n"+name) {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}

// One series that cannot be shown costs that series only.
func TestFaultySeries(t *testing.T) {
	f := small()
	f.vservers = append(f.vservers, lb.VserverView{Name: "web"}, lb.VserverView{Name: "\xff"})
	e, j := newECU(t, f)
	status, body := get(t, e, "/metrics")
	if status != http.StatusOK || !strings.Contains(body, `seesaw_vserver_enabled{vserver="odd \"name\""} 0`) || !strings.Contains(body, "seesaw_up 1") {
		t.Errorf("status %d: %s", status, ours(body))
	}
	if j.count("metrics are incomplete") != 1 {
		t.Errorf("log: %s", &j.buf)
	}
}

func TestHealthz(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*fakeEngine)
		status int
		body   string
	}{
		{"leader", func(*fakeEngine) {}, 200, "ok\nrole: LEADER\n"},
		{"backup", func(f *fakeEngine) { f.ha.State = lb.RoleBackup }, 200, "ok\nrole: BACKUP\n"},
		{"away", func(f *fakeEngine) { f.err = errAway }, 503, "not healthy: engine does not answer on /tmp/engine.sock\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := small()
			tt.change(f)
			e, _ := newECU(t, f)
			status, body := get(t, e, "/healthz")
			if status != tt.status || body != tt.body {
				t.Errorf("%d %q, want %d %q", status, body, tt.status, tt.body)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	e, _ := newECU(t, small())
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/metrics": 200, "/nothing": 404, "/healthz/x": 404} {
		if got, body := get(t, e, path); got != want {
			t.Errorf("%s: %d %s, want %d", path, got, body, want)
		}
	}
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// The engine goes and comes back, and goes again: one log line for each change, whoever asks.
func TestEngineComesAndGoes(t *testing.T) {
	f := small()
	e, j := newECU(t, f)
	for round := 1; round <= 2; round++ {
		f.fail(errAway)
		for _, path := range []string{"/healthz", "/metrics", "/healthz", "/metrics"} {
			get(t, e, path)
		}
		if got := j.count("the engine does not answer"); got != round {
			t.Errorf("round %d: lost %d times", round, got)
		}
		f.fail(nil)
		if status, _ := get(t, e, "/healthz"); status != 200 {
			t.Errorf("round %d: status %d after the engine's return", round, status)
		}
		_, body := get(t, e, "/metrics")
		for _, want := range []string{"seesaw_up 1\n", "seesaw_scrape_errors_total " + string(rune('0'+2*round)) + "\n"} {
			if !strings.Contains(body, want) {
				t.Errorf("round %d: no %s", round, want)
			}
		}
		if got := j.count("the engine answers again"); got != round {
			t.Errorf("round %d: back %d times", round, got)
		}
	}
}

// An engine that accepts and does not answer costs a request its deadline, no more.
func TestSlowEngine(t *testing.T) {
	for path, want := range map[string]string{"/healthz": "not healthy: context deadline exceeded\n", "/metrics": "seesaw_up 0\n"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := small()
				f.hold = make(chan struct{})
				e, _ := newECU(t, f)
				start := time.Now()
				_, body := get(t, e, path)
				if took := time.Since(start); took != DefaultTimeout {
					t.Errorf("answered after %v, want %v", took, DefaultTimeout)
				}
				if !strings.Contains(body, want) {
					t.Errorf("no %q in %s", want, ours(body))
				}
			})
		})
	}
}

// While as many scrapes as may run are waiting, one more is refused at once; health is answered all the same
// as far as the engine allows, and all is well after.
func TestScrapesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := small()
		f.hold = make(chan struct{})
		e, _ := newECU(t, f)
		h := e.Handler()
		ask := func() int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
			return w.Code
		}
		codes := make(chan int, maxScrapes)
		for range maxScrapes {
			go func() { codes <- ask() }()
		}
		synctest.Wait()
		if got := ask(); got != http.StatusServiceUnavailable {
			t.Errorf("one scrape too many: %d", got)
		}
		close(f.hold)
		for range maxScrapes {
			if got := <-codes; got != http.StatusOK {
				t.Errorf("scrape: %d", got)
			}
		}
		if got := ask(); got != http.StatusOK {
			t.Errorf("scrape after all others: %d", got)
		}
	})
}

// A caller that hangs up tells nothing about the engine.
func TestCallerHangsUp(t *testing.T) {
	f := small()
	f.hold = make(chan struct{})
	e, j := newECU(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/healthz", nil))
	if j.count("does not answer") != 0 {
		t.Errorf("log: %s", &j.buf)
	}
}

func TestRun(t *testing.T) {
	f := small()
	e, j := newECU(t, f)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, lis) }()
	for _, engine := range []error{nil, errAway, nil} {
		f.fail(engine)
		resp, err := http.Get("http://" + lis.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || (resp.StatusCode == 200) != (engine == nil) {
			t.Errorf("engine %v: %s %q %v", engine, resp.Status, body, err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if j.count("control server is not built yet") != 1 || j.count("address=:10256") != 1 {
		t.Errorf("log: %s", &j.buf)
	}
	if c, err := net.Dial("tcp", lis.Addr().String()); err == nil {
		c.Close()
		t.Error("still listening after its end")
	}
}

// A stop does not wait for a request that waits for the engine.
func TestStopWhileBusy(t *testing.T) {
	f := small()
	f.hold, f.asked = make(chan struct{}), make(chan struct{}, 1)
	e, _ := newECU(t, f)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, lis) }()
	c, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-f.asked
	start := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if took := time.Since(start); took > DefaultTimeout-time.Second {
		t.Errorf("the stop took %v", took)
	}
	if err := c.SetReadDeadline(time.Now().Add(DefaultTimeout - time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the busy connection is still open after the end")
	}
}

func TestListenerLost(t *testing.T) {
	e, _ := newECU(t, small())
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lis.Close()
	if err := e.Run(t.Context(), lis); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), lis.Addr().String()) {
		t.Errorf("got %v, want the listener's error with its address", err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{Timeout: -1}, small(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a negative timeout is accepted")
	}
}

// BenchmarkScrape is the cost of one scrape of a large node, the engine's part aside.
func BenchmarkScrape(b *testing.B) {
	e, _ := newECU(b, large(8000))
	h := e.Handler()
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
		b.ReportMetric(float64(w.Body.Len())/1e6, "MB/scrape")
	}
}
