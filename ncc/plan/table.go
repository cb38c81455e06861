package plan

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"seesaw/internal/lb"
)

// Table is all that is wanted and all that was found, and what is to be done
// about the difference. One goroutine owns it; it does
//
//	Apply(update)            what the engine wants
//	Next → TakeClaims → Done until Next returns nothing
//	Report                   what the engine is told
//
// and again from Next at Deadline. The work that an update causes is in
// proportion to what it names.
type Table struct {
	// live is set by the first full update. Until then nothing is removed for
	// not being named.
	live    bool
	version uint64
	now     time.Time // as the caller last told it

	node      node
	vlanNames map[uint16]string
	// nodeObjects are those that the node part names, vservers apart.
	nodeObjects []*object
	vservers    map[string]lb.Vserver
	vips        map[netip.Addr]*vip
	services    map[lb.ServiceKey]*service
	objects     map[key]*object // all but services and destinations

	queues  [phases]queue
	pending []pending
	retries retries
	gen     uint64 // marks what has been seen in one pass

	owned   Owned
	claims  []Claim
	adopted []string

	// Vservers to be reported next: these, or all.
	changed   map[string]bool
	reportAll bool

	announcing announcing

	// What the update in hand has touched, to be synchronised at its end.
	dirtyVIPs     map[*vip]bool
	dirtyServices map[*service]bool
}

// node is the node part of what is wanted, with what has been learnt besides.
type node struct {
	lb.Node
	silent bool // the engine has not been heard for the time of its lease
	nat    bool // some destination is in NAT mode
	ipv6   bool // some address is IPv6
}

// New returns a table of what was found, with nothing wanted yet. Owned is the
// ownership record as it was left.
func New(found Found, owned Owned) *Table {
	t := &Table{
		vservers:      map[string]lb.Vserver{},
		vips:          map[netip.Addr]*vip{},
		services:      map[lb.ServiceKey]*service{},
		objects:       map[key]*object{},
		owned:         Owned{},
		changed:       map[string]bool{},
		dirtyVIPs:     map[*vip]bool{},
		dirtyServices: map[*service]bool{},
	}
	maps.Copy(t.owned, owned)
	t.resumeLease()
	t.Refresh(time.Time{}, found)
	return t
}

// Apply takes in an update. It returns false if the update builds on a version
// that the table does not have: then nothing has changed and a full update is
// needed.
func (t *Table) Apply(now time.Time, u lb.Update) bool {
	if !u.Full && (!t.live || u.Base != t.version) {
		return false
	}
	t.now, t.version = now, u.Version
	isFirst := !t.live
	t.live = true

	nat, ipv6 := t.node.nat, t.node.ipv6
	nodeChanged := t.takeNode(u.Node) || isFirst
	t.gen++
	for _, v := range u.Changed {
		t.putVserver(v)
	}
	for _, name := range t.removed(u) {
		t.dropVserver(name)
	}
	if nodeChanged || nat != t.node.nat || ipv6 != t.node.ipv6 {
		t.syncNode()
	}
	t.syncTouched()
	t.refreshEvery(u.Node.AnnounceEvery)
	if isFirst {
		t.markAll()
	}
	t.reportAll = t.reportAll || u.Full
	return true
}

// removed lists the vservers that an update no longer wants.
func (t *Table) removed(u lb.Update) []string {
	if !u.Full {
		return u.Removed
	}
	named := make(map[string]bool, len(u.Changed))
	for _, v := range u.Changed {
		named[v.Name] = true
	}
	var gone []string
	for name := range t.vservers {
		if name != nodeUser && !named[name] {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return gone
}

// markAll looks at every object once, when what is not named becomes unwanted.
func (t *Table) markAll() {
	for _, o := range t.objects {
		t.mark(o)
	}
	for _, s := range t.services {
		t.mark(s.object)
		for _, d := range s.dests {
			t.mark(d)
		}
	}
	t.pruneClaims()
}

// object returns the object with a key, making it if need be. Services and
// destinations have their own.
func (t *Table) object(k key) *object {
	o := t.objects[k]
	if o == nil {
		o = &object{key: k, want: lb.Absent}
		_, o.ours = t.owned[k.String()]
		t.objects[k] = o
	}
	return o
}

// wish says what is wanted of an object.
func (t *Table) wish(o *object, want lb.Want, attr any, deps ...*object) {
	if o.key.kind != kindDestination {
		o.deps = deps
	}
	if o.named && o.want == want && o.attr == attr {
		return
	}
	o.named, o.want, o.attr = true, want, attr
	t.adopt(o)
	t.calm(o)
	t.noteMissing(o)
	t.mark(o)
}

// drop says that nothing names an object any more.
func (t *Table) drop(o *object) {
	if !o.named {
		return
	}
	o.named, o.want, o.attr, o.announce = false, lb.Absent, nil, false
	t.calm(o)
	t.mark(o)
	t.forget(o)
}

// release says that nothing names an object any more, which stays as it is.
func (t *Table) release(o *object) {
	o.want, o.attr = lb.AsFound, nil
	t.calm(o)
	t.mark(o)
}

// forget lets go of an object that is neither wanted nor there.
func (t *Table) forget(o *object) {
	if o.named || o.there {
		return
	}
	o.phase = noPhase
	t.disown(o)
	switch o.key.kind {
	case kindAddr:
		delete(t.objects, o.key)
	case kindService:
		t.forgetService(t.services[o.key.svc])
	case kindDestination:
		if s := t.services[o.key.svc]; s != nil {
			delete(s.dests, o.key.addr)
			t.forgetService(s)
		}
	}
}

func (t *Table) forgetService(s *service) {
	if s == nil || len(s.users) > 0 || len(s.dests) > 0 || s.object.named || s.object.there {
		return
	}
	t.disown(s.object)
	delete(t.services, s.object.key.svc)
}
