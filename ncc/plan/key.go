package plan

import (
	"cmp"
	"fmt"
	"net/netip"

	"seesaw/internal/lb"
)

// kind says what sort of thing an object is.
type kind uint8

const (
	kindModule      kind = 1 + iota // a kernel module
	kindLink                        // an interface's existence
	kindSysctl                      // a setting below /proc/sys
	kindMAC                         // an interface's hardware address
	kindUp                          // an interface's administrative state
	kindAddr                        // an address on an interface
	kindService                     // an IPVS service
	kindDestination                 // an IPVS destination
)

// key identifies one object of the host.
type key struct {
	kind kind
	// name is the module, setting or interface; of an address its interface.
	name string
	svc  lb.ServiceKey
	// addr is an address (port zero) or a destination.
	addr netip.AddrPort
}

func addrKey(link string, a netip.Addr) key {
	return key{kind: kindAddr, name: link, addr: netip.AddrPortFrom(a, 0)}
}

// String names the object to an operator and, being unique, in the ownership
// record.
func (k key) String() string {
	switch k.kind {
	case kindModule:
		return "kernel module " + k.name
	case kindLink:
		return "interface " + k.name
	case kindSysctl:
		return "sysctl " + k.name
	case kindMAC:
		return "MAC of " + k.name
	case kindUp:
		return "state of " + k.name
	case kindAddr:
		return fmt.Sprintf("address %v on %s", k.addr.Addr(), k.name)
	case kindService:
		return fmt.Sprintf("service %v", k.svc)
	}
	return fmt.Sprintf("destination %v of %v", k.addr, k.svc)
}

// compare gives operations of one phase their order.
func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.kind, o.kind), cmp.Compare(k.name, o.name), k.svc.Compare(o.svc), k.addr.Compare(o.addr))
}
