package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/ini.v1"
)

// options are the sections and options of an INI file. Whoever reads one asks
// for every option that there can be; what was never asked for is a fault.
type options struct {
	file     string
	sections []*section
	problems Problems
}

// section is one section of the file, or an empty one if the file has none of
// that name.
type section struct {
	of    *options
	name  string
	line  int
	keys  []*option
	known []string // what was asked for
}

// option is one option of a section.
type option struct {
	in    *section
	name  string
	value string
	line  int
	asked bool
}

// path is the option as a message names it.
func (o *option) path() string { return o.in.name + "." + o.name }

// fault notes that the option breaks a rule.
func (o *option) fault(rule string) {
	o.in.of.add(Problem{Line: o.line, Path: o.path(), Value: show(o.value), Rule: rule})
}

func (os *options) add(p Problem) {
	p.File = os.file
	os.problems = append(os.problems, p)
}

// err returns what is wrong, in the order of the file, or nil.
func (os *options) err() error {
	if len(os.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(os.problems, Problem.compare)
	return os.problems
}

// defaultSection is where ini puts what stands before any section.
const defaultSection = "default"

// readOptions reads an INI file. Names are made lower case. The error has
// every fault of syntax.
func readOptions(file string, data []byte) (*options, error) {
	os := &options{file: file}
	data = prepared(data)
	lines := os.scan(data)
	if err := os.err(); err != nil {
		return nil, err
	}
	load := ini.LoadOptions{Insensitive: true, IgnoreContinuation: true, IgnoreInlineComment: true}
	parsed, err := ini.LoadSources(load, data)
	if err != nil {
		os.add(Problem{Rule: strings.TrimSpace(err.Error())})
		return nil, os.err()
	}
	for _, s := range parsed.Sections() {
		name := strings.ToLower(s.Name()) // ini leaves DEFAULT as it is
		section := &section{of: os, name: name, line: lines[where{section: name}]}
		for _, k := range s.Keys() {
			line := lines[where{name, k.Name()}]
			section.keys = append(section.keys, &option{in: section, name: k.Name(), value: k.String(), line: line})
		}
		if name != defaultSection {
			os.sections = append(os.sections, section)
			continue
		}
		for _, o := range section.keys {
			os.add(Problem{Line: o.line, Path: o.name, Value: show(o.value),
				Rule: "in no section, so it belongs to nothing: write it below the [section] that it is for"})
		}
	}
	return os, nil
}

// where names a section or, with a key, an option.
type where struct{ section, key string }

// scan finds the line of every section and option, and notes what is neither.
func (os *options) scan(data []byte) map[where]int {
	lines := make(map[where]int)
	current := defaultSection
	for i, line := range strings.Split(string(data), "\n") {
		text := strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		switch {
		case text == "", text[0] == '#', text[0] == ';':
		case text[0] == '[':
			end := strings.LastIndexByte(text, ']')
			if end < 0 {
				os.add(Problem{Line: i + 1, Value: show(text), Rule: "a section has no closing ]"})
				continue
			}
			current = strings.ToLower(text[1:end])
			if lines[where{section: current}] == 0 {
				lines[where{section: current}] = i + 1
			}
		default:
			os.scanOption(lines, current, text, i+1)
		}
	}
	return lines
}

func (os *options) scanOption(lines map[where]int, section, text string, line int) {
	end := strings.IndexAny(text, "=:")
	if end < 0 {
		os.add(Problem{Line: line, Value: show(text), Rule: `want "name = value", "[section]" or "# comment"`})
		return
	}
	key, value := strings.ToLower(strings.TrimSpace(text[:end])), strings.TrimSpace(text[end+1:])
	at := where{section, key}
	switch first := lines[at]; {
	case key == "" || strings.ContainsAny(key, "\"`") || key == "-":
		os.add(Problem{Line: line, Value: show(text), Rule: "an option has no name before its = or :"})
	case strings.HasPrefix(value, "`") || strings.HasPrefix(value, `"""`):
		os.add(Problem{Line: line, Path: section + "." + key, Value: show(value), Rule: "a value is one line, without such quotes"})
	case first != 0:
		os.add(Problem{Line: line, Path: section + "." + key, Value: show(value),
			Rule: fmt.Sprintf("given twice; the first is in line %d", first)})
	default:
		lines[at] = line
	}
}

// prepared takes out the comments that ini does not know: lines that begin
// with "rem", in any case, and what follows a blank and a # or ; in a line. All
// lines stay where they are.
func prepared(data []byte) []byte {
	lines := bytes.Split(data, []byte("\n"))
	for i, line := range lines {
		if len(line) >= 3 && bytes.EqualFold(line[:3], []byte("rem")) {
			lines[i] = nil
			continue
		}
		for k := 1; k < len(line); k++ {
			if (line[k] == '#' || line[k] == ';') && (line[k-1] == ' ' || line[k-1] == '\t') {
				lines[i] = line[:k]
				break
			}
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// section returns the section of a name; an empty one if there is none.
func (os *options) section(name string) *section {
	for _, s := range os.sections {
		if s.name == name {
			return s
		}
	}
	s := &section{of: os, name: name}
	os.sections = append(os.sections, s)
	return s
}

// get returns an option, or nil if it is not there. An empty one is at fault.
func (s *section) get(name string) *option {
	o := s.mayBeEmpty(name)
	if o != nil && o.value == "" {
		o.fault("empty: give it a value or remove the line")
		return nil
	}
	return o
}

// mayBeEmpty returns an option, or nil if it is not there.
func (s *section) mayBeEmpty(name string) *option {
	s.known = append(s.known, name)
	o := s.find(name)
	if o != nil {
		o.asked = true
	}
	return o
}

// find returns an option, or nil, without asking for it.
func (s *section) find(name string) *option {
	for _, o := range s.keys {
		if o.name == name {
			return o
		}
	}
	return nil
}

// missing notes that an option has to be given.
func (s *section) missing(name, rule string) {
	s.of.add(Problem{Line: s.line, Path: s.name + "." + name, Rule: rule})
}

// unasked notes every option that nobody asked for.
func (os *options) unasked() {
	for _, s := range os.sections {
		if len(s.known) == 0 {
			os.add(Problem{Line: s.line, Rule: "[" + s.name + "]: no such section here"})
			continue
		}
		for _, o := range s.keys {
			if !o.asked {
				o.fault("no such option: [" + s.name + "] has " + strings.Join(s.known, ", "))
			}
		}
	}
}
