package healthcheck_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seesaw/healthcheck"
	"seesaw/healthcheck/probe"
	"seesaw/internal/lb"
)

// BenchmarkNoop runs 10,000 checks a second with probes that do nothing: what
// the scheduling itself costs. cpu% is of one core.
func BenchmarkNoop(b *testing.B) {
	load(b, 9, func(context.Context, lb.Check) probe.Result { return probe.Result{OK: true} })
}

// BenchmarkTCP runs 10,000 TCP checks a second against a listener in this very
// process; cpu% includes the listener's half.
func BenchmarkTCP(b *testing.B) {
	l, err := net.Listen("tcp4", ":0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	load(b, uint16(l.Addr().(*net.TCPAddr).Port), probe.Probe)
}

// load runs 10,000 checks a second for five seconds, whatever b.N, each of a
// loopback address of its own: one address would run out of ports.
func load(b *testing.B, port uint16, p healthcheck.ProbeFunc) {
	var probes, fails atomic.Int64
	engine := newFakeEngine()
	d, err := healthcheck.New(healthcheck.Config{}, engine, func(ctx context.Context, c lb.Check) probe.Result {
		probes.Add(1)
		r := p(ctx, c)
		if !r.OK && fails.Add(1) == 1 {
			b.Log("first failure: ", r.Message)
		}
		return r
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	session := <-engine.sessions
	go func() {
		for {
			select {
			case <-session.reports:
			case <-ctx.Done():
				return
			}
		}
	}()
	checks := make([]lb.Check, 10000)
	for i := range checks {
		addr := netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)})
		checks[i] = lb.Check{
			ID: lb.CheckID(uint64(i+1) * 0x9e3779b97f4a7c15), Kind: lb.CheckTCP, Addr: addr, Backend: addr,
			Port: port, Interval: time.Second, Timeout: time.Second,
		}
	}
	for some := range slices.Chunk(checks, 500) { // the one listener cannot take 10,000 at once
		session.updates <- lb.CheckUpdate{Changed: some}
		time.Sleep(100 * time.Millisecond)
	}
	fails.Store(0)
	probes.Store(0)
	before, begin := cpuTime(), time.Now()
	time.Sleep(5 * time.Second)
	spent, wall := cpuTime()-before, time.Since(begin)
	n := probes.Load()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(n)/wall.Seconds(), "probes/s")
	b.ReportMetric(100*spent.Seconds()/wall.Seconds(), "cpu%")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n), "cpu-ns/probe")
	b.ReportMetric(float64(mem.Sys)/(1<<20), "MB")
	b.ReportMetric(float64(fails.Load()), "failed")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// cpuTime is what the process has used so far, in user and in kernel mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
