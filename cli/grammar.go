package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// command is one leaf of the grammar.
type command struct {
	path  string // its words in full
	args  string // how its arguments are written, for people
	least int    // fewest arguments
	most  int    // most arguments
	help  string
	run   func(c *CLI, ctx context.Context, args []string) error
}

// name returns the command as it is written in full.
func (c command) name() string { return strings.TrimSpace(c.path + " " + c.args) }

// match is how far a line could be read.
type match struct {
	path    []string // the words found, in full
	command *command // nil if the words end, or cannot be read, before a command's end
	rest    []string // what follows: the command's arguments, or the words that could not be read
	next    []string // without a command: what the next word could be; empty if it is unknown
}

// find reads words as a command. Each word may be shortened as long as only one word begins with it; a word
// in full always means itself.
func find(commands []command, words []string) match {
	var m match
	for i, word := range words {
		next := nextWords(commands, m.path)
		fits := pick(next, word, func(s string) string { return s })
		if len(fits) != 1 {
			m.rest, m.next = words[i:], fits
			return m
		}
		m.path = append(m.path, fits[0])
		path := strings.Join(m.path, " ")
		if at := slices.IndexFunc(commands, func(c command) bool { return c.path == path }); at >= 0 {
			m.command, m.rest = &commands[at], words[i+1:]
			return m
		}
	}
	m.next = nextWords(commands, m.path)
	return m
}

// nextWords lists the words that may follow a path, sorted.
func nextWords(commands []command, path []string) []string {
	var next []string
	for _, c := range commands {
		words := strings.Fields(c.path)
		if len(words) > len(path) && slices.Equal(words[:len(path)], path) {
			next = append(next, words[len(path)])
		}
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// pick returns the item with exactly this name, else all whose names begin with it.
func pick[T any](items []T, name string, nameOf func(T) string) []T {
	var fits []T
	for _, item := range items {
		switch s := nameOf(item); {
		case s == name:
			return []T{item}
		case strings.HasPrefix(s, name):
			fits = append(fits, item)
		}
	}
	return fits
}

// usageError is a line that the operator must write differently.
type usageError struct {
	headline string // the original's words, a line of its own; may be empty
	advice   string // what to write instead
}

func (e usageError) Error() string { return strings.TrimSpace(e.headline + " " + e.advice) }

// usage checks that a line is a command with the right number of arguments.
func (m match) usage() error {
	switch {
	case m.command == nil && len(m.next) == 0:
		after := ""
		if len(m.path) > 0 {
			after = " after " + strings.Join(m.path, " ")
		}
		return usageError{"Unknown command.", fmt.Sprintf("%q is not known%s: want one of %s (seesaw -h lists all commands)",
			m.rest[0], after, strings.Join(nextWords(commandTable(), m.path), ", "))}
	case m.command == nil:
		missing := "the next word may be "
		if len(m.rest) > 0 {
			missing = fmt.Sprintf("%q may be ", m.rest[0])
		}
		return usageError{"Incomplete command.", fmt.Sprintf("%s%s (for example: seesaw %s)",
			missing, strings.Join(m.next, ", "), strings.Join(append(slices.Clone(m.path), m.next[0]), " "))}
	case len(m.rest) > m.command.most:
		return usageError{"", fmt.Sprintf("surplus argument %q: usage: seesaw %s", m.rest[m.command.most], m.command.name())}
	case len(m.rest) < m.command.least:
		return usageError{"", "an argument is missing: usage: seesaw " + m.command.name()}
	}
	return nil
}
