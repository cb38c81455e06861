package plan

import (
	"slices"
	"time"

	"seesaw/internal/lb"
)

// Refresh takes in what the host has now. What differs from what the table
// took for true is planned for again; what is as wanted costs a comparison.
func (t *Table) Refresh(now time.Time, found Found) {
	t.now = now
	t.gen++
	for _, l := range found.Links {
		t.seeLink(l)
	}
	for k, state := range found.Addrs {
		o := t.object(addrKey(k.Link, k.Addr))
		o.ours = o.ours || state.Ours
		o.gen = t.gen
		t.found(o, state.Bits)
	}
	for name, value := range found.Sysctls {
		o := t.object(key{kind: kindSysctl, name: name})
		o.gen = t.gen
		t.found(o, value)
	}
	for _, s := range found.Services {
		t.seeService(s)
	}
	t.loseUnseen()
}

func (t *Table) seeLink(l Link) {
	attrs := map[kind]any{
		kindLink: linkAttr{parent: l.Parent, vlan: l.VLAN, dummy: l.Dummy},
		kindMAC:  l.MAC,
		kindUp:   l.Up,
	}
	for k, attr := range attrs {
		o := t.object(key{kind: k, name: l.Name})
		o.gen = t.gen
		t.found(o, attr)
	}
}

func (t *Table) seeService(found lb.Service) {
	s := t.service(found.Key)
	s.object.gen = t.gen
	t.found(s.object, attrOf(found))
	for _, d := range found.Destinations {
		o := s.destination(d.Key())
		o.gen = t.gen
		t.found(o, destinationAttr(d))
	}
}

// loseUnseen finds out what is gone. Modules are not read back, and a setting
// that was not read is taken to be as it was.
func (t *Table) loseUnseen() {
	for k, o := range t.objects {
		if o.gen == t.gen || k.kind == kindModule || k.kind == kindSysctl {
			continue
		}
		t.lose(o)
		if k.kind == kindLink {
			t.loseOn(k.name)
		}
	}
	for _, s := range t.services {
		for _, d := range s.dests {
			if d.gen != t.gen {
				t.lose(d)
			}
		}
		if s.object.gen != t.gen {
			t.lose(s.object)
		}
	}
}

// found takes in that an object is there, with its attributes.
func (t *Table) found(o *object, has any) {
	if o.there && o.has == has {
		return
	}
	o.there, o.has = true, has
	t.adopt(o)
	t.calm(o)
	t.mark(o)
	t.touch(o)
	if o.key.kind == kindUp {
		t.noteUp(o.key.name, has.(bool))
	}
	for w := range o.waiters {
		t.unblock(w)
		t.mark(w)
	}
}

// lose takes in that an object is not there.
func (t *Table) lose(o *object) {
	if !o.there {
		return
	}
	o.there, o.has, o.announce = false, nil, false
	t.calm(o)
	t.noteMissing(o)
	t.mark(o)
	t.touch(o)
	t.forget(o)
}

// loseOn takes in that an interface has gone with all that was on it.
func (t *Table) loseOn(link string) {
	for k, o := range t.objects {
		isOn := k.name == link && (k.kind == kindMAC || k.kind == kindUp || k.kind == kindAddr)
		isOf := k.kind == kindSysctl && slices.ContainsFunc(o.deps, func(d *object) bool { return d.key.name == link })
		if isOn || isOf {
			t.lose(o)
		}
	}
}

// noteUp takes in that an interface has been raised or lowered.
func (t *Table) noteUp(link string, up bool) {
	t.announceLink(link, up)
	if link == t.node.LBInterface && !up {
		t.unclaimRaised()
	}
}

// followUp takes in what the kernel does by itself when we raise or lower the
// LB interface: the VLANs on it follow.
func (t *Table) followUp(link string, up bool) {
	if link != t.node.LBInterface {
		return
	}
	for _, name := range t.vlanNames {
		if o := t.objects[key{kind: kindUp, name: name}]; o != nil && o.there {
			t.found(o, up)
		}
	}
}

// succeed takes in that an operation has been carried out.
func (t *Table) succeed(p pending) {
	o := p.object
	switch {
	case p.action == announce:
		o.announce = false
	case p.action == remove:
		t.disown(o)
		t.lose(o)
		t.loseParts(o)
	case p.action == set && o.key.kind == kindAddr:
		t.lose(o) // only removed so far
	case o.key.kind == kindAddr:
		t.found(o, p.op.(AddAddr).Prefix.Bits())
		o.announce = p.attr == nil && o.key.name != DummyName && t.isUp(o.key.name)
	default:
		t.found(o, p.attr)
		if l, isLink := p.attr.(linkAttr); isLink {
			// A new dummy is up, a new VLAN down.
			t.found(t.object(key{kind: kindUp, name: o.key.name}), l.dummy)
		}
		if op, isLink := p.op.(SetLink); isLink {
			t.followUp(op.Link, op.Up)
		}
	}
	t.calm(o)
	t.mark(o)
}

// loseParts takes in what has gone together with an object.
func (t *Table) loseParts(o *object) {
	switch o.key.kind {
	case kindLink:
		t.loseOn(o.key.name)
	case kindService:
		if s := t.services[o.key.svc]; s != nil {
			for _, d := range s.dests {
				t.lose(d)
			}
		}
	}
}

func (t *Table) isUp(link string) bool {
	o := t.objects[key{kind: kindUp, name: link}]
	return o != nil && o.has == true
}
