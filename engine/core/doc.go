// Package core decides what network this node should have, and why: cluster
// config, health, role and overrides go in, the wanted network of internal/lb
// comes out.
//
// It is pure: no socket, goroutine or clock. Package engine owns the one Core of
// a process, feeds it events with the time at which they happened, and carries
// out the effects. Work for an event is in proportion to what the event touches.
//
//	Load ──▶ vservers ─▶ services ─▶ destinations ─▶ checks ◀── Verdicts
//	              │                                                │
//	              ▼                                                │
//	     Update for ncc  ◀──────── what changed ◀──────────────────┘
//
// Health has three values. Unknown is never a reason to change anything: what
// is unknown is wanted as found (lb.AsFound), so that a restarted engine takes
// nothing down before it has heard of it.
package core
