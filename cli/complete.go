package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// expand returns the line with every word that can be read in full. What cannot be read, and arguments, stay
// as typed; where nothing of the kind remains, the line ends in a space.
func expand(line string) string {
	m := find(commandTable(), strings.Fields(line))
	if len(m.path) == 0 {
		return line
	}
	head := strings.Join(m.path, " ") + " "
	if len(m.rest) == 0 {
		return head
	}
	// Cut the words that were read from the line, to keep the spacing of the others.
	tail := line
	for range m.path {
		tail = strings.TrimLeftFunc(tail, unicode.IsSpace)
		tail = tail[strings.IndexFunc(tail, unicode.IsSpace):]
	}
	return head + strings.TrimLeftFunc(tail, unicode.IsSpace)
}

// explain says what may follow the line: the words that are possible next, or the command's arguments.
func explain(line string) string {
	m := find(commandTable(), strings.Fields(line))
	if m.command != nil {
		return fmt.Sprintf("  %-40s %s\n", m.command.name(), m.command.help)
	}
	if len(m.next) == 0 {
		return "Unknown command.\n"
	}
	var b strings.Builder
	for _, word := range m.next {
		fmt.Fprintf(&b, "  %-20s %s\n", word, about(append(slices.Clone(m.path), word)))
	}
	return b.String()
}

// about is the help of the command that the path is, empty for a part of one.
func about(path []string) string {
	if m := find(commandTable(), path); m.command != nil {
		return m.command.help
	}
	return ""
}
