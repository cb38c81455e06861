// Package nccfake is a kernel in memory: it implements what package ncc calls
// on package ncc/kernel, with the same obligations, and prints itself.
//
// It keeps what it was told as plan.Found, refuses what a kernel would refuse
// (a destination of no service, an address on no interface, a service without
// its module) and fails on request. Tests of ncc and of the engine use it;
// production code never does. All methods are safe for concurrent use.
package nccfake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

// Kernel is a kernel in memory.
type Kernel struct {
	mu       sync.Mutex
	found    plan.Found
	modules  map[string]bool
	defaults map[string]string // of all settings there are
	faults   []fault
	hook     func(plan.Op)
	journal  []string
	reads    int
	readErr  error
	stats    map[lb.ServiceKey]lb.ServiceStatistics
}

type fault struct {
	match string
	err   error
}

// New returns a kernel with the named interfaces, the first of them up, the
// others down, and nothing else. Without names they are eth0 and eth1. No
// module is loaded; all are loadable.
func New(links ...string) *Kernel {
	if len(links) == 0 {
		links = []string{"eth0", "eth1"}
	}
	k := &Kernel{
		found: plan.Found{
			Links:    map[string]plan.Link{},
			Addrs:    map[plan.AddrKey]plan.AddrState{},
			Services: map[lb.ServiceKey]lb.Service{},
			Sysctls:  map[string]string{"net/ipv4/ip_forward": "0"},
		},
		modules:  map[string]bool{},
		defaults: map[string]string{"net/ipv4/ip_forward": "0"},
		stats:    map[lb.ServiceKey]lb.ServiceStatistics{},
	}
	k.addSettings("all")
	for i, name := range links {
		k.addLink(plan.Link{Name: name, Up: i == 0, Carrier: i == 0, MAC: fmt.Sprintf("52:54:00:00:00:%02x", i+1)})
	}
	return k
}

// Read returns a copy of what there is.
func (k *Kernel) Read(context.Context) (plan.Found, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	if k.readErr != nil {
		return plan.Found{}, k.readErr
	}
	return plan.Found{
		Links:    maps.Clone(k.found.Links),
		Addrs:    maps.Clone(k.found.Addrs),
		Services: cloneServices(k.found.Services),
		Sysctls:  maps.Clone(k.found.Sysctls),
	}, nil
}

func cloneServices(services map[lb.ServiceKey]lb.Service) map[lb.ServiceKey]lb.Service {
	c := make(map[lb.ServiceKey]lb.Service, len(services))
	for key, s := range services {
		s.Destinations = slices.Clone(s.Destinations)
		c[key] = s
	}
	return c
}

// Do carries out operations in their order and returns the outcome of each.
func (k *Kernel) Do(_ context.Context, ops []plan.Op) []error {
	outcomes := make([]error, len(ops))
	for i, op := range ops {
		outcomes[i] = k.one(op)
	}
	return outcomes
}

func (k *Kernel) one(op plan.Op) error {
	k.mu.Lock()
	hook := k.hook
	k.mu.Unlock()
	if hook != nil {
		hook(op)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	text := op.String()
	k.journal = append(k.journal, text)
	for _, f := range k.faults {
		if strings.Contains(text, f.match) {
			return explain(op, f.err)
		}
	}
	return explain(op, k.do(op))
}

// explain says what was being done, as package kernel does.
func explain(op plan.Op, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v: %w", op, err)
}

// Statistics returns what SetStatistics gave for the services that are there,
// and zeros for the others, sorted by key.
func (k *Kernel) Statistics(context.Context) ([]lb.ServiceStatistics, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []lb.ServiceStatistics
	for _, key := range slices.SortedFunc(maps.Keys(k.found.Services), lb.ServiceKey.Compare) {
		s, given := k.stats[key]
		if !given {
			s = lb.ServiceStatistics{Key: key}
			for _, d := range k.found.Services[key].Destinations {
				s.Destinations = append(s.Destinations, lb.DestinationStatistics{Addr: d.Addr, Port: d.Port})
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// SetStatistics says what Statistics returns for a service.
func (k *Kernel) SetStatistics(s lb.ServiceStatistics) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stats[s.Key] = s
}

// Fail lets every operation fail whose text contains match, until Heal is
// called with the same match.
func (k *Kernel) Fail(match string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = append(k.faults, fault{match, err})
}

// Heal ends what Fail began; with an empty match all of it.
func (k *Kernel) Heal(match string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = slices.DeleteFunc(k.faults, func(f fault) bool { return match == "" || f.match == match })
}

// FailRead lets Read fail until it is called with nil.
func (k *Kernel) FailRead(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readErr = err
}

// Hook has a function called before each operation, without a lock held.
func (k *Kernel) Hook(f func(plan.Op)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hook = f
}

// Edit changes what there is from outside, as an operator would.
func (k *Kernel) Edit(f func(*plan.Found)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(&k.found)
	for name := range k.found.Links {
		k.addSettings(name)
	}
}

// TakeOps returns the texts of all operations since the last call, failed ones
// included, in their order.
func (k *Kernel) TakeOps() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	j := k.journal
	k.journal = nil
	return j
}

// Ops counts the operations since the last TakeOps, Reads the calls of Read.
func (k *Kernel) Ops() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.journal)
}

// Reads counts the calls of Read.
func (k *Kernel) Reads() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reads
}

// LinkUp is true if the interface is there and up.
func (k *Kernel) LinkUp(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.found.Links[name].Up
}

var errNoService = fmt.Errorf("no such service: %w", syscall.ESRCH)
