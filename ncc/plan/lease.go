package plan

import (
	"strings"

	"seesaw/internal/lb"
)

// Expire takes in that the engine has been silent for the time of its lease.
// Where another node could take over, the LB interface goes down, and what was
// wanted of it holds again from the next Apply on. It returns true if that
// changes anything.
func (t *Table) Expire() bool {
	if !t.CanExpire() {
		return false
	}
	t.node.silent = true
	for _, name := range append(t.vlansByName(), t.node.LBInterface) {
		t.wishUp(name, t.object(key{kind: kindLink, name: name}))
	}
	if t.node.isShared() {
		for _, p := range t.vips {
			t.dirtyVIPs[p] = true
		}
		t.syncTouched()
	}
	t.syncLease()
	return true
}

// resumeLease makes the lease hold over a restart: before the engine has
// spoken, the ownership record says whether it is to be kept and for what.
func (t *Table) resumeLease() {
	for name, note := range t.owned {
		if link, isLease := strings.CutPrefix(name, claimLease); isLease {
			t.node.Node = lb.Node{LBInterface: link, NodeInterface: note, Peer: true}
		}
	}
}

// syncLease keeps on record what a restart must know: that there is a lease,
// and that this node has raised its LB interface.
func (t *Table) syncLease() {
	n := t.node
	if n.LBInterface == "" {
		return
	}
	if n.Peer {
		t.claim(claimLease+n.LBInterface, n.NodeInterface)
	} else {
		t.unclaim(claimLease + n.LBInterface)
	}
	switch want := n.link(); {
	case want == lb.Present:
		t.claim(claimRaised+n.LBInterface, "")
	case !t.isUp(n.LBInterface), want == lb.Absent && n.isShared():
		t.unclaimRaised()
	}
}

// unclaimRaised forgets that we raised the LB interface, once it is down and
// not wanted up.
func (t *Table) unclaimRaised() {
	if t.node.link() != lb.Present {
		t.unclaim(claimRaised + t.node.LBInterface)
	}
}

// hasRaised is true if the LB interface is up and it was us.
func (t *Table) hasRaised() bool {
	_, raised := t.owned[claimRaised+t.node.LBInterface]
	return raised && t.isUp(t.node.LBInterface)
}

// CanExpire is true while Expire would change something.
func (t *Table) CanExpire() bool {
	return !t.node.silent && t.node.Peer && t.node.LBInterface != ""
}
