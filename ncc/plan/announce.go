package plan

import (
	"slices"
	"time"

	"seesaw/internal/lb"
)

// An interface that has just been raised has no carrier yet, and what is sent
// into it is lost. So announcements are repeated shortly after.
var announceAgain = [...]time.Duration{200 * time.Millisecond, time.Second}

// announcing says when the VIPs are announced next.
type announcing struct {
	every time.Duration
	due   time.Time // zero = never
	again int       // how many of announceAgain are behind us
}

// refreshEvery takes in how often announcements are to be refreshed.
func (t *Table) refreshEvery(every time.Duration) {
	a := &t.announcing
	if a.every == every {
		return
	}
	a.every = every
	if isBurst := !a.due.IsZero() && a.again < len(announceAgain); t.isUp(t.node.LBInterface) && !isBurst {
		a.again = len(announceAgain)
		t.nextRefresh()
	}
}

// nextRefresh sets the time of the next announcement.
func (t *Table) nextRefresh() {
	a := &t.announcing
	switch {
	case a.again < len(announceAgain):
		a.due = t.now.Add(announceAgain[a.again])
		a.again++
	case a.every > 0:
		a.due = t.now.Add(a.every)
	default:
		a.due = time.Time{}
	}
}

// announceLink takes in that an interface has been raised or lowered.
func (t *Table) announceLink(link string, up bool) {
	for _, p := range t.vips {
		if o := p.at; o != nil && o.key.name == link && link != DummyName {
			o.announce = up && o.there
			t.mark(o)
		}
	}
	if link == t.node.LBInterface {
		t.announcing.due = time.Time{}
		if up {
			t.announcing.again = 0
			t.nextRefresh()
		}
	}
}

// wakeAnnouncements announces every VIP on an interface that is up, when it is
// time for that.
func (t *Table) wakeAnnouncements(now time.Time) {
	if due := t.announcing.due; due.IsZero() || due.After(now) {
		return
	}
	for _, p := range t.vips {
		if o := p.at; o != nil && o.there && o.want != lb.Absent && o.key.name != DummyName && t.isUp(o.key.name) {
			o.announce = true
			t.mark(o)
		}
	}
	t.nextRefresh()
}

func (t *Table) announceDeadline() time.Time { return t.announcing.due }

// vlansByName lists the VLANs on the LB interface.
func (t *Table) vlansByName() []string {
	var names []string
	for _, name := range t.vlanNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
