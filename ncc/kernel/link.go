package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

// dumpTries is how often a dump is begun again because the table changed under
// it. On a host whose links never stop changing the last one has to do.
const dumpTries = 4

// linkByName looks a link up by its name; a name that the kernel does not have
// is plan.ErrNoLink.
func (k *Kernel) linkByName(name string) (netlink.Link, error) {
	l, err := k.links.LinkByName(name)
	var missing netlink.LinkNotFoundError
	switch {
	case err == nil:
		return l, nil
	case errors.As(err, &missing), errors.Is(err, unix.ENODEV):
		return nil, plan.ErrNoLink
	}
	return nil, err
}

// readLinks returns every link, and their names by index.
func (k *Kernel) readLinks() (map[string]plan.Link, map[int]string, error) {
	all, err := dump(k.links.LinkList)
	if err != nil {
		return nil, nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := make(map[int]string, len(all))
	for _, l := range all {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	links := make(map[string]plan.Link, len(all))
	for _, l := range all {
		a := l.Attrs()
		link := plan.Link{
			Name:    a.Name,
			Up:      a.RawFlags&unix.IFF_UP != 0,
			Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
			MAC:     a.HardwareAddr.String(),
			Dummy:   l.Type() == "dummy",
		}
		if v, ok := l.(*netlink.Vlan); ok {
			link.VLAN = uint16(v.VlanId)
			link.Parent = names[a.ParentIndex]
		}
		links[a.Name] = link
	}
	return links, names, nil
}

// dump begins again when the kernel says that the table changed meanwhile.
func dump[T any](list func() ([]T, error)) (all []T, err error) {
	for range dumpTries {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return all, nil
}

// addDummy makes a dummy interface and raises it.
func (k *Kernel) addDummy(name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	err := k.links.LinkAdd(&netlink.Dummy{LinkAttrs: attrs})
	switch {
	case errors.Is(err, unix.EEXIST):
		l, err := k.linkByName(name)
		if err != nil {
			return err
		}
		if l.Type() != "dummy" {
			return fmt.Errorf("there is an interface of that name already, of type %s (rename it or remove it)", l.Type())
		}
	case errors.Is(err, unix.EOPNOTSUPP):
		return noModules([]string{"dummy"}, "")
	case err != nil:
		return err
	}
	return k.setLink(name, true)
}

// addVLAN makes a tagged interface; it stays down.
func (k *Kernel) addVLAN(o plan.AddVLAN) error {
	parent, err := k.linkByName(o.Parent)
	if err != nil {
		return fmt.Errorf("parent %s: %w", o.Parent, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = o.Link
	attrs.ParentIndex = parent.Attrs().Index
	err = k.links.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: int(o.ID), VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
	switch {
	case errors.Is(err, unix.EEXIST):
		return k.sameVLAN(o, parent.Attrs().Index)
	case errors.Is(err, unix.EOPNOTSUPP):
		return noModules([]string{"8021q"}, "")
	}
	return err
}

// sameVLAN says whether what is in the way of a new VLAN interface is that
// interface itself: the kernel refuses a name that is taken and an id that its
// parent has already.
func (k *Kernel) sameVLAN(o plan.AddVLAN, parent int) error {
	l, err := k.linkByName(o.Link)
	if errors.Is(err, plan.ErrNoLink) {
		return fmt.Errorf("%s has another interface with VLAN id %d already (remove it)", o.Parent, o.ID)
	}
	if err != nil {
		return err
	}
	if v, ok := l.(*netlink.Vlan); ok && v.VlanId == int(o.ID) && v.ParentIndex == parent {
		return nil
	}
	return fmt.Errorf("there is an interface of that name already, of type %s (rename it or remove it)", l.Type())
}

func (k *Kernel) delLink(name string) error {
	l, err := k.linkByName(name)
	if errors.Is(err, plan.ErrNoLink) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := k.links.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}

func (k *Kernel) setMAC(name, mac string) error {
	want, err := net.ParseMAC(mac)
	if err != nil {
		return fmt.Errorf("%q is not a hardware address", mac)
	}
	l, err := k.linkByName(name)
	if err != nil {
		return err
	}
	if bytes.Equal(l.Attrs().HardwareAddr, want) {
		return nil
	}
	return k.changeMAC(l, func() error { return k.links.LinkSetHardwareAddr(l, want) })
}

// changeMAC changes the hardware address on the fly where the driver can, and
// otherwise (EBUSY, eth_prepare_mac_addr_change of net/ethernet/eth.c) lowers
// the link for the moment that it takes. The kernel then forgets the routes
// through the link, as for any link that goes down.
func (k *Kernel) changeMAC(l netlink.Link, change func() error) error {
	err := change()
	if !errors.Is(err, unix.EBUSY) || l.Attrs().RawFlags&unix.IFF_UP == 0 {
		return err
	}
	k.log.Info("the driver changes no hardware address of a raised interface: lowering it for that", "interface", l.Attrs().Name)
	if err = k.lower(l); err == nil {
		err = change()
	}
	return errors.Join(err, k.links.LinkSetUp(l))
}

// setLink raises or lowers a link.
func (k *Kernel) setLink(name string, up bool) error {
	l, err := k.linkByName(name)
	if err != nil {
		return err
	}
	switch raised := l.Attrs().RawFlags&unix.IFF_UP != 0; {
	case raised == up:
		return nil
	case up:
		return k.links.LinkSetUp(l)
	}
	return k.lower(l)
}

// lower takes a link down and keeps its IPv6 addresses, which the kernel
// removes unless it is told not to. VLANs on the link go down with it and count
// as well. A host on which the setting is missing, or overruled for all links,
// gets the addresses back one by one.
func (k *Kernel) lower(l netlink.Link) error {
	affected, err := k.withVLANs(l.Attrs())
	if err != nil {
		return err
	}
	before, err := k.listAddrs(unix.AF_INET6)
	if err != nil {
		return err
	}
	for _, name := range affected {
		keep := linkSetting("ipv6", name, "keep_addr_on_down")
		err := k.inside(func() error { return writeSysctl(keep, "1") })
		if err != nil && !errors.Is(err, plan.ErrNoSysctl) {
			k.log.Warn("cannot tell the kernel to keep IPv6 addresses: putting them back by hand", "interface", name, "err", err)
		}
	}
	if err := k.links.LinkSetDown(l); err != nil {
		return err
	}
	after, err := k.listAddrs(unix.AF_INET6)
	if err != nil {
		return err
	}
	return k.restore(affected, before, after)
}

// withVLANs returns a link and the VLANs on it, names by index.
func (k *Kernel) withVLANs(a *netlink.LinkAttrs) (map[int]string, error) {
	all, err := dump(k.links.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := map[int]string{a.Index: a.Name}
	for _, l := range all {
		if v := l.Attrs(); l.Type() == "vlan" && v.ParentIndex == a.Index {
			names[v.Index] = v.Name
		}
	}
	return names, nil
}

// restore adds the lasting global IPv6 addresses of the affected links that are
// in before and not in after.
func (k *Kernel) restore(affected map[int]string, before, after []address) error {
	kept := make(map[address]bool, len(after))
	for _, a := range after {
		kept[a.identity()] = true
	}
	var problems []error
	for _, a := range before {
		if affected[a.index] == "" || !a.lasting() || kept[a.identity()] {
			continue
		}
		if err := k.requestAddr(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, a); err != nil {
			problems = append(problems, fmt.Errorf("put back %v on %s: %w", a.prefix, affected[a.index], err))
		}
	}
	return errors.Join(problems...)
}
