package healthcheck_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
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

// BenchmarkTCP runs 10,000 TCP checks a second against a listener in a process
// of its own, whose work does not count.
func BenchmarkTCP(b *testing.B) {
	c := exec.CommandContext(b.Context(), os.Args[0])
	c.Env = append(os.Environ(), listenerEnv+"=1")
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	var port uint16
	if _, err := fmt.Fscan(out, &port); err != nil {
		b.Fatal(err)
	}
	load(b, port, probe.Probe)
}

const listenerEnv = "SEESAW_BENCH_LISTENER"

// acceptAll is the listener's process: it prints its port, accepts and closes.
func acceptAll() error {
	l, err := net.Listen("tcp4", ":0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		c.Close()
	}
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
	for some := range slices.Chunk(checks, 500) { // one listener cannot take 10,000 at once
		session.updates <- lb.CheckUpdate{Changed: some}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Second)
	fails.Store(0)
	probes.Store(0)
	before, begin := cpuTime(), time.Now()
	time.Sleep(5 * time.Second)
	spent, wall := cpuTime()-before, time.Since(begin)
	n := probes.Load()
	b.ReportMetric(float64(n)/wall.Seconds(), "probes/s")
	b.ReportMetric(100*spent.Seconds()/wall.Seconds(), "cpu%")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n), "cpu-ns/probe")
	b.ReportMetric(resident(b), "MB-resident")
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

// resident is how much of the process is in memory, in MB.
func resident(b *testing.B) float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
