package config

import "time"

// Watchdog is what seesaw_watchdog runs, from watchdog.cfg.
type Watchdog struct {
	// Services are in the order in which they are to be started: each after
	// all that it depends on, else as in the file.
	Services []Service
}

// Service is one process under the watchdog.
type Service struct {
	Name   string
	Binary string // absolute path
	Args   []string
	// Dependencies are the services that must be ready first, in the file's
	// order, no two alike.
	Dependencies []string
	// Priority is the nice value, -20 to 19.
	Priority int
	// TermTimeout is how long the process may take to end after a TERM.
	TermTimeout time.Duration
	// User and Group are the names to run as; empty = root, and the user's own
	// group.
	User, Group string
	// Restricted means that the process keeps Capabilities and no other; else it
	// keeps whatever its user has. It is set by a capabilities key, which may say
	// none.
	Restricted   bool
	Capabilities []string // as CAP_NET_RAW, sorted, no two alike
	// Realtime asks for a real-time scheduling priority.
	Realtime bool
	// MemLock is the limit of locked memory in bytes, MemLockUnlimited for no
	// limit; zero = left as it is.
	MemLock uint64
}

// MemLockUnlimited is the MemLock of a service that may lock all of its memory;
// it is the kernel's RLIM_INFINITY.
const MemLockUnlimited = ^uint64(0)
