package ecu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// fakeEngine answers from memory, or as it is told.
type fakeEngine struct {
	cluster  lb.ClusterView
	ha       lb.HAView
	config   lb.ConfigView
	vservers []lb.VserverView

	mu   sync.Mutex
	err  error         // for every call
	hold chan struct{} // if not nil, calls wait for it to be closed, or for their context

	asked chan struct{} // if not nil, takes one value for each call
}

var _ Engine = (*fakeEngine)(nil)

var errAway = errors.New("engine does not answer on /tmp/engine.sock")

func (f *fakeEngine) ClusterStatus(ctx context.Context) (lb.ClusterView, error) {
	return f.cluster, f.wait(ctx)
}
func (f *fakeEngine) HAStatus(ctx context.Context) (lb.HAView, error) { return f.ha, f.wait(ctx) }
func (f *fakeEngine) ConfigStatus(ctx context.Context) (lb.ConfigView, error) {
	return f.config, f.wait(ctx)
}
func (f *fakeEngine) Vservers(ctx context.Context) ([]lb.VserverView, error) {
	return f.vservers, f.wait(ctx)
}

func (f *fakeEngine) wait(ctx context.Context) error {
	f.mu.Lock()
	err, hold := f.err, f.hold
	f.mu.Unlock()
	if f.asked != nil {
		f.asked <- struct{}{}
	}
	if hold == nil {
		return err
	}
	select {
	case <-hold:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeEngine) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// small is a node that leads and serves one vserver with two services.
func small() *fakeEngine {
	stamp := time.Date(2026, 11, 20, 10, 54, 2, 500e6, time.UTC)
	return &fakeEngine{
		cluster: lb.ClusterView{Version: "2.1", Site: "test", Nodes: []lb.NodeView{
			{Hostname: "node02.", Problems: []string{"not ours", "not ours either"}},
			{Hostname: "node01.", Local: true, Problems: []string{"sysctl arp_ignore: read-only"}},
		}},
		ha:     lb.HAView{State: lb.RoleLeader, Since: stamp, Transitions: 2, Sent: 45, Received: 7, LastUpdate: stamp.Add(time.Minute)},
		config: lb.ConfigView{Source: "server", InUse: "disk", LoadedAt: stamp, Warnings: []string{"a", "b", "c"}},
		vservers: []lb.VserverView{{
			Name: "web", Enabled: true, Warnings: []string{"no checks"},
			Services: []lb.ServiceView{
				{
					Family: lb.IPv4, Protocol: lb.TCP, Port: 80, Healthy: true, Active: true, Current: 0.5,
					Counters: lb.Counters{Connections: 1, PacketsIn: 2, PacketsOut: 3, BytesIn: 4, BytesOut: 5},
					Destinations: []lb.DestinationView{
						{Name: "web/192.0.2.1:80/TCP", Backend: "b1.", Addr: netip.MustParseAddr("192.0.2.1"), Port: 80, Weight: 3, Healthy: true, Active: true,
							Counters: lb.Counters{Connections: 11, PacketsIn: 12, PacketsOut: 13, BytesIn: 14, BytesOut: 1 << 60}, ActiveConn: 16, Inactive: 17},
						{Name: "web/192.0.2.2:80/TCP", Backend: "b2.", Addr: netip.MustParseAddr("192.0.2.2"), Port: 80, Weight: 1},
					},
				},
				{Family: lb.IPv6, Mark: 256},
			},
		}, {Name: `odd "name"`}},
	}
}

// large has n destinations, four to a vserver.
func large(n int) *fakeEngine {
	f := small()
	f.vservers = nil
	for i := range n / 4 {
		v := lb.VserverView{Name: fmt.Sprintf("vserver-%d", i), Enabled: true}
		s := lb.ServiceView{Family: lb.IPv4, Protocol: lb.TCP, Port: 80, Healthy: true, Active: true, Current: 1}
		for b := range 4 {
			s.Destinations = append(s.Destinations, lb.DestinationView{
				Name: fmt.Sprintf("%s/10.0.%d.%d:80/TCP", v.Name, i%250, b), Backend: fmt.Sprintf("backend%d.example.com.", b), Weight: 1, Healthy: true, Active: true,
				Counters: lb.Counters{Connections: uint64(i), PacketsIn: uint64(i) * 10, BytesIn: uint64(i) * 1000},
			})
		}
		v.Services = []lb.ServiceView{s}
		f.vservers = append(f.vservers, v)
	}
	return f
}

// journal collects log lines.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

// count is the number of lines with this text.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), text)
}

func newECU(t testing.TB, engine Engine) (*ECU, *journal) {
	t.Helper()
	j := &journal{}
	e, err := New(Config{Version: "2.0", ControlAddress: ":10256"}, engine, slog.New(slog.NewTextHandler(j, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return e, j
}

// get asks once.
func get(t testing.TB, e *ECU, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	return w.Code, w.Body.String()
}
