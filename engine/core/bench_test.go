package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// manyVservers is a cluster of so many vservers with so many backends each, all
// different, each with a check of the given mode.
func manyVservers(t parser, vservers, backends int, mode string) *config.Cluster {
	var b strings.Builder
	b.WriteString(clusterHead)
	for v := range vservers {
		fmt.Fprintf(&b, `vserver < name: "v%d" rp: "x" entry_address < fqdn: "v%d" ipv4: "10.1.%d.%d/32" status: PRODUCTION >
  vserver_entry < protocol: TCP port: 80 healthcheck < type: TCP mode: %s > >
`, v, v, v/250, v%250+1, mode)
		for i := range backends {
			n := v*backends + i
			fmt.Fprintf(&b, "  backend < host < fqdn: \"b%d\" ipv4: \"10.%d.%d.%d/32\" status: PRODUCTION > >\n", n, 2+n/62500, n/250%250, n%250+1)
		}
		b.WriteString(">\n")
	}
	c, err := parseClusterText(b.String())
	if err != nil || len(c.Faulty) > 0 {
		t.Fatalf("cluster of the benchmark: %v, %d faulty", err, len(c.Faulty))
	}
	return c
}

// big is a core with everything healthy and told.
func big(t parser, vservers, backends int, mode string) *rig {
	r := newRig(t, aloneText)
	r.do(Load{Cluster: manyVservers(t, vservers, backends, mode)})
	r.say(lb.Healthy, all)
	return r
}

// BenchmarkFlip is one verdict, from the report to the update for ncc, at 40,000
// destinations.
func BenchmarkFlip(b *testing.B) {
	for _, mode := range []string{"PLAIN", "DSR"} {
		b.Run(mode, func(b *testing.B) {
			r := big(b, 4000, 10, mode)
			times := flips(b, r, b.Loop)
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// flips turns one check after the other as long as more says so.
func flips(t parser, r *rig, more func() bool) (times []time.Duration) {
	n := 0
	ids := make([]lb.CheckID, 0, len(r.checks))
	for id := range r.checks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for more() {
		state := lb.Unhealthy
		if n/len(ids)%2 == 1 {
			state = lb.Healthy
		}
		report := lb.VerdictReport{Verdicts: []lb.Verdict{{ID: ids[n%len(ids)], State: state}}}
		began := time.Now()
		r.core.Step(r.now, Verdicts{report})
		u, _ := r.core.Update()
		times = append(times, time.Since(began))
		if len(u.Changed) != 1 {
			t.Fatalf("one flip changes %d vservers", len(u.Changed))
		}
		r.core.Step(r.now, Applied{lb.Report{Version: u.Version}})
		n++
	}
	return times
}

// BenchmarkLoad puts a cluster in force: into an empty core, and in place of one
// in which everything is different.
func BenchmarkLoad(b *testing.B) {
	cluster := manyVservers(b, 4000, 4, "PLAIN")
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			r := newRig(b, aloneText)
			r.core.Step(r.now, Verdicts{}) // healthcheck is there already
			r.core.Step(r.now, Load{Cluster: cluster})
		}
	})
	b.Run("empty", func(b *testing.B) {
		empty := parseCluster(b, "")
		for b.Loop() {
			b.StopTimer()
			r := newRig(b, aloneText)
			r.core.Step(r.now, Load{Cluster: cluster})
			b.StartTimer()
			r.core.Step(r.now, Load{Cluster: empty})
		}
	})
	b.Run("update", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			r := newRig(b, aloneText)
			r.core.Step(r.now, Load{Cluster: cluster})
			b.StartTimer()
			r.core.Update()
		}
	})
	b.Run("verdicts", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			r := newRig(b, aloneText)
			r.step(Load{Cluster: cluster})
			b.StartTimer()
			r.say(lb.Healthy, all)
		}
	})
}

// Work is in proportion to what an event touches: a flip among a hundred times
// as many vservers costs about the same.
func TestFlipDoesNotDependOnTheSizeOfTheTable(t *testing.T) {
	median := func(vservers int) time.Duration {
		r := big(t, vservers, 4, "DSR")
		n := 0
		times := flips(t, r, func() bool { n++; return n <= 400 })
		slices.Sort(times)
		return times[len(times)/2]
	}
	small, large := median(20), median(2000)
	if large > 10*small+100*time.Microsecond {
		t.Errorf("a flip takes %v among 20 vservers and %v among 2,000", small, large)
	}
}

// Thousands of vservers with the same backends share their checks; taking them
// away must not look through all users for each.
func TestManySharedChecks(t *testing.T) {
	var b strings.Builder
	for v := range 1000 {
		b.WriteString(strings.NewReplacer(`"web"`, fmt.Sprintf(`"web%d"`, v), "192.168.36.1", fmt.Sprintf("10.9.%d.%d", v/250, v%250+1)).
			Replace(web("TCP/80", "b1=1.1.1.1", "b2=1.1.1.2")))
	}
	r := newRig(t, aloneText)
	r.load(b.String())
	if len(r.checks) != 2 {
		t.Fatalf("%d checks, want 2", len(r.checks))
	}
	r.say(lb.Healthy, all)
	if len(r.host.there) != 1000 {
		t.Errorf("%d services, want 1000", len(r.host.there))
	}
	r.say(lb.Unhealthy, of("1.1.1.1"))
	for k, dests := range r.host.there {
		if len(dests) != 1 {
			t.Fatalf("%v has %d destinations, want 1", k, len(dests))
		}
	}
	r.load(web("TCP/80", "b1=1.1.1.1"))
	if len(r.core.checks) != 1 || len(r.core.checks[slices.Collect(maps.Keys(r.core.checks))[0]].users) != 1 {
		t.Error("users of vservers that are gone stay")
	}
}
