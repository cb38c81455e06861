package core

import (
	"flag"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

var sequences = flag.Int("sequences", 5000, "random sequences of events that the model test runs")

// model decides the wanted network anew after every event, from everything that
// has ever been said, by plain loops over the config. It keeps only what the
// rules themselves remember: verdicts, since when a check waits, which services
// are up (hysteresis), overrides.
type model struct {
	cluster   *config.Cluster
	overrides map[string]lb.Override
	waits     map[lb.CheckID]time.Time // since when it is run; zero = not counted yet
	verdicts  map[lb.CheckID]lb.Health
	heard     bool
	up        map[upKey]lb.Health
}

// upKey names a service of a vserver.
type upKey struct {
	vserver string
	key     lb.ServiceKey
}

// event takes in what has happened, and returns the wanted vservers. ids gives
// the checks of a destination, there what is in the kernel.
func (m *model) event(now time.Time, ev Event, ids func(v *config.Vserver, e int, f lb.Family, b netip.Addr) []lb.Check, there func(vserver string, k lb.ServiceKey) bool, mark func(string, lb.Family) uint32) map[string]lb.Vserver {
	switch ev := ev.(type) {
	case Load:
		m.cluster = ev.Cluster
	case Override:
		if m.cluster != nil && m.cluster.Vserver(ev.Vserver) != nil {
			m.overrides[ev.Vserver] = ev.State
		}
	case Replicated:
		for _, r := range ev.Records {
			m.overrides[r.Vserver] = r.State
		}
	case Verdicts:
		if !m.heard {
			m.heard = true
			for id := range m.waits {
				m.waits[id] = now
			}
		}
		for _, v := range ev.Report.Verdicts {
			if _, run := m.waits[v.ID]; run && v.State != lb.HealthUnknown {
				m.verdicts[v.ID] = v.State
			}
		}
	}
	if m.cluster == nil {
		return nil
	}
	m.follow(now, ids)
	wanted := map[string]lb.Vserver{}
	up := map[upKey]lb.Health{}
	for _, v := range m.cluster.Vservers {
		w := lb.Vserver{Name: v.Name}
		for _, f := range lb.Families() {
			if v.Host.Addr(f).IsValid() {
				m.family(now, &w, up, v, f, ids, there, mark)
			}
		}
		if !m.enabled(v) {
			w = lb.Vserver{Name: v.Name}
		}
		lb.SortVserver(&w)
		wanted[v.Name] = w
	}
	m.up = up
	return wanted
}

func (m *model) enabled(v *config.Vserver) bool {
	switch m.overrides[v.Name] {
	case lb.OverrideDisabled:
		return false
	case lb.OverrideEnabled:
		return true
	}
	return v.Enabled
}

// follow begins and ends what is known of checks.
func (m *model) follow(now time.Time, ids func(*config.Vserver, int, lb.Family, netip.Addr) []lb.Check) {
	run := map[lb.CheckID]bool{}
	for _, v := range m.cluster.Vservers {
		if !m.enabled(v) {
			continue
		}
		for e := range v.Entries {
			for _, f := range lb.Families() {
				for _, b := range v.Backends {
					if b.Enabled && v.Host.Addr(f).IsValid() && b.Host.Addr(f).IsValid() {
						for _, ck := range ids(v, e, f, b.Host.Addr(f)) {
							run[ck.ID] = true
						}
					}
				}
			}
		}
	}
	for id := range run {
		if _, was := m.waits[id]; !was {
			m.waits[id] = now
		}
	}
	for id := range m.waits {
		if !run[id] {
			delete(m.waits, id)
			delete(m.verdicts, id)
		}
	}
}

// health of one check.
func (m *model) health(now time.Time, ck lb.Check) lb.Health {
	since, run := m.waits[ck.ID]
	switch {
	case m.verdicts[ck.ID] != lb.HealthUnknown:
		return m.verdicts[ck.ID]
	case run && m.heard && now.Sub(since) >= 3*ck.Interval:
		return lb.Unhealthy
	}
	return lb.HealthUnknown
}

// family decides about the services of a vserver in one family.
func (m *model) family(now time.Time, w *lb.Vserver, up map[upKey]lb.Health, v *config.Vserver, f lb.Family,
	ids func(*config.Vserver, int, lb.Family, netip.Addr) []lb.Check, there func(string, lb.ServiceKey) bool, mark func(string, lb.Family) uint32,
) {
	vip := v.Host.Addr(f)
	groups := [][]int{}
	for e := range v.Entries {
		groups = append(groups, []int{e})
	}
	if v.UseFWM {
		groups = [][]int{{}}
		for e := range v.Entries {
			groups[0] = append(groups[0], e)
		}
	}
	var services []lb.Service
	var healths []lb.Health
	for _, entries := range groups {
		e := v.Entries[entries[0]]
		s := lb.Service{
			Key:       lb.ServiceKey{Family: f, Protocol: e.Protocol, Addr: vip, Port: e.Port},
			Scheduler: e.Scheduler, Persistence: e.Persistence,
		}
		if v.UseFWM {
			s.Key = lb.ServiceKey{Family: f, Mark: mark(v.Name, f)}
		}
		all, healthy, unknown := 0, 0, 0
		for _, b := range v.Backends {
			if !b.Host.Addr(f).IsValid() {
				continue
			}
			if b.InService {
				all++
			}
			said := map[lb.Health]bool{}
			for _, i := range entries {
				for _, ck := range ids(v, i, f, b.Host.Addr(f)) {
					said[m.health(now, ck)] = true
				}
			}
			var h lb.Health
			switch {
			case !b.Enabled || said[lb.Unhealthy]:
				continue
			case said[lb.HealthUnknown]:
				h = lb.HealthUnknown
				unknown++
			default:
				h = lb.Healthy
				healthy++
			}
			s.Destinations = append(s.Destinations, lb.Destination{
				Addr: b.Host.Addr(f), Port: s.Key.Port, Mode: e.Mode, Weight: b.Weight,
				Upper: e.UThreshold, Lower: e.LThreshold, Want: wantOf(h),
			})
		}
		name := upKey{v.Name, s.Key}
		was := m.up[name]
		threshold := e.High
		if was == lb.Healthy || was == lb.HealthUnknown && there(v.Name, s.Key) {
			threshold = e.Low
		}
		reaches := func(n int) bool { return n > 0 && all > 0 && float32(n)/float32(all) >= threshold }
		h := lb.Unhealthy
		if reaches(healthy) {
			h = lb.Healthy
		} else if reaches(healthy + unknown) {
			h = lb.HealthUnknown
		}
		up[name] = h
		services, healths = append(services, s), append(healths, h)
	}
	kind, gate := m.cluster.VIPKind(vip), lb.Healthy
	if kind == lb.Anycast {
		if slices.Contains(healths, lb.HealthUnknown) {
			gate = lb.HealthUnknown
		}
		if slices.Contains(healths, lb.Unhealthy) {
			return
		}
	}
	w.VIPs = append(w.VIPs, lb.VIP{Addr: vip, Kind: kind, Want: wantOf(gate)})
	for i, s := range services {
		if healths[i] == lb.Unhealthy {
			continue
		}
		s.Want = lb.AsFound
		if healths[i] == lb.Healthy && gate == lb.Healthy {
			s.Want = lb.Present
		}
		w.Services = append(w.Services, s)
	}
}

func wantOf(h lb.Health) lb.Want {
	if h == lb.Healthy {
		return lb.Present
	}
	return lb.AsFound
}

// The core, which only looks at what an event touches, always wants what the
// model wants, which decides everything anew.
func TestIncrementalEqualsFromScratch(t *testing.T) {
	clusters := loads(t)
	known := map[place][]lb.Check{}
	for seed := range uint64(*sequences) {
		if !runSequence(t, rand.New(rand.NewPCG(seed, 7)), clusters, known) {
			t.Fatalf("sequence with seed %d", seed)
		}
	}
}

// place is where checks are wanted: a backend's address behind an entry.
type place struct {
	vserver *config.Vserver
	entry   int
	family  lb.Family
	backend netip.Addr
}

func runSequence(t *testing.T, rnd *rand.Rand, clusters []Load, known map[place][]lb.Check) bool {
	r := newRig(t, pairedText)
	m := &model{overrides: map[string]lb.Override{}, waits: map[lb.CheckID]time.Time{}, verdicts: map[lb.CheckID]lb.Health{}}
	ids := func(v *config.Vserver, e int, f lb.Family, b netip.Addr) []lb.Check {
		if list, ok := known[place{v, e, f, b}]; ok {
			return list
		}
		var list []lb.Check
		for _, def := range slices.Concat(v.Checks, v.Entries[e].Checks) {
			s := &service{vip: v.Host.Addr(f), key: lb.ServiceKey{Family: f}}
			list = append(list, r.core.define(s, b, def))
		}
		known[place{v, e, f, b}] = list
		return list
	}
	there := func(_ string, k lb.ServiceKey) bool { _, ok := r.host.there[k]; return ok }
	mark := func(name string, f lb.Family) uint32 { return r.core.marks.service(name, f) }
	var happened []Event
	for range 12 {
		ev := anyEvent(rnd, r, clusters)
		happened = append(happened, ev)
		r.step(ev)
		want := m.event(r.now, ev, ids, there, mark)
		got := map[string]lb.Vserver{}
		for name, v := range r.core.vservers {
			got[name] = v.wanted()
		}
		if len(want) > 0 && !reflect.DeepEqual(got, want) {
			same(t, "wanted", got, want)
			t.Logf("events: %+v", happened)
			return false
		}
		r.applying = true
		r.settle()
		m.event(r.now, nil, ids, there, mark) // what is in the kernel now counts
	}
	return true
}

// anyEvent is the random event of the model test: rapid's draws would take most
// of its time.
func anyEvent(rnd *rand.Rand, r *rig, clusters []Load) Event {
	switch rnd.IntN(9) {
	case 0, 1:
		return clusters[rnd.IntN(len(clusters))]
	case 2:
		name, state := []string{"web", "a", "b", resolverName}[rnd.IntN(4)], lb.Override(rnd.IntN(3))
		if rnd.IntN(2) == 0 {
			return Replicated{[]lb.OverrideRecord{heard(name, state, r.now)}}
		}
		return Override{name, state}
	case 3:
		if at := r.core.Deadline(); at.After(r.now) {
			r.now = at
		}
		return Deadline{}
	case 4:
		if at := r.core.Deadline(); at.IsZero() || at.After(r.now.Add(time.Second)) {
			r.now = r.now.Add(time.Second)
		}
	}
	var report lb.VerdictReport
	ids := slices.Sorted(maps.Keys(r.checks))
	for range min(rnd.IntN(8), len(ids)) {
		report.Verdicts = append(report.Verdicts, lb.Verdict{ID: ids[rnd.IntN(len(ids))], State: []lb.Health{lb.Healthy, lb.Healthy, lb.Unhealthy, lb.HealthUnknown}[rnd.IntN(4)]})
	}
	return Verdicts{report}
}
