package plan

import (
	"fmt"
	"net/netip"

	"seesaw/internal/lb"
)

// An Op is one change to one object of the host. Every Op is safe to repeat:
// making what is there or removing what is gone is success.
type Op interface {
	// String says what is done to which object, for logs and error texts: "add
	// destination 10.0.0.7:80 to 192.0.2.1:80/TCP".
	String() string
	op()
}

type (
	// LoadModules makes sure that the named kernel modules are there, loading
	// those that are neither built in nor loaded.
	LoadModules struct{ Names []string }
	// SetSysctl writes a value below /proc/sys. Name uses slashes
	// (net/ipv4/conf/eth0.100/arp_ignore). A setting that the kernel lacks is an
	// error that wraps ErrNoSysctl.
	SetSysctl struct{ Name, Value string }
	// AddDummy makes our dummy interface and raises it.
	AddDummy struct{ Link string }
	// AddVLAN makes a tagged interface on Parent.
	AddVLAN struct {
		Link, Parent string
		ID           uint16
	}
	// DelLink removes an interface that we made.
	DelLink struct{ Link string }
	// SetMAC changes the hardware address of a link.
	SetMAC struct{ Link, MAC string }
	// SetLink raises or lowers a link. Lowering keeps its IPv6 addresses.
	SetLink struct {
		Link string
		Up   bool
	}
	// AddAddr adds an address with our protocol number, without a prefix route
	// and, for IPv6, without duplicate address detection and deprecated.
	// Node marks this node's own address in a VLAN: that one keeps its prefix
	// route, by which the VLAN's backends are reached, and is not deprecated.
	AddAddr struct {
		Link   string
		Prefix netip.Prefix
		Node   bool
	}
	// DelAddr removes an address.
	DelAddr struct {
		Link   string
		Prefix netip.Prefix
	}
	// Announce tells the neighbours on a link that an address is here: gratuitous
	// ARP in request and reply form, or an unsolicited neighbour advertisement.
	Announce struct {
		Link string
		Addr netip.Addr
	}

	// AddService makes an IPVS service without destinations.
	AddService struct{ Service lb.Service }
	// SetService changes all that can be changed of an IPVS service.
	SetService struct{ Service lb.Service }
	// DelService removes an IPVS service with its destinations.
	DelService struct{ Key lb.ServiceKey }
	// AddDestination adds a destination to an IPVS service.
	AddDestination struct {
		Service     lb.ServiceKey
		Destination lb.Destination
	}
	// SetDestination changes all that can be changed of a destination.
	SetDestination struct {
		Service     lb.ServiceKey
		Destination lb.Destination
	}
	// DelDestination removes a destination.
	DelDestination struct {
		Service     lb.ServiceKey
		Destination netip.AddrPort
	}
)

func (LoadModules) op()    {}
func (SetSysctl) op()      {}
func (AddDummy) op()       {}
func (AddVLAN) op()        {}
func (DelLink) op()        {}
func (SetMAC) op()         {}
func (SetLink) op()        {}
func (AddAddr) op()        {}
func (DelAddr) op()        {}
func (Announce) op()       {}
func (AddService) op()     {}
func (SetService) op()     {}
func (DelService) op()     {}
func (AddDestination) op() {}
func (SetDestination) op() {}
func (DelDestination) op() {}

func (o LoadModules) String() string { return fmt.Sprintf("load kernel modules %v", o.Names) }
func (o SetSysctl) String() string   { return fmt.Sprintf("set sysctl %s to %s", o.Name, o.Value) }
func (o AddDummy) String() string    { return fmt.Sprintf("add dummy interface %s", o.Link) }
func (o AddVLAN) String() string {
	return fmt.Sprintf("add VLAN interface %s (id %d) on %s", o.Link, o.ID, o.Parent)
}
func (o DelLink) String() string { return fmt.Sprintf("remove interface %s", o.Link) }
func (o SetMAC) String() string  { return fmt.Sprintf("set MAC of %s to %s", o.Link, o.MAC) }
func (o SetLink) String() string {
	if o.Up {
		return fmt.Sprintf("raise interface %s", o.Link)
	}
	return fmt.Sprintf("lower interface %s", o.Link)
}
func (o AddAddr) String() string  { return fmt.Sprintf("add address %v to %s", o.Prefix, o.Link) }
func (o DelAddr) String() string  { return fmt.Sprintf("remove address %v from %s", o.Prefix, o.Link) }
func (o Announce) String() string { return fmt.Sprintf("announce %v on %s", o.Addr, o.Link) }

func (o AddService) String() string { return fmt.Sprintf("add service %v", o.Service.Key) }
func (o SetService) String() string { return fmt.Sprintf("change service %v", o.Service.Key) }
func (o DelService) String() string { return fmt.Sprintf("remove service %v", o.Key) }
func (o AddDestination) String() string {
	return fmt.Sprintf("add destination %v to %v", o.Destination.Key(), o.Service)
}
func (o SetDestination) String() string {
	return fmt.Sprintf("change destination %v of %v", o.Destination.Key(), o.Service)
}
func (o DelDestination) String() string {
	return fmt.Sprintf("remove destination %v from %v", o.Destination, o.Service)
}
