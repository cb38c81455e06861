package ipvs

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Service is a virtual service. It is found by its [ServiceKey]: either
// Address, Protocol and Port, or Family and FWMark; the other fields may be
// left zero where only the key matters (deleting, listing destinations).
type Service struct {
	// Family needs setting for IPv6 firewall-mark services only. It follows
	// the address of other services; a mark with no family is IPv4's.
	Family Family
	// Address is the virtual address; the zero Addr for a firewall-mark service.
	Address  netip.Addr
	Protocol Protocol
	// Port 0 takes every port; the kernel then demands FlagPersistent.
	Port uint16
	// FWMark, when not 0, selects packets by firewall mark instead of by
	// address, protocol and port.
	FWMark uint32

	// Scheduler is the kernel's name of it ("rr", "wlc", "mh", ...), at most 15 bytes.
	Scheduler string
	Flags     ServiceFlags
	// Timeout is how long a client stays with its destination when
	// FlagPersistent is set. Whole seconds; a fraction is rounded up.
	Timeout time.Duration
	// Netmask says which clients count as one for persistence; zero means each
	// address by itself.
	Netmask Netmask
	// PEName is the persistence engine ("sip"), at most 15 bytes; empty for none.
	PEName string

	// Stats is filled by the kernel and ignored when sent.
	Stats Stats
}

// ServiceKey is what the kernel finds a service by. It is comparable; get it
// from [Service.Key], which puts it in its one form.
type ServiceKey struct {
	Family   Family
	Address  netip.Addr
	Protocol Protocol
	Port     uint16
	FWMark   uint32
}

// Key returns the identity of s with the family filled in, IPv4-mapped
// addresses unmapped, and a firewall-mark service reduced to family and mark.
func (s Service) Key() ServiceKey {
	if s.FWMark != 0 {
		f := s.Family
		if f == 0 && s.Address.IsValid() {
			f = familyOf(s.Address)
		}
		if f == 0 {
			f = IPv4
		}
		return ServiceKey{Family: f, FWMark: s.FWMark}
	}
	k := ServiceKey{Family: s.Family, Address: s.Address.Unmap(), Protocol: s.Protocol, Port: s.Port}
	if k.Address.IsValid() {
		k.Family = familyOf(k.Address)
	}
	return k
}

// String returns "192.0.2.1:80/TCP", "[2001:db8::1]:80/TCP" or "FWM 7 (IPv4)".
func (k ServiceKey) String() string {
	if k.FWMark != 0 {
		return fmt.Sprintf("FWM %d (%s)", k.FWMark, k.Family)
	}
	return fmt.Sprintf("%s/%s", hostPort(k.Address, k.Port), k.Protocol)
}

// Equal reports whether the kernel would hold the same for s and o. Counters
// and FlagHashed, which the kernel adds, do not count.
func (s Service) Equal(o Service) bool {
	return s.Key() == o.Key() &&
		s.Scheduler == o.Scheduler &&
		s.Flags&^FlagHashed == o.Flags&^FlagHashed &&
		seconds(s.Timeout) == seconds(o.Timeout) &&
		s.Netmask == o.Netmask &&
		s.PEName == o.PEName
}

// String describes s on one line: "192.0.2.1:80/TCP wlc persistent 5m0s/24".
func (s Service) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Key(), s.Scheduler)
	if s.Flags&FlagPersistent != 0 {
		fmt.Fprintf(&b, " persistent %s/%s", s.Timeout, s.Netmask.text(s.Key().Family))
	}
	if rest := s.Flags &^ (FlagPersistent | FlagHashed); rest != 0 {
		b.WriteString(" " + rest.namesFor(s.Scheduler))
	}
	if s.PEName != "" {
		b.WriteString(" pe " + s.PEName)
	}
	return b.String()
}

// hostPort is netip.AddrPort's text form that also shows a missing address.
func hostPort(a netip.Addr, port uint16) string {
	if !a.IsValid() {
		return fmt.Sprintf("(no address):%d", port)
	}
	return netip.AddrPortFrom(a.Unmap(), port).String()
}

// seconds rounds d up to whole seconds.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}
