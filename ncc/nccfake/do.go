package nccfake

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

// do carries out one operation as Linux would.
func (k *Kernel) do(op plan.Op) error {
	switch op := op.(type) {
	case plan.LoadModules:
		k.load(op.Names)
		return nil
	case plan.SetSysctl:
		if _, has := k.found.Sysctls[op.Name]; !has {
			return plan.ErrNoSysctl
		}
		k.found.Sysctls[op.Name] = op.Value
		return nil
	case plan.AddDummy, plan.AddVLAN, plan.DelLink, plan.SetMAC, plan.SetLink:
		return k.doLink(op)
	case plan.AddAddr, plan.DelAddr, plan.Announce:
		return k.doAddr(op)
	case plan.AddService:
		return k.putService(op.Service, true)
	case plan.SetService:
		return k.putService(op.Service, false)
	case plan.DelService:
		delete(k.found.Services, op.Key)
		return nil
	case plan.AddDestination:
		return k.putDestination(op.Service, op.Destination)
	case plan.SetDestination:
		return k.putDestination(op.Service, op.Destination)
	case plan.DelDestination:
		return k.delDestination(op.Service, op.Destination)
	}
	return fmt.Errorf("operation %T: %w", op, syscall.ENOSYS)
}

func (k *Kernel) load(names []string) {
	for _, name := range names {
		k.modules[name] = true
		if name == "ip_vs" {
			k.addSetting("net/ipv4/vs/conntrack", "0")
			k.addSetting("net/ipv4/vs/expire_nodest_conn", "0")
		}
	}
}

func (k *Kernel) doLink(op plan.Op) error {
	switch op := op.(type) {
	case plan.AddDummy:
		if !k.modules["dummy"] {
			return plan.ErrNoModule
		}
		k.addLink(plan.Link{Name: op.Link, Dummy: true, Up: true, Carrier: true, MAC: "02:00:00:00:00:01"})
		return nil
	case plan.AddVLAN:
		return k.addVLAN(op)
	case plan.DelLink:
		k.delLink(op.Link)
		return nil
	case plan.SetMAC:
		return k.editLink(op.Link, func(l *plan.Link) { l.MAC = op.MAC })
	case plan.SetLink:
		return k.setLink(op)
	}
	return nil
}

func (k *Kernel) addVLAN(op plan.AddVLAN) error {
	parent, has := k.found.Links[op.Parent]
	switch {
	case !k.modules["8021q"]:
		return plan.ErrNoModule
	case !has:
		return plan.ErrNoLink
	}
	k.addLink(plan.Link{Name: op.Link, Parent: op.Parent, VLAN: op.ID, MAC: parent.MAC})
	return nil
}

// addLink adds an interface if it is not there.
func (k *Kernel) addLink(l plan.Link) {
	if _, has := k.found.Links[l.Name]; !has {
		k.found.Links[l.Name] = l
		k.addSettings(l.Name)
	}
}

// delLink removes an interface with its addresses and settings.
func (k *Kernel) delLink(name string) {
	delete(k.found.Links, name)
	for key := range k.found.Addrs {
		if key.Link == name {
			delete(k.found.Addrs, key)
		}
	}
	for setting := range k.found.Sysctls {
		if strings.Contains(setting, "/conf/"+name+"/") {
			delete(k.found.Sysctls, setting)
			delete(k.defaults, setting)
		}
	}
}

// setLink raises or lowers an interface; VLANs on it follow.
func (k *Kernel) setLink(op plan.SetLink) error {
	l, has := k.found.Links[op.Link]
	if parent, isVLAN := k.found.Links[l.Parent]; has && isVLAN && op.Up && !parent.Up {
		return syscall.ENETDOWN
	}
	follow := func(l *plan.Link) { l.Up, l.Carrier = op.Up, op.Up }
	for name, other := range k.found.Links {
		if other.VLAN != 0 && other.Parent == op.Link {
			_ = k.editLink(name, follow)
		}
	}
	return k.editLink(op.Link, follow)
}

func (k *Kernel) editLink(name string, f func(*plan.Link)) error {
	l, has := k.found.Links[name]
	if !has {
		return plan.ErrNoLink
	}
	f(&l)
	k.found.Links[name] = l
	return nil
}

func (k *Kernel) doAddr(op plan.Op) error {
	switch op := op.(type) {
	case plan.AddAddr:
		if _, has := k.found.Links[op.Link]; !has {
			return plan.ErrNoLink
		}
		key := plan.AddrKey{Link: op.Link, Addr: op.Prefix.Addr()}
		if _, has := k.found.Addrs[key]; !has {
			k.found.Addrs[key] = plan.AddrState{
				Bits: op.Prefix.Bits(), Ours: true,
				Deprecated: op.Prefix.Addr().Is6() && !op.Node,
			}
		}
	case plan.DelAddr:
		key := plan.AddrKey{Link: op.Link, Addr: op.Prefix.Addr()}
		if k.found.Addrs[key].Bits == op.Prefix.Bits() {
			delete(k.found.Addrs, key)
		}
	case plan.Announce:
		return k.announce(op)
	}
	return nil
}

// announce needs what a packet socket needs.
func (k *Kernel) announce(op plan.Announce) error {
	l, has := k.found.Links[op.Link]
	switch {
	case !has:
		return plan.ErrNoLink
	case !l.Up:
		return syscall.ENETDOWN
	}
	return nil
}

func (k *Kernel) putService(s lb.Service, make bool) error {
	old, has := k.found.Services[s.Key]
	switch {
	case !k.modules["ip_vs"]:
		return fmt.Errorf("ip_vs: %w", plan.ErrNoModule)
	case !k.modules["ip_vs_"+s.Scheduler]:
		return fmt.Errorf("ip_vs_%s: %w", s.Scheduler, plan.ErrNoModule)
	case has && make:
		return nil
	case !has && !make:
		return errNoService
	}
	s.Want, s.Destinations = lb.Present, old.Destinations
	k.found.Services[s.Key] = s
	return nil
}

func (k *Kernel) putDestination(key lb.ServiceKey, d lb.Destination) error {
	s, has := k.found.Services[key]
	if !has {
		return errNoService
	}
	d.Want = lb.Present
	i, found := slices.BinarySearchFunc(s.Destinations, d.Key(), compareDestination)
	s.Destinations = slices.Clone(s.Destinations)
	if found {
		s.Destinations[i] = d
	} else {
		s.Destinations = slices.Insert(s.Destinations, i, d)
	}
	k.found.Services[key] = s
	return nil
}

func (k *Kernel) delDestination(key lb.ServiceKey, dest netip.AddrPort) error {
	s, has := k.found.Services[key]
	if !has {
		return nil
	}
	i, found := slices.BinarySearchFunc(s.Destinations, dest, compareDestination)
	if found {
		s.Destinations = slices.Delete(slices.Clone(s.Destinations), i, i+1)
		k.found.Services[key] = s
	}
	return nil
}

func compareDestination(d lb.Destination, key netip.AddrPort) int { return d.Key().Compare(key) }

// addSettings gives an interface the settings that Linux gives it.
func (k *Kernel) addSettings(link string) {
	for _, name := range [...]string{"accept_local", "arp_announce", "arp_filter", "arp_ignore", "rp_filter"} {
		k.addSetting("net/ipv4/conf/"+link+"/"+name, "0")
	}
	k.addSetting("net/ipv6/conf/"+link+"/keep_addr_on_down", "0")
	k.addSetting("net/ipv6/conf/"+link+"/accept_dad", "1")
}

func (k *Kernel) addSetting(name, value string) {
	if _, has := k.defaults[name]; !has {
		k.defaults[name] = value
		k.found.Sysctls[name] = value
	}
}
