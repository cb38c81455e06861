package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// place is a message within the cluster file. The root is the nil place.
type place struct {
	up    *place
	field string
	index int    // among the values of a repeated field; single for others
	label string // the name that an operator knows it by, or empty
}

// single is the index of what cannot be repeated.
const single = -1

func (p *place) in(field string) *place { return &place{up: p, field: field, index: single} }

func (p *place) item(field string, i int, label string) *place {
	return &place{up: p, field: field, index: i, label: label}
}

// String is the place as a path: `vserver[2] "web" vserver_entry[0]`.
func (p *place) String() string {
	if p == nil {
		return ""
	}
	s := p.up.with(p.field)
	if p.index != single {
		s += "[" + strconv.Itoa(p.index) + "]"
	}
	if p.label != "" {
		s += " " + strconv.Quote(shortened(p.label))
	}
	return s
}

// shortened cuts off what is too long for a message.
func shortened(text string) string {
	const limit = 64
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "…"
}

// with is the path of one field of a place.
func (p *place) with(field string) string {
	switch s := p.String(); {
	case s == "":
		return field
	case field == "":
		return s
	case strings.HasSuffix(s, `"`):
		return s + " " + field
	default:
		return s + "." + field
	}
}

// gravity is what a finding does to the file.
type gravity uint8

const (
	notice  gravity = iota // nothing: it is only told
	fault                  // refuses the vserver that it is in, else the file
	refusal                // refuses the file wherever it is
)

// finding is a problem before its position is known.
type finding struct {
	gravity gravity
	vserver int // index of the vserver that it is in; single = in none
	at      *place
	field   string // of the place; empty = the place itself
	value   string
	rule    string
	first   *place // an earlier place that the rule is about, or nil
}

// findings collects what is wrong with a file while it is read.
type findings struct {
	list    []finding
	vserver int // the vserver that is being read
}

// fault notes that a field of a place breaks a rule. A nil value is one that is
// not there.
func (fs *findings) fault(at *place, field string, value any, rule string) {
	fs.add(finding{gravity: fault, at: at, field: field, value: show(value), rule: rule})
}

// twice notes that a field says again what an earlier place has said.
func (fs *findings) twice(at *place, field string, value any, rule string, first *place) {
	fs.add(finding{gravity: fault, at: at, field: field, value: show(value), rule: rule, first: first})
}

// notice notes something that is odd and accepted.
func (fs *findings) notice(at *place, field string, value any, rule string) {
	fs.add(finding{gravity: notice, at: at, field: field, value: show(value), rule: rule})
}

func (fs *findings) add(f finding) {
	f.vserver = fs.vserver
	fs.list = append(fs.list, f)
}

// faults counts the findings from one of the list on that refuse something.
func (fs *findings) faults(from int) int {
	n := 0
	for _, f := range fs.list[from:] {
		if f.gravity != notice {
			n++
		}
	}
	return n
}

// grave returns the findings that refuse something. What is said about a field
// that is missing at all, and so reads as its default, is left out.
func (fs *findings) grave() []finding {
	missing := make(map[string]bool)
	for _, f := range fs.list {
		if f.gravity == refusal {
			missing[f.at.with(f.field)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(fs.list), func(f finding) bool {
		return f.gravity == notice || f.gravity == fault && len(missing) > 0 && missing[f.at.with(f.field)]
	})
}

// show is a value as a message has it.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strconv.Quote(shortened(v))
	default:
		return fmt.Sprint(v)
	}
}
