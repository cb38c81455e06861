package plan

import (
	"maps"
	"slices"

	"seesaw/internal/lb"
)

// Owned is what the ownership record says: a name for each thing that is ours,
// with a note. Objects of the kernel bear no owner; without the record those
// of a restarted ncc could not be told from an operator's.
type Owned map[string]string

// Claim is a change to the ownership record.
type Claim struct {
	Name, Note string
	Drop       bool
}

// Claims that are no objects. Raised means that we raised the LB interface;
// its note is empty. Lease means that it goes down when the engine falls
// silent; its note is the node interface.
const (
	claimRaised = "raised "
	claimLease  = "lease "
)

func (t *Table) claim(name, note string) {
	if _, has := t.owned[name]; has {
		return
	}
	t.owned[name] = note
	t.claims = append(t.claims, Claim{Name: name, Note: note})
}

func (t *Table) unclaim(name string) {
	if _, has := t.owned[name]; has {
		delete(t.owned, name)
		t.claims = append(t.claims, Claim{Name: name, Drop: true})
	}
}

// TakeClaims returns the changes to the ownership record since the last call.
// They must be on record before the operations of the last Next are carried
// out.
func (t *Table) TakeClaims() []Claim {
	c := t.claims
	t.claims = nil
	return c
}

// Owned returns the whole ownership record.
func (t *Table) Owned() Owned { return maps.Clone(t.owned) }

// TakeAdopted returns what was found, wanted and not yet ours since the last
// call, sorted. It is ours from now on.
func (t *Table) TakeAdopted() []string {
	a := t.adopted
	t.adopted = nil
	slices.Sort(a)
	return a
}

// own records that an object is about to be ours.
func (t *Table) own(o *object) {
	switch o.key.kind {
	case kindLink, kindAddr, kindService:
		o.ours = true
		t.claim(o.key.String(), "")
	}
}

// adopt makes an object ours that was found and is named. An interface is
// never adopted: it would be removed when it is no longer wanted.
func (t *Table) adopt(o *object) {
	if !o.there || !o.named || o.ours || (o.key.kind != kindAddr && o.key.kind != kindService) {
		return
	}
	t.own(o)
	t.adopted = append(t.adopted, o.key.String())
}

// disown forgets that an object was ours, once it is gone.
func (t *Table) disown(o *object) {
	if o.ours {
		o.ours = false
		t.unclaim(o.key.String())
	}
}

// pruneClaims forgets what was ours when the record was written and is neither
// there nor wanted now.
func (t *Table) pruneClaims() {
	known := map[string]bool{claimRaised + t.node.LBInterface: true, claimLease + t.node.LBInterface: true}
	for k, o := range t.objects {
		known[k.String()] = o.ours || k.kind == kindSysctl
	}
	for _, s := range t.services {
		known[s.object.key.String()] = s.object.ours
	}
	for name := range t.owned {
		if !known[name] {
			t.unclaim(name)
		}
	}
}

// Foreign returns the keys of the IPVS services that are neither ours nor
// wanted, sorted. They are never touched.
func (t *Table) Foreign() []lb.ServiceKey {
	var keys []lb.ServiceKey
	for k, s := range t.services {
		if s.object.there && !s.object.ours && !s.object.named {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, lb.ServiceKey.Compare)
	return keys
}
