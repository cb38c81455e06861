package config

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// inspect looks through a message and all within it for what the generated
// code hides: required fields that are missing, and fields and enum values that
// the schema does not have.
func (r *reader) inspect(m protoreflect.Message, at *place) {
	fields := m.Descriptor().Fields()
	strange := r.unknown(m, at)
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := string(fd.Name())
		switch {
		case fd.Cardinality() == protoreflect.Required && !m.Has(fd):
			if !strange[fd.Number()] {
				r.add(finding{gravity: refusal, at: at, field: name, rule: "missing, and required"})
			}
		case fd.Message() == nil || !m.Has(fd):
		case fd.IsList():
			for i, list := 0, m.Get(fd).List(); i < list.Len(); i++ {
				if at == nil && fd.Number() == vserverField {
					r.vserver = i
				}
				item := list.Get(i).Message()
				r.inspect(item, at.item(name, i, label(item)))
			}
			if at == nil {
				r.vserver = single
			}
		default:
			r.inspect(m.Get(fd).Message(), at.in(name))
		}
	}
}

// vserverField is the number of Cluster.vserver.
const vserverField protoreflect.FieldNumber = 7

// label is the name by which an operator knows an item of a list, if any.
func label(m protoreflect.Message) string {
	if fd := m.Descriptor().Fields().ByName("name"); fd != nil {
		return m.Get(fd).String()
	}
	return ""
}

// unknown reports the parts of a binary message that the schema does not have.
// A whole field of that kind comes from a newer server and can be passed over.
// A value that one of our enums does not have cannot: nobody knows what it
// means. It returns the fields that have one.
func (r *reader) unknown(m protoreflect.Message, at *place) map[protoreflect.FieldNumber]bool {
	var strange map[protoreflect.FieldNumber]bool
	for rest := m.GetUnknown(); len(rest) > 0; {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(number, kind, rest[n:])
		if size < 0 {
			break
		}
		if fd := m.Descriptor().Fields().ByNumber(number); fd != nil && fd.Enum() != nil {
			value, _ := protowire.ConsumeVarint(rest[n:])
			r.fault(at, string(fd.Name()), value, fmt.Sprintf("not a %s that this version knows", fd.Enum().Name()))
			if strange == nil {
				strange = make(map[protoreflect.FieldNumber]bool)
			}
			strange[number] = true
		} else {
			r.notice(at, fmt.Sprintf("field %d", number), nil, "not known to this version, and passed over")
		}
		rest = rest[n+size:]
	}
	return strange
}
