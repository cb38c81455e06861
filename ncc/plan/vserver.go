package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"seesaw/internal/lb"
)

// nodeUser is the user of what the node itself wants: cluster VIPs and probe
// services. It comes before every vserver.
const nodeUser = ""

// service is an IPVS service that someone wants or that was found. If several
// want it, the first by name has it, and the others have a problem.
type service struct {
	object *object
	self   []*object // the object: what its destinations depend on
	dests  map[netip.AddrPort]*object
	users  []user[lb.Service]
}

// vip is a virtual address. It goes when the last of its users no longer wants
// it.
type vip struct {
	addr  netip.Addr
	users []user[lb.VIP]
	// at is the address on the interface where it lives now; nil = nowhere, for
	// the reason in refused.
	at      *object
	refused string
}

// user is a vserver's (or the node's) wish for an object.
type user[T any] struct {
	name  string
	since time.Time
	wish  T
	gen   uint64
}

func findUser[T any](users []user[T], name string) (int, bool) {
	return slices.BinarySearchFunc(users, name, func(u user[T], name string) int { return cmp.Compare(u.name, name) })
}

// putUser records a wish and returns true if it is another one than before.
func putUser[T any](users *[]user[T], u user[T], equal func(a, b T) bool) bool {
	i, found := findUser(*users, u.name)
	if !found {
		*users = slices.Insert(*users, i, u)
		return true
	}
	old := &(*users)[i]
	old.gen = u.gen
	if equal(old.wish, u.wish) {
		return false
	}
	old.wish = u.wish
	return true
}

// dropUser removes a wish that was not renewed in the pass gen, and returns
// true if there was one.
func dropUser[T any](users *[]user[T], name string, gen uint64) bool {
	i, found := findUser(*users, name)
	if !found || (*users)[i].gen == gen {
		return false
	}
	*users = slices.Delete(*users, i, i+1)
	return true
}

func equalVIP(a, b lb.VIP) bool { return a == b }

func equalService(a, b lb.Service) bool {
	return a.Key == b.Key && a.Want == b.Want && attrOf(a) == attrOf(b) && slices.Equal(a.Destinations, b.Destinations)
}

// putVserver takes in a vserver that is new or has changed. Only what differs
// from before is looked at again.
func (t *Table) putVserver(v lb.Vserver) {
	old := t.vservers[v.Name]
	t.vservers[v.Name] = v
	t.changed[v.Name] = true
	for _, x := range v.VIPs {
		p := t.vips[x.Addr]
		if p == nil {
			p = &vip{addr: x.Addr}
			t.vips[x.Addr] = p
		}
		t.node.ipv6 = t.node.ipv6 || x.Addr.Is6()
		if putUser(&p.users, user[lb.VIP]{v.Name, t.now, x, t.gen}, equalVIP) {
			t.dirtyVIPs[p] = true
		}
	}
	for _, x := range v.Services {
		s := t.service(x.Key)
		if putUser(&s.users, user[lb.Service]{v.Name, t.now, x, t.gen}, equalService) {
			t.dirtyServices[s] = true
			t.node.nat = t.node.nat || slices.ContainsFunc(x.Destinations, func(d lb.Destination) bool { return d.Mode == lb.NAT })
		}
	}
	t.dropOld(old)
}

// dropVserver takes in that a vserver is no longer wanted.
func (t *Table) dropVserver(name string) {
	old, found := t.vservers[name]
	if !found {
		return
	}
	delete(t.vservers, name)
	delete(t.changed, name)
	t.dropOld(old)
}

// dropOld removes those wishes of a vserver that this pass has not renewed.
func (t *Table) dropOld(old lb.Vserver) {
	for _, x := range old.VIPs {
		if p := t.vips[x.Addr]; p != nil && dropUser(&p.users, old.Name, t.gen) {
			t.dirtyVIPs[p] = true
		}
	}
	for _, x := range old.Services {
		if s := t.services[x.Key]; s != nil && dropUser(&s.users, old.Name, t.gen) {
			t.dirtyServices[s] = true
		}
	}
}

// syncTouched brings the objects up to date with the wishes that have changed.
func (t *Table) syncTouched() {
	for s := range t.dirtyServices {
		t.syncService(s)
	}
	for p := range t.dirtyVIPs {
		t.syncVIP(p)
	}
	clear(t.dirtyServices)
	clear(t.dirtyVIPs)
}

// service returns the service with a key, making it if need be.
func (t *Table) service(k lb.ServiceKey) *service {
	s := t.services[k]
	if s == nil {
		o := &object{key: key{kind: kindService, svc: k}, want: lb.Absent}
		_, o.ours = t.owned[o.key.String()]
		s = &service{object: o, self: []*object{o}, dests: map[netip.AddrPort]*object{}}
		t.services[k] = s
	}
	return s
}

func (s *service) destination(k netip.AddrPort) *object {
	o := s.dests[k]
	if o == nil {
		o = &object{key: key{kind: kindDestination, svc: s.object.key.svc, addr: k}, want: lb.Absent, deps: s.self}
		s.dests[k] = o
	}
	return o
}

// syncService gives a service and its destinations what its first user wants.
func (t *Table) syncService(s *service) {
	for _, u := range s.users[min(1, len(s.users)):] {
		t.changed[u.name] = true
	}
	t.gen++
	if len(s.users) == 0 {
		t.drop(s.object)
	} else {
		w := s.users[0].wish
		t.changed[s.users[0].name] = true
		t.wish(s.object, w.Want, attrOf(w), t.module("ip_vs"), t.module(moduleOf(w.Scheduler)))
		for _, d := range w.Destinations {
			o := s.destination(d.Key())
			o.gen = t.gen
			t.wish(o, d.Want, destinationAttr(d))
		}
	}
	for _, o := range s.dests {
		t.mark(o) // what a destination needs depends on its service
		if o.gen != t.gen {
			t.drop(o)
		}
	}
	t.forgetService(s)
}

// syncVIP gives a virtual address its place.
func (t *Table) syncVIP(p *vip) {
	for _, u := range p.users {
		t.changed[u.name] = true
	}
	if len(p.users) == 0 {
		if p.at != nil {
			t.drop(p.at)
		}
		delete(t.vips, p.addr)
		return
	}
	var link string
	link, p.refused = t.place(p)
	if old := p.at; old != nil && old.key.name != link {
		t.drop(old)
		p.at = nil
	}
	if link == "" {
		return
	}
	p.at = t.object(addrKey(link, p.addr))
	deps := []*object{t.object(key{kind: kindLink, name: link})}
	if link == DummyName {
		t.wishDummy()
	}
	t.wish(p.at, t.wantOf(p, link), nil, deps...)
}

// wantOf is the strongest wish of a VIP's users. Where the LB interface is the
// node interface it is never lowered, and VIPs come and go instead.
func (t *Table) wantOf(p *vip, link string) lb.Want {
	want := lb.Absent
	for _, u := range p.users {
		switch {
		case u.wish.Want == lb.Present:
			want = lb.Present
		case u.wish.Want == lb.AsFound && want == lb.Absent:
			want = lb.AsFound
		}
	}
	if want == lb.Present && t.node.isShared() && link == t.node.LBInterface {
		return t.node.link()
	}
	return want
}
