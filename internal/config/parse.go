package config

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	configpb "seesaw/proto/config"
)

// ParseCluster reads a cluster file in text form. The name is for messages. An
// error is of type Problems and refuses the file; faults within single vservers
// are in the result's Faulty.
func ParseCluster(name string, text []byte) (*Cluster, error) {
	raw := new(configpb.Cluster)
	if err := (prototext.UnmarshalOptions{AllowPartial: true}).Unmarshal(text, raw); err != nil {
		return nil, Problems{syntaxProblem(name, text, err)}
	}
	r := reader{findings: findings{vserver: single}}
	r.inspect(raw.ProtoReflect(), nil)
	return r.finish(name, raw, func() positions { return locate(text) })
}

// ParseClusterBinary reads a cluster file in binary form, as a config server
// sends it. It is as ParseCluster, except that positions are not known and that
// a field that nobody here knows is a notice: the server may be newer.
func ParseClusterBinary(name string, data []byte) (*Cluster, error) {
	raw := new(configpb.Cluster)
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(data, raw); err != nil {
		rule := fmt.Sprintf("not a cluster in binary form, or cut short (%d bytes)", len(data))
		return nil, Problems{{File: name, Rule: rule}}
	}
	r := reader{findings: findings{vserver: single}}
	r.inspect(raw.ProtoReflect(), nil)
	return r.finish(name, raw, func() positions { return positions{} })
}

// finish reads the messages and sorts what was found into what refuses the
// file, what refuses a vserver, and what is only told.
func (r *reader) finish(name string, raw *configpb.Cluster, locate func() positions) (*Cluster, error) {
	c := r.cluster(raw)
	if len(r.list) == 0 {
		return c, nil
	}
	where := locate()
	refuses := false
	var all Problems
	faulty := make(map[int]Problems)
	for _, f := range r.grave() {
		p := f.problem(name, &where)
		all = append(all, p)
		if f.gravity == fault && f.vserver != single {
			faulty[f.vserver] = append(faulty[f.vserver], p)
		} else {
			refuses = true
		}
	}
	if refuses {
		slices.SortStableFunc(all, Problem.compare)
		return nil, all
	}
	for i, v := range raw.Vserver {
		if ps := faulty[i]; ps != nil {
			slices.SortStableFunc(ps, Problem.compare)
			c.Faulty = append(c.Faulty, Faulty{Name: v.GetName(), Problems: ps})
		}
	}
	for _, f := range r.list {
		if f.gravity == notice && faulty[f.vserver] == nil {
			c.Notices = append(c.Notices, f.problem(name, &where))
		}
	}
	slices.SortStableFunc(c.Notices, Problem.compare)
	return c, nil
}

// problem gives a finding its position.
func (f finding) problem(file string, where *positions) Problem {
	p := Problem{File: file, Path: f.at.with(f.field), Value: f.value, Rule: f.rule}
	p.Line, p.Column = where.find(f.at, f.field)
	if f.first != nil {
		p.Rule += "; the first is " + f.first.String()
		if line, _ := where.find(f.first, ""); line > 0 {
			p.Rule += fmt.Sprintf(" in line %d", line)
		}
	}
	return p
}

// syntaxForm is what prototext writes: its position, then the reason.
var syntaxForm = regexp.MustCompile(`^(?:syntax error )?\(line (\d+):(\d+)\): (.*)$`)

// syntaxProblem makes a problem from an error of prototext. It quotes the text
// as it is, with its line breaks, and its own blanks vary on purpose.
func syntaxProblem(name string, text []byte, err error) Problem {
	rule := strings.Join(strings.FieldsFunc(err.Error(), func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c)
	}), " ")
	rule = strings.TrimPrefix(rule, "proto: ")
	p := Problem{File: name, Rule: rule}
	if rule == io.ErrUnexpectedEOF.Error() {
		p.Line = bytes.Count(text, []byte("\n")) + 1
		p.Column = len(text) - bytes.LastIndexByte(text, '\n')
		p.Rule = "the file ends within a message: it has been cut short, or a closing > or } is missing"
	} else if m := syntaxForm.FindStringSubmatch(rule); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Column, _ = strconv.Atoi(m[2])
		p.Rule = m[3]
	}
	return p
}
