// Package ncc is the privileged end of a node: it takes the wanted network from
// the engine, has package plan work out what is to be done, has a Kernel do it,
// and says what is true.
//
// It decides nothing about balancing and keeps nothing but its ownership
// record. Stopped, it changes nothing on the host; started, it adopts what it
// finds and waits for the engine's first full update before it touches
// anything. What cannot be done is quarantined by the plan and tried again; no
// failure of the host ends this process.
//
// One goroutine, that of Run, owns all state. Apply and Statistics may be called
// from any. cmd/seesaw_ncc joins it with ncc/kernel, tests with ncc/nccfake.
package ncc
