package site

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Leads is a record of which nodes lead, seen from outside: a node leads while
// its LB interface is up. The kernel tells of every change at once, so nothing is
// too short to be seen.
type Leads struct {
	mu      sync.Mutex
	history history
}

// Watch begins a record that goes on until the test ends.
func (s *Site) Watch(t testing.TB) *Leads {
	t.Helper()
	l := &Leads{history: history{nodes: len(s.Nodes), began: time.Now()}}
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	for i, n := range s.Nodes {
		updates := make(chan netlink.LinkUpdate)
		err := n.Do(func() error {
			return netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{ListExisting: true})
		})
		if err != nil {
			t.Fatalf("%s: watch links: %v", n.Name, err)
		}
		go func() {
			for u := range updates {
				if u.Attrs().Name == LBIf {
					l.note(i, u.IfInfomsg.Flags&unix.IFF_UP != 0)
				}
			}
		}()
	}
	return l
}

func (l *Leads) note(node int, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history.note(time.Now(), node, up)
}

// Since sums up what happened from a moment until now.
func (l *Leads) Since(from time.Time) Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history.summarize(from, time.Now())
}

// Now lists the nodes that lead, by their place among the site's nodes.
func (l *Leads) Now() []int { return l.Since(time.Now()).Leaders }

// history is all changes, in order.
type history struct {
	nodes   int
	began   time.Time
	changes []change
}

type change struct {
	at   time.Time
	node int
	up   bool
}

// note keeps what is a change.
func (h *history) note(at time.Time, node int, up bool) {
	was := false
	for _, c := range h.changes {
		if c.node == node {
			was = c.up
		}
	}
	if up != was {
		h.changes = append(h.changes, change{at, node, up})
	}
}

// Summary is what became of the lead in a stretch of time.
type Summary struct {
	Leaders  []int         // at its end
	TakeOver int           // how often a node began to lead
	GaveUp   int           // how often a node ceased to
	Several  time.Duration // the longest time in which more than one led
	Nobody   time.Duration // the longest time in which none did
	Settled  time.Time     // the last change; its beginning if there was none
}

func (s Summary) String() string {
	leaders := make([]string, len(s.Leaders))
	for i, n := range s.Leaders {
		leaders[i] = fmt.Sprintf("node%02d", n+1)
	}
	return fmt.Sprintf("leads: [%s], %d began to and %d ceased, more than one for %v, none for %v", strings.Join(leaders, " "),
		s.TakeOver, s.GaveUp, s.Several.Round(time.Millisecond), s.Nobody.Round(time.Millisecond))
}

// summarize goes through the history once, counting what lies between two times.
func (h *history) summarize(from, to time.Time) Summary {
	s := Summary{Settled: from}
	up := make([]bool, h.nodes)
	count, since := 0, h.began // how many lead, and since when
	for _, c := range h.changes {
		if c.at.After(to) {
			break
		}
		s.stretch(count, c.at.Sub(later(since, from)))
		up[c.node], since = c.up, c.at
		if c.up {
			count++
		} else {
			count--
		}
		if c.at.Before(from) {
			continue
		}
		s.Settled = c.at
		if c.up {
			s.TakeOver++
		} else {
			s.GaveUp++
		}
	}
	s.stretch(count, to.Sub(later(since, from)))
	for i, leads := range up {
		if leads {
			s.Leaders = append(s.Leaders, i)
		}
	}
	return s
}

// stretch notes that so many led for so long; a length below zero lies before
// what is summed up.
func (s *Summary) stretch(leaders int, length time.Duration) {
	switch {
	case leaders == 0:
		s.Nobody = max(s.Nobody, length)
	case leaders > 1:
		s.Several = max(s.Several, length)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
