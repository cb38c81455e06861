// Package verdict turns the results of one check's probes, one after another,
// into a verdict on its target.
//
// It knows nothing of probes, of time and of the network: package healthcheck
// feeds it a bool for each probe and asks for the state. A Machine belongs to
// whoever holds it and is not safe for concurrent use.
package verdict

// State is the verdict on a target. The numbers are those that the engine
// and the cluster file's tools have always used.
type State uint8

// The states.
//
//	            first result
//	Unknown ──────────────────▶ Unhealthy ◀─────────────┐
//	   │                            │                    │
//	   │ first result    Rise successes in a row         │ Fall failures in a row
//	   │                            ▼                    │
//	   └──────────────────────▶ Healthy ────────────────┘
//
// Unknown is left at the first result and never entered again.
const (
	Unknown   State = 0
	Unhealthy State = 1
	Healthy   State = 2
)

func (s State) String() string {
	switch s {
	case Unhealthy:
		return "unhealthy"
	case Healthy:
		return "healthy"
	}
	return "unknown"
}

// Config says how many results in a row it takes to change a mind. Values
// below one mean one.
type Config struct {
	// Rise is how many consecutive successes make an unhealthy target healthy.
	Rise int
	// Fall is how many consecutive failures make a healthy target unhealthy:
	// the retries that it is forgiven, and one more.
	Fall int
}

// Machine holds what is known of one target. Make it with New.
type Machine struct {
	rise, fall int
	state      State
	streak     int // results in a row that speak against the state
	failures   uint64
	successes  uint64
}

// New returns a machine in state Unknown.
func New(cfg Config) Machine {
	return Machine{rise: max(cfg.Rise, 1), fall: max(cfg.Fall, 1)}
}

// Step takes the result of one probe and says whether the state has changed.
func (m *Machine) Step(ok bool) (changed bool) {
	next := Unhealthy
	if ok {
		next = Healthy
		m.successes++
	} else {
		m.failures++
	}
	if next == m.state {
		m.streak = 0
		return false
	}
	m.streak++
	if m.streak < m.needed() {
		return false
	}
	m.state, m.streak = next, 0
	return true
}

// needed is how many results in a row end the present state.
func (m *Machine) needed() int {
	switch m.state {
	case Healthy:
		return m.fall
	case Unhealthy:
		return m.rise
	}
	return 1
}

// State is the present verdict.
func (m *Machine) State() State { return m.state }

// Failures is how many probes have failed since the machine was made,
// forgiven ones included.
func (m *Machine) Failures() uint64 { return m.failures }

// Successes is how many probes have succeeded since the machine was made.
func (m *Machine) Successes() uint64 { return m.successes }
