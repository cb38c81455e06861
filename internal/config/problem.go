package config

import (
	"cmp"
	"fmt"
	"strings"
)

// Problem is one thing wrong with a file: where, what, and the rule that it
// breaks.
type Problem struct {
	File string
	// Line and Column count from 1; 0 = not known, as in a binary file.
	Line, Column int
	// Path names the value within the file: "interface.node" or
	// `vserver[2] "web" vserver_entry[0].port`. It is empty for faults of syntax.
	Path string
	// Value is what was found there, strings quoted; empty if nothing was.
	Value string
	// Rule says what is wanted instead and, where it helps, what to do.
	Rule string
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Column > 0 {
		fmt.Fprintf(&b, ":%d", p.Column)
	}
	for _, part := range [...]string{p.Path, p.Value, p.Rule} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String()
}

// compare orders problems by where they are.
func (p Problem) compare(o Problem) int {
	return cmp.Or(cmp.Compare(p.Line, o.Line), cmp.Compare(p.Column, o.Column))
}

// Problems is all that is wrong with a file, in the order of the file. As an
// error it has one line for each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
