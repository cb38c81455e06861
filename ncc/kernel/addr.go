package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

// ourProtocol marks the addresses that we made (IFA_PROTO, Linux 5.18 and
// later; older kernels ignore it, and then no address reads back as ours). It
// is VRRP's IP protocol number. The kernel itself uses 1 to 3
// (include/uapi/linux/if_addr.h).
const ourProtocol = 112

// ifaProto is IFA_PROTO of include/uapi/linux/if_addr.h, an u8.
const ifaProto = 11

// forever is an infinite lifetime (INFINITY_LIFE_TIME of net/addrconf.h).
const forever = 0xffffffff

// address is one address of a link as rtnetlink knows it. It is comparable.
type address struct {
	index     int
	prefix    netip.Prefix
	flags     uint32 // IFA_F_…
	scope     uint8
	protocol  uint8
	preferred uint32 // seconds
	valid     uint32
}

// identity is what tells two addresses apart to the kernel.
func (a address) identity() address { return address{index: a.index, prefix: a.prefix} }

// lasting is true for an address that somebody configured for good: neither
// link-local nor learnt from a router.
func (a address) lasting() bool {
	return a.flags&unix.IFA_F_PERMANENT != 0 && a.scope == unix.RT_SCOPE_UNIVERSE
}

// ourAddress is an address as AddAddr wants it. There is no duplicate address
// detection, which would keep an IPv6 VIP unusable for a second after each
// take-over. A VIP brings no route to its prefix, and an IPv6 one is deprecated
// from the start, so that the kernel never takes it for the source of a tunnel
// or a probe. The node's own address in a VLAN is an ordinary one.
func ourAddress(index int, o plan.AddAddr) address {
	a := address{
		index:     index,
		prefix:    o.Prefix,
		scope:     unix.RT_SCOPE_UNIVERSE,
		protocol:  ourProtocol,
		preferred: forever,
		valid:     forever,
	}
	if !o.Node {
		a.flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if o.Prefix.Addr().Is6() {
		a.flags |= unix.IFA_F_NODAD
		if !o.Node {
			a.preferred = 0
		}
	}
	return a
}

func (k *Kernel) addAddr(o plan.AddAddr) error {
	l, err := k.linkByName(o.Link)
	if err != nil {
		return err
	}
	want := ourAddress(l.Attrs().Index, o)
	err = k.requestAddr(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, want)
	if errors.Is(err, unix.EEXIST) {
		err = k.replaceAddr(want)
	}
	if o.Prefix.Addr().Is6() && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP)) {
		// EACCES is the kernel's word for disable_ipv6, so it must not be shown
		// as a missing capability.
		return fmt.Errorf("IPv6 is switched off there (sysctl net/ipv6/conf/%s/disable_ipv6, or kernel option ipv6.disable)", o.Link)
	}
	return err
}

// replaceAddr gives an address that is there our attributes. IPv6 has an
// address only once on a link, whatever its prefix length: one of another
// length is somebody else's, and to replace it would take its prefix route.
func (k *Kernel) replaceAddr(want address) error {
	all, err := k.listAddrs(unix.AF_UNSPEC)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.index == want.index && a.prefix.Addr() == want.prefix.Addr() && a.prefix != want.prefix && want.prefix.Addr().Is6() {
			return fmt.Errorf("the interface has it already as %v (remove that one)", a.prefix)
		}
	}
	return k.requestAddr(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, want)
}

func (k *Kernel) delAddr(name string, prefix netip.Prefix) error {
	l, err := k.linkByName(name)
	if errors.Is(err, plan.ErrNoLink) {
		return nil
	}
	if err != nil {
		return err
	}
	err = k.requestAddr(unix.RTM_DELADDR, 0, address{index: l.Attrs().Index, prefix: prefix})
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// requestAddr adds or removes an address. Package netlink knows no IFA_PROTO.
func (k *Kernel) requestAddr(kind, flags int, a address) error {
	req := k.request(kind, flags|unix.NLM_F_ACK)
	family := unix.AF_INET
	if a.prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	msg := nl.NewIfAddrmsg(family)
	msg.Prefixlen = uint8(a.prefix.Bits())
	msg.Scope = a.scope
	msg.Index = uint32(a.index)
	req.AddData(msg)
	ip := a.prefix.Addr().AsSlice()
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, ip))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, ip))
	if kind == unix.RTM_NEWADDR {
		life := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Prefered: a.preferred, Valid: a.valid}}
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(a.flags)))
		req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, life.Serialize()))
		if a.protocol != 0 {
			req.AddData(nl.NewRtAttr(ifaProto, nl.Uint8Attr(a.protocol)))
		}
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// request begins a message on our own rtnetlink socket.
func (k *Kernel) request(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = k.route
	return req
}

// readAddrs returns every address of the links in names.
func (k *Kernel) readAddrs(names map[int]string) (map[plan.AddrKey]plan.AddrState, error) {
	all, err := k.listAddrs(unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	addrs := make(map[plan.AddrKey]plan.AddrState, len(all))
	for _, a := range all {
		name, ok := names[a.index]
		if !ok {
			continue
		}
		key := plan.AddrKey{Link: name, Addr: a.prefix.Addr()}
		// IPv4 can have one address twice, with two prefix lengths. Ours is the
		// one that a plan has to know of.
		if had, ok := addrs[key]; ok && had.Ours {
			continue
		}
		addrs[key] = plan.AddrState{
			Bits:       a.prefix.Bits(),
			Deprecated: lb.FamilyOf(a.prefix.Addr()) == lb.IPv6 && a.flags&unix.IFA_F_DEPRECATED != 0,
			Ours:       a.protocol == ourProtocol,
		}
	}
	return addrs, nil
}

// listAddrs returns the addresses of a family on all links.
func (k *Kernel) listAddrs(family int) ([]address, error) {
	all, err := dump(func() ([]address, error) {
		req := k.request(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfAddrmsg(family))
		msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, err
		}
		list := make([]address, 0, len(msgs))
		for _, m := range msgs {
			if a, ok := decodeAddr(m); ok {
				list = append(list, a)
			}
		}
		return list, err
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return all, nil
}

// decodeAddr reads an RTM_NEWADDR message: struct ifaddrmsg, then attributes.
func decodeAddr(m []byte) (address, bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return address{}, false
	}
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return address{}, false
	}
	head := nl.DeserializeIfAddrmsg(m)
	a := address{index: int(head.Index), flags: uint32(head.Flags), scope: head.Scope}
	var ip, local netip.Addr
	for _, attr := range attrs {
		v := attr.Value
		switch {
		case attr.Attr.Type == unix.IFA_ADDRESS:
			ip, _ = netip.AddrFromSlice(v)
		case attr.Attr.Type == unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(v)
		case attr.Attr.Type == unix.IFA_FLAGS && len(v) >= 4:
			a.flags = binary.NativeEndian.Uint32(v)
		case attr.Attr.Type == unix.IFA_CACHEINFO && len(v) >= 8:
			a.preferred = binary.NativeEndian.Uint32(v)
			a.valid = binary.NativeEndian.Uint32(v[4:])
		case attr.Attr.Type == ifaProto && len(v) >= 1:
			a.protocol = v[0]
		}
	}
	// On a point-to-point link IFA_ADDRESS is the other end.
	if local.IsValid() {
		ip = local
	}
	a.prefix = netip.PrefixFrom(ip, int(head.Prefixlen))
	return a, a.prefix.IsValid()
}
