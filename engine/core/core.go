package core

import (
	"time"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// Config is what a Core starts with.
type Config struct {
	Node    *config.Node
	Version string // of the software, for ClusterView
	// Epoch is a number that no earlier engine on this host has used and is far
	// above all of theirs; a start time in nanoseconds serves.
	Epoch uint64
	// Marks and Overrides are those last saved.
	Marks     Marks
	Overrides []lb.OverrideRecord
}

// Core is the state of one node's engine. Its methods must not be called
// concurrently.
type Core struct {
	cfg     Config
	cluster *config.Cluster // nil until the first Load
	member  config.Member   // this node's entry in cluster
	inUse   lb.ConfigView   // where cluster came from

	vservers map[string]*vserver
	// overrides has the last that was said about each vserver, be it in the config
	// or not.
	overrides map[string]lb.OverrideRecord
	checks    map[lb.CheckID]*check
	told      told
	probes    []lb.ProbeMark // of the checks that are run, sorted by mark
	marks     allocator
	holds     holds
	heard     bool // of healthcheck, since the start

	ha      election
	net     network
	effects []Effect // of the Step that is under way
	now     time.Time
}

// New returns a core that knows nothing yet and wants everything as found.
func New(cfg Config) *Core {
	overrides := make(map[string]lb.OverrideRecord, len(cfg.Overrides))
	for _, r := range cfg.Overrides {
		overrides[r.Vserver] = r
	}
	return &Core{
		cfg:       cfg,
		vservers:  make(map[string]*vserver),
		overrides: overrides,
		checks:    make(map[lb.CheckID]*check),
		marks:     newAllocator(cfg.Marks),
		net:       newNetwork(cfg.Epoch),
	}
}

// An Event is something that happened.
type Event interface{ event() }

type (
	// Load puts a cluster config in force. View says where it came from; Core
	// fills in what the config itself says.
	Load struct {
		Cluster *config.Cluster
		View    lb.ConfigView
	}
	// Verdicts is news from healthcheck.
	Verdicts struct{ Report lb.VerdictReport }
	// HAReported is news from ha.
	HAReported struct{ Report lb.HAReport }
	// Applied is ncc's answer to the last Update.
	Applied struct{ Report lb.Report }
	// NotApplied says that ncc gave no answer to the last Update: what it has of
	// it is not known.
	NotApplied struct{}
	// Override sets what an operator of this node says about a vserver.
	Override struct {
		Vserver string
		State   lb.Override
	}
	// Replicated puts in force what was said on the other node; all of it is later
	// than what Overrides has of the same vservers.
	Replicated struct{ Records []lb.OverrideRecord }
	// Deadline says that the time which Deadline named has come.
	Deadline struct{}
)

func (Load) event()       {}
func (Verdicts) event()   {}
func (HAReported) event() {}
func (Applied) event()    {}
func (NotApplied) event() {}
func (Override) event()   {}
func (Replicated) event() {}
func (Deadline) event()   {}

// An Effect is something that the caller must now do.
type Effect interface{ effect() }

type (
	// Apply: the wanted network has changed; send Update to ncc.
	Apply struct{}
	// SetChecks: tell healthcheck that the set of checks has changed.
	SetChecks struct{ Update lb.CheckUpdate }
	// Direct: what ha should do has changed; send it Directive.
	Direct struct{}
	// SaveMarks: these marks are in use; remember them over a restart.
	SaveMarks struct{ Marks Marks }
	// SaveOverrides: this is all that was said about vservers; remember it over a
	// restart and tell the other node.
	SaveOverrides struct{ Overrides []lb.OverrideRecord }
	// Log a line. Args are pairs of key and value, as for log/slog.
	Log struct {
		Warn bool
		Text string
		Args []any
	}
)

func (Apply) effect()         {}
func (SetChecks) effect()     {}
func (Direct) effect()        {}
func (SaveMarks) effect()     {}
func (SaveOverrides) effect() {}
func (Log) effect()           {}

// Step takes one event at one instant and returns what to do about it.
func (c *Core) Step(now time.Time, ev Event) []Effect {
	c.now, c.effects = now, nil
	switch ev := ev.(type) {
	case Load:
		c.load(ev)
	case Verdicts:
		c.verdicts(ev.Report)
	case HAReported:
		c.haReported(ev.Report)
	case Applied:
		c.applied(ev.Report)
	case NotApplied:
		c.net.lose()
		c.emit(Apply{})
	case Override:
		c.override(ev)
	case Replicated:
		c.record(ev.Records...)
	case Deadline:
		c.expireHolds()
		c.expireRole()
	}
	if c.net.takeNews() {
		c.emit(Apply{})
	}
	return c.effects
}

// Deadline returns when the core next wants a Deadline event; zero = never.
func (c *Core) Deadline() time.Time {
	return earliest(c.holds.next(), c.roleDeadline())
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (c *Core) emit(e Effect) { c.effects = append(c.effects, e) }

func (c *Core) log(text string, args ...any)  { c.emit(Log{Text: text, Args: args}) }
func (c *Core) warn(text string, args ...any) { c.emit(Log{Warn: true, Text: text, Args: args}) }
