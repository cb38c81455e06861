package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"seesaw/internal/lb"
)

// maxLinkName is the longest name of an interface (IFNAMSIZ less its zero).
const maxLinkName = 15

// isShared is true if the LB interface is the node interface: it then keeps
// its MAC and is never lowered.
func (n node) isShared() bool { return n.LBInterface == n.NodeInterface }

// link is what should become of the LB interface: down if the engine is silent
// and another node could take over.
func (n node) link() lb.Want {
	if n.silent && n.Peer {
		return lb.Absent
	}
	return n.Link
}

// takeNode takes in the node part of an update and returns true if it has
// changed in a way that matters to its objects.
func (t *Table) takeNode(n lb.Node) bool {
	old := t.node
	t.node.Node, t.node.silent = n, false
	if old.LBInterface != n.LBInterface {
		t.unclaim(claimRaised + old.LBInterface)
		t.unclaim(claimLease + old.LBInterface)
		t.announcing = announcing{}
	}
	for _, a := range slices.Concat(n.Addrs, n.ClusterVIPs) {
		t.node.ipv6 = t.node.ipv6 || a.Is6()
	}
	if !slices.Equal(old.ClusterVIPs, n.ClusterVIPs) || !slices.Equal(old.Probes, n.Probes) {
		t.gen++
		t.putVserver(nodeVserver(n))
	}
	return old.silent || old.NodeInterface != n.NodeInterface || old.LBInterface != n.LBInterface ||
		old.VRID != n.VRID || old.VirtualMAC != n.VirtualMAC || old.Link != n.Link || old.Peer != n.Peer ||
		!slices.Equal(old.Addrs, n.Addrs) || !slices.Equal(old.VLANs, n.VLANs)
}

// nodeVserver is what the node wants of the kinds that vservers want as well.
func nodeVserver(n lb.Node) lb.Vserver {
	v := lb.Vserver{Name: nodeUser}
	for _, a := range n.ClusterVIPs {
		v.VIPs = append(v.VIPs, lb.VIP{Addr: a, Kind: lb.Unicast, Want: lb.Present})
	}
	for _, p := range n.Probes {
		v.Services = append(v.Services, lb.Service{
			Key:          lb.ServiceKey{Family: lb.FamilyOf(p.Backend), Mark: p.Mark},
			Scheduler:    "rr",
			Want:         lb.Present,
			Destinations: []lb.Destination{{Addr: p.Backend, Mode: p.Mode, Weight: 1, Want: lb.Present}},
		})
	}
	return v
}

// syncNode names all objects of the node part and lets go of those that it
// named before and names no longer.
func (t *Table) syncNode() {
	old := t.nodeObjects
	t.nodeObjects = nil
	t.gen++
	n := t.node
	t.nameVLANs()

	ipvs := t.module("ip_vs")
	t.nodeWish(ipvs, lb.Present, nil)
	t.nodeSysctl("net/ipv4/ip_forward", "1", nil)
	t.nodeSysctl("net/ipv4/vs/expire_nodest_conn", "1", ipvs)
	if n.nat {
		t.nodeWish(t.module("nf_conntrack"), lb.Present, nil)
		t.nodeSysctl("net/ipv4/vs/conntrack", "1", ipvs)
	}
	t.interfaceSysctls("all", nil)
	for _, name := range []string{n.NodeInterface, n.LBInterface} {
		if name != "" {
			link := t.object(key{kind: kindLink, name: name})
			t.nodeWish(link, lb.AsFound, nil)
			t.interfaceSysctls(name, link)
		}
	}
	if n.LBInterface != "" {
		t.syncLB()
	}
	for _, o := range old {
		if o.gen != t.gen {
			t.letGo(o)
		}
	}
	t.syncLease()
	for _, p := range t.vips {
		t.dirtyVIPs[p] = true
	}
}

// letGo is for an object that the node part no longer names: what we made
// goes, what belongs to the host stays as it is.
func (t *Table) letGo(o *object) {
	_, isVLAN := o.attr.(linkAttr)
	if o.key.kind == kindAddr || isVLAN {
		t.drop(o)
		return
	}
	t.release(o)
}

// nodeWish is wish for an object of the node part.
func (t *Table) nodeWish(o *object, want lb.Want, attr any, deps ...*object) {
	if o.gen != t.gen {
		o.gen = t.gen
		t.nodeObjects = append(t.nodeObjects, o)
	}
	t.wish(o, want, attr, deps...)
}

// syncLB names the LB interface's state and MAC, and the VLANs on it.
func (t *Table) syncLB() {
	n := t.node
	lbLink := t.object(key{kind: kindLink, name: n.LBInterface})
	if n.VirtualMAC && !n.isShared() {
		mac := fmt.Sprintf("00:00:5e:00:01:%02x", n.VRID)
		t.nodeWish(t.object(key{kind: kindMAC, name: n.LBInterface}), lb.Present, mac, lbLink)
	}
	t.wishUp(n.LBInterface, lbLink)
	for _, v := range n.VLANs {
		name := t.vlanNames[v.ID]
		link := t.object(key{kind: kindLink, name: name})
		attr := linkAttr{parent: n.LBInterface, vlan: v.ID}
		t.nodeWish(link, lb.Present, attr, t.module("8021q"), lbLink)
		t.nodeWish(t.module("8021q"), lb.Present, nil)
		t.interfaceSysctls(name, link)
		for _, f := range lb.Families() {
			if p := v.Host.Prefix(f); p.IsValid() {
				t.nodeWish(t.object(addrKey(name, p.Addr())), lb.Present, p.Bits(), link)
			}
		}
		t.wishUp(name, link)
	}
}

// wishUp names the state of the LB interface or of a VLAN on it.
func (t *Table) wishUp(name string, link *object) {
	o := t.object(key{kind: kindUp, name: name})
	switch want := t.node.link(); {
	case want == lb.Present:
		t.nodeWish(o, lb.Present, true, link)
	case want == lb.Absent && name != t.node.NodeInterface:
		t.nodeWish(o, lb.Present, false, link)
	default:
		t.nodeWish(o, lb.AsFound, nil, link)
	}
}

// interfaceSysctls are the settings of one interface: it answers and speaks
// for its own addresses only, hears backends that answer from a VIP, and keeps
// its IPv6 addresses while it is down.
func (t *Table) interfaceSysctls(name string, link *object) {
	v4 := "net/ipv4/conf/" + name + "/"
	t.nodeSysctl(v4+"arp_filter", "0", link)
	t.nodeSysctl(v4+"arp_ignore", "1", link)
	t.nodeSysctl(v4+"arp_announce", "2", link)
	t.nodeSysctl(v4+"rp_filter", "2", link)
	if link == nil {
		return
	}
	t.nodeSysctl(v4+"accept_local", "1", link)
	if t.node.ipv6 && name != t.node.NodeInterface {
		t.nodeSysctl("net/ipv6/conf/"+name+"/keep_addr_on_down", "1", link)
		t.nodeSysctl("net/ipv6/conf/"+name+"/accept_dad", "0", link)
	}
}

func (t *Table) nodeSysctl(name, value string, dep *object) {
	o := t.object(key{kind: kindSysctl, name: name})
	if dep == nil {
		t.nodeWish(o, lb.Present, value)
		return
	}
	t.nodeWish(o, lb.Present, value, dep)
}

// module returns the object of a kernel module, which is wanted once it has
// been named.
func (t *Table) module(name string) *object {
	o := t.object(key{kind: kindModule, name: name})
	t.wish(o, lb.Present, nil)
	return o
}

// wishDummy names our own interface. It stays once it has been made.
func (t *Table) wishDummy() {
	link := t.object(key{kind: kindLink, name: DummyName})
	t.wish(link, lb.Present, linkAttr{dummy: true}, t.module("dummy"))
	t.wish(t.object(key{kind: kindUp, name: DummyName}), lb.Present, true, link)
}

// place returns the interface on which a VIP lives, or the reason why it
// cannot live anywhere.
func (t *Table) place(p *vip) (link, refused string) {
	first := p.users[0]
	if !p.addr.IsValid() {
		return "", "this is not an address"
	}
	if t.isOwnAddr(p.addr) {
		return "", "this is the node's own address: give the vserver another one"
	}
	if first.wish.Kind == lb.Dedicated || first.wish.Kind == lb.Anycast {
		return DummyName, ""
	}
	if t.node.LBInterface == "" {
		return "", "no LB interface is configured (lb in seesaw.cfg, section [interface])"
	}
	if first.name == nodeUser {
		return t.node.LBInterface, ""
	}
	for _, v := range t.node.VLANs {
		if n := v.Host.Prefix(lb.FamilyOf(p.addr)); n.IsValid() && n.Contains(p.addr) {
			return t.vlanNames[v.ID], ""
		}
	}
	return t.node.LBInterface, ""
}

// isOwnAddr guards the addresses by which this node itself is reached.
func (t *Table) isOwnAddr(a netip.Addr) bool {
	return slices.Contains(t.node.Addrs, a) || slices.ContainsFunc(t.node.VLANs, func(v lb.VLAN) bool {
		return v.Host.Addr(lb.FamilyOf(a)) == a
	})
}

// nameVLANs gives each VLAN on the LB interface its name: that of the one which
// is there, whoever named it, else <lb>.<id> with the former cut to fit.
func (t *Table) nameVLANs() {
	t.vlanNames = make(map[uint16]string, len(t.node.VLANs))
	for _, v := range t.node.VLANs {
		tail := fmt.Sprintf(".%d", v.ID)
		name := t.node.LBInterface
		t.vlanNames[v.ID] = name[:min(len(name), maxLinkName-len(tail))] + tail
	}
	for k, o := range t.objects {
		has, isLink := o.has.(linkAttr)
		if _, isWanted := t.vlanNames[has.vlan]; isLink && isWanted && has.parent == t.node.LBInterface {
			t.vlanNames[has.vlan] = k.name
		}
	}
}
