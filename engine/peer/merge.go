package peer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
)

// Merge returns what two nodes know together: of each vserver the record that
// is in force (lb.OverrideRecord.Compare). changed are those of theirs that
// displace or add to ours. Both are sorted by vserver; the arguments need not
// be.
func Merge(ours, theirs []lb.OverrideRecord) (result, changed []lb.OverrideRecord) {
	known := make(map[string]lb.OverrideRecord, len(ours)+len(theirs))
	take := func(r lb.OverrideRecord) bool {
		old, ok := known[r.Vserver]
		if ok && r.Compare(old) <= 0 {
			return false
		}
		known[r.Vserver] = r
		return true
	}
	for _, r := range ours {
		take(r)
	}
	news := make(map[string]bool)
	for _, r := range theirs {
		if take(r) {
			news[r.Vserver] = true
		}
	}
	for name, r := range known {
		result = append(result, r)
		if news[name] {
			changed = append(changed, r)
		}
	}
	sortRecords(result)
	sortRecords(changed)
	return result, changed
}

func sortRecords(list []lb.OverrideRecord) {
	slices.SortFunc(list, func(a, b lb.OverrideRecord) int { return strings.Compare(a.Vserver, b.Vserver) })
}

// Bounds of what is believed.
const (
	maxRecords = 100_000
	maxName    = 1024 // bytes of a vserver's or node's name
	maxHash    = 128
)

// latest is far enough ahead for every clock, and leaves room after it.
var latest = time.Unix(0, math.MaxInt64/2)

// sound returns what of a state can be believed. The error is the first of the
// reasons why something was left out, with how much that was.
func sound(s lb.PeerState) (lb.PeerState, error) {
	if len(s.Config.Hash) > maxHash || len(s.Overrides) > maxRecords {
		return lb.PeerState{}, fmt.Errorf("a config hash of %d bytes (at most %d) and %d overrides (at most %d)",
			len(s.Config.Hash), maxHash, len(s.Overrides), maxRecords)
	}
	var first error
	good := make([]lb.OverrideRecord, 0, len(s.Overrides))
	for _, r := range s.Overrides {
		if err := check(r); err == nil {
			good = append(good, r)
		} else if first == nil {
			first = err
		}
	}
	if first != nil {
		first = fmt.Errorf("%d of %d overrides: %w", len(s.Overrides)-len(good), len(s.Overrides), first)
	}
	s.Overrides = good
	return s, first
}

func check(r lb.OverrideRecord) error {
	switch {
	case r.Vserver == "":
		return errors.New("an override of no vserver")
	case len(r.Vserver) > maxName || len(r.Node) > maxName:
		return fmt.Errorf("an override with a name of more than %d bytes", maxName)
	case r.State > lb.OverrideEnabled:
		return fmt.Errorf("vserver %q: %v is not a state", r.Vserver, r.State)
	case !r.Time.IsZero() && (r.Time.Before(time.Unix(0, 0)) || r.Time.After(latest)):
		return fmt.Errorf("vserver %q: overridden at %v, which cannot be", r.Vserver, r.Time)
	}
	return nil
}
