package core

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"seesaw/internal/lb"
)

// Marks says which firewall mark stands for what. The keys are made by this
// package; they are saved over restarts so that a mark never changes under
// traffic.
type Marks map[string]uint32

// The pools: those of services are the original's, those of probes begin where
// its did and are larger.
const (
	firstServiceMark = 256
	lastServiceMark  = 8255
	firstProbeMark   = 65536
	lastProbeMark    = firstProbeMark + 1<<20 - 1
)

// allocator hands out firewall marks.
type allocator struct {
	byName Marks
	taken  map[uint32]bool
	// next is where the search for a free mark begins, in each pool, so that a
	// mark that was given back is not used again soon.
	next    map[uint32]uint32
	changed bool
}

// newAllocator begins with the marks that were saved, as far as they make sense:
// within a pool, and of two names for one mark the first.
func newAllocator(saved Marks) allocator {
	a := allocator{byName: make(Marks), taken: make(map[uint32]bool), next: make(map[uint32]uint32)}
	for _, name := range slices.Sorted(maps.Keys(saved)) {
		mark := saved[name]
		pooled := firstServiceMark <= mark && mark <= lastServiceMark || firstProbeMark <= mark && mark <= lastProbeMark
		if pooled && !a.taken[mark] {
			a.byName[name], a.taken[mark] = mark, true
			pool := firstOf(mark)
			a.next[pool] = max(a.next[pool], mark+1)
		}
	}
	return a
}

// firstOf returns the first mark of a mark's pool.
func firstOf(mark uint32) uint32 {
	if mark >= firstProbeMark {
		return firstProbeMark
	}
	return firstServiceMark
}

// service returns the mark of a vserver in a family; 0 if the pool is empty.
func (a *allocator) service(vserver string, f lb.Family) uint32 {
	return a.get(fmt.Sprintf("service %v %s", f, vserver), firstServiceMark, lastServiceMark)
}

// probe returns the mark that steers a probe to a backend; 0 if the pool is
// empty.
func (a *allocator) probe(backend netip.Addr, mode lb.Mode) uint32 {
	return a.get(probeName(backend, mode), firstProbeMark, lastProbeMark)
}

func probeName(backend netip.Addr, mode lb.Mode) string {
	return fmt.Sprintf("probe %v %v", mode, backend)
}

func (a *allocator) get(name string, first, last uint32) uint32 {
	if mark := a.byName[name]; mark != 0 {
		return mark
	}
	start := max(first, a.next[first])
	for i := range last - first + 1 {
		mark := first + (start-first+i)%(last-first+1)
		if !a.taken[mark] {
			a.byName[name], a.taken[mark] = mark, true
			a.next[first] = mark + 1
			a.changed = true
			return mark
		}
	}
	return 0
}

// keep gives back every mark that is not in use, and reports whether anything
// has changed since it was last asked.
func (a *allocator) keep(inUse map[uint32]bool) bool {
	for _, name := range slices.Sorted(maps.Keys(a.byName)) {
		if mark := a.byName[name]; !inUse[mark] {
			delete(a.byName, name)
			delete(a.taken, mark)
			a.changed = true
		}
	}
	changed := a.changed
	a.changed = false
	return changed
}

// used returns a copy of what is in use.
func (a *allocator) used() Marks { return maps.Clone(a.byName) }

// marksInUse lists the marks of all services and checks.
func (c *Core) marksInUse() map[uint32]bool {
	inUse := make(map[uint32]bool)
	for _, ck := range c.checks {
		inUse[ck.def.Mark] = true
	}
	for _, v := range c.vservers {
		for _, s := range v.services {
			inUse[s.key.Mark] = true
		}
	}
	return inUse
}
