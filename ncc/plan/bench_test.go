package plan_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
)

// large is a network of many vservers with many destinations each.
func large(vservers, dests int) []lb.Vserver {
	all := make([]lb.Vserver, vservers)
	for i := range all {
		ds := make([]lb.Destination, dests)
		for j := range ds {
			ds[j] = lb.Destination{Addr: netip.AddrFrom4([4]byte{10, 200, byte(j >> 8), byte(j)}), Port: 80, Mode: lb.DSR, Weight: 1, Want: lb.Present}
		}
		vip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		all[i] = vserver(fmt.Sprintf("v%05d", i), vip.String(), ds...)
	}
	return all
}

// BenchmarkOneWeight is one weight that changes among 40,000: update, plan,
// outcome and report. It may take 100 µs.
func BenchmarkOneWeight(b *testing.B) {
	r := newRig(b, nccfake.New(), nil)
	all := large(4000, 10)
	r.apply(full(node(), all...))
	r.table.Report()
	r.now = r.now.Add(time.Minute) // announcements are behind us
	r.settle()
	v := all[2000]
	b.ResetTimer()
	for i := range b.N {
		service := v.Services[0]
		service.Destinations = append([]lb.Destination(nil), service.Destinations...)
		service.Destinations[5].Weight = uint32(2 + i%2)
		v.Services = []lb.Service{service}
		if !r.table.Apply(r.now, delta(node(), v)) {
			b.Fatal("resend")
		}
		ops := r.table.Next(r.now)
		if len(ops) != 1 {
			b.Fatalf("%d operations", len(ops))
		}
		r.table.TakeClaims()
		r.table.Done(r.now, make([]error, 1))
		if next := r.table.Next(r.now); len(next) > 0 {
			b.Fatalf("then %v", next)
		}
		if got := len(r.table.Report().Vservers); got != 1 {
			b.Fatalf("report of %d vservers", got)
		}
	}
}

// BenchmarkColdStart plans 4,000 vservers with 10 destinations each.
func BenchmarkColdStart(b *testing.B) {
	all := large(4000, 10)
	for b.Loop() {
		r := newRig(b, nccfake.New(), nil)
		r.table.Apply(r.now, full(node(), all...))
		for ops := r.table.Next(r.now); len(ops) > 0; ops = r.table.Next(r.now) {
			r.table.Done(r.now, make([]error, len(ops)))
		}
		r.table.Report()
	}
}

// BenchmarkRefresh compares 4,000 vservers with what was read.
func BenchmarkRefresh(b *testing.B) {
	r := newRig(b, nccfake.New(), nil)
	r.apply(full(node(), large(4000, 10)...))
	found := read(b, r.k)
	for b.Loop() {
		r.table.Refresh(r.now, found)
	}
}
