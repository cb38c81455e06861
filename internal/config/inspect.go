package config

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	configpb "seesaw/proto/config"
)

// inspect looks through a message and all within it for what the generated
// code hides: required fields that are missing, enum values that the schema
// does not have, and, in binary, fields that it does not have.
//
// A field of that kind comes from a newer server and can be passed over. An
// enum value cannot: nobody here knows what it means.
func (r *reader) inspect(m protoreflect.Message, at *place) {
	r.unknown(m.GetUnknown(), at)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := string(fd.Name())
		switch {
		case !m.Has(fd):
			if fd.Cardinality() == protoreflect.Required {
				r.add(finding{gravity: refusal, at: at, field: name, rule: "missing, and required"})
			}
		case fd.Enum() != nil:
			if n := m.Get(fd).Enum(); fd.Enum().Values().ByNumber(n) == nil {
				r.fault(at, name, n, fmt.Sprintf("not a %s that this version knows", fd.Enum().Name()))
			}
		case fd.Message() == nil:
		case fd.IsList():
			r.inspectList(m.Get(fd).List(), at, name)
		default:
			r.inspect(m.Get(fd).Message(), at.in(name))
		}
	}
}

func (r *reader) inspectList(list protoreflect.List, at *place, name string) {
	for i := range list.Len() {
		item := list.Get(i).Message()
		if at == nil && name == "vserver" {
			r.vserver = i
		}
		r.inspect(item, at.item(name, i, label(item)))
	}
	if at == nil {
		r.vserver = single
	}
}

// label is the name by which an operator knows an item of a list, if any.
func label(m protoreflect.Message) string {
	switch item := m.Interface().(type) {
	case interface{ GetName() string }:
		return item.GetName()
	case interface{ GetFqdn() string }:
		return item.GetFqdn()
	case interface{ GetHost() *configpb.Host }:
		return item.GetHost().GetFqdn()
	}
	return ""
}

// unknown reports the fields that were left over when a message was read.
func (r *reader) unknown(rest protoreflect.RawFields, at *place) {
	for len(rest) > 0 {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return
		}
		r.notice(at, fmt.Sprintf("field %d", number), nil, "not known to this version, and passed over")
		rest = rest[n:]
	}
}
