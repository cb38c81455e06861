package ncc

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"seesaw/ncc/plan"
)

// maxLines is how many changes are logged one by one; of more only the numbers
// are.
const maxLines = 50

// changes collects what one settle did, for the log.
type changes struct {
	lines  []string
	counts map[string]int // by "add service" and the like
	total  int
	errs   []error
	failed int
}

// add notes the operations that succeeded. Announcements change nothing on the
// host and are not logged.
func (c *changes) add(ops []plan.Op, outcomes []error) {
	for i, op := range ops {
		if _, isAnnouncement := op.(plan.Announce); isAnnouncement || i >= len(outcomes) || outcomes[i] != nil {
			continue
		}
		line := op.String()
		if c.total++; c.total <= maxLines {
			c.lines = append(c.lines, line)
		}
		if c.counts == nil {
			c.counts = map[string]int{}
		}
		words := strings.SplitN(line, " ", 3)
		c.counts[strings.Join(words[:min(2, len(words))], " ")]++
	}
}

// fail notes a failure that is news.
func (c *changes) fail(err error) {
	if c.failed++; c.failed <= maxLines {
		c.errs = append(c.errs, err)
	}
}

// log writes a line for each change, or the numbers of many.
func (c *changes) log(log *slog.Logger) {
	if c.total <= maxLines {
		for _, line := range c.lines {
			log.Info("host changed", "change", line)
		}
	} else {
		var counts []string
		for _, what := range slices.Sorted(maps.Keys(c.counts)) {
			counts = append(counts, fmt.Sprintf("%s: %d", what, c.counts[what]))
		}
		log.Info("host changed", "changes", c.total, "what", strings.Join(counts, ", "))
	}
	for _, err := range c.errs {
		log.Warn("host not changed, will be tried again", "err", err)
	}
	if more := c.failed - len(c.errs); more > 0 {
		log.Warn("more failures like these", "count", more)
	}
}
