package rpc

import (
	"maps"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// repeatsMax is how many failures Repeats remembers, repeatsEvery how often it
	// may forget them all to make room.
	repeatsMax   = 64
	repeatsEvery = time.Minute
)

// Repeats tells news from repetition among the failures of connections that are
// tried again and again, so that each is logged once. The zero value is ready.
// Its methods may be called concurrently.
type Repeats struct {
	mu      sync.Mutex // guards those below
	known   map[failure]bool
	cleared time.Time
}

type failure struct {
	addr netip.Addr
	why  string
}

// New reports whether an address fails in a way that it has not since it last
// succeeded. No error is success, which is not news. Where too much fails, not
// all of it is news.
func (r *Repeats) New(addr netip.Addr, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		maps.DeleteFunc(r.known, func(f failure, _ bool) bool { return f.addr == addr })
		return false
	}
	f := failure{addr, words(err)}
	if r.known[f] {
		return false
	}
	if len(r.known) >= repeatsMax {
		if time.Since(r.cleared) < repeatsEvery {
			return false
		}
		clear(r.known)
		r.cleared = time.Now()
	}
	if r.known == nil {
		r.known = make(map[failure]bool)
	}
	r.known[f] = true
	return true
}

// words is an error without its numbers: ports and times differ from one try to
// the next, the reason does not.
func words(err error) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, err.Error())
}
