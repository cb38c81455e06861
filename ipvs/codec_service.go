package ipvs

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// invalid reports a value that cannot be sent; it is an EINVAL like the kernel's own.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), unix.EINVAL)
}

// appendServiceKey appends attrService with what identifies s only.
func appendServiceKey(b []byte, s Service) ([]byte, error) {
	k := s.Key()
	if err := k.check(); err != nil {
		return nil, err
	}
	return appendNested(b, attrService, k.appendTo), nil
}

// appendService appends attrService with all that can be set.
func appendService(b []byte, s Service) ([]byte, error) {
	k := s.Key()
	if err := k.check(); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return appendNested(b, attrService, func(b []byte) []byte {
		b = k.appendTo(b)
		b = appendString(b, svcSchedName, s.Scheduler)
		b = appendServiceFlags(b, s.Flags)
		b = appendU32(b, svcTimeout, uint32(seconds(s.Timeout)))
		b = appendNetmask(b, k.Family, s.Netmask)
		// The kernel drops the engine of a service that is set without one.
		if s.PEName != "" {
			b = appendString(b, svcPEName, s.PEName)
		}
		return b
	}), nil
}

func (k ServiceKey) check() error {
	if k.FWMark != 0 {
		if k.Family != IPv4 && k.Family != IPv6 {
			return invalid("firewall mark %d has %s", k.FWMark, k.Family)
		}
		return nil
	}
	if !k.Address.IsValid() {
		return invalid("no address and no firewall mark")
	}
	if k.Address.Zone() != "" {
		return invalid("address %s has a zone", k.Address)
	}
	if k.Protocol == 0 {
		return invalid("no protocol")
	}
	return nil
}

func (k ServiceKey) appendTo(b []byte) []byte {
	b = appendU16(b, svcAF, uint16(k.Family))
	if k.FWMark != 0 {
		return appendU32(b, svcFWMark, k.FWMark)
	}
	b = appendU16(b, svcProtocol, uint16(k.Protocol))
	b = appendAddr(b, svcAddr, k.Address)
	return appendPort(b, svcPort, k.Port)
}

func (s Service) check() error {
	if s.Scheduler == "" {
		return invalid("no scheduler")
	}
	if err := checkName("scheduler", s.Scheduler); err != nil {
		return err
	}
	if err := checkName("persistence engine", s.PEName); err != nil {
		return err
	}
	if s.Timeout < 0 || seconds(s.Timeout) > math.MaxUint32 {
		return invalid("timeout %s", s.Timeout)
	}
	if s.Key().Family == IPv6 && s.Netmask > 127 {
		return invalid("netmask %d is not an IPv6 one", s.Netmask)
	}
	return nil
}

func checkName(what, name string) error {
	if len(name) > maxNameLen || strings.ContainsRune(name, 0) {
		return invalid("%s %q is no name of at most %d bytes", what, name, maxNameLen)
	}
	return nil
}

// appendServiceFlags appends struct ip_vs_flags: the flags and which of them to
// change, here all. The kernel sets the hashed flag by itself.
func appendServiceFlags(b []byte, f ServiceFlags) []byte {
	var a [8]byte
	binary.NativeEndian.PutUint32(a[:], uint32(f&^FlagHashed))
	binary.NativeEndian.PutUint32(a[4:], math.MaxUint32)
	return appendAttr(b, svcFlags, a[:]...)
}

// appendAddr appends union nf_inet_addr: 16 bytes, of which IPv4 uses the first 4.
func appendAddr(b []byte, typ uint16, a netip.Addr) []byte {
	var raw [16]byte
	copy(raw[:], a.Unmap().AsSlice())
	return appendAttr(b, typ, raw[:]...)
}

// addr reads union nf_inet_addr. Which kind it is, only the family tells:
// 2001:db8:: and 32.1.13.184 look the same.
func (d *decoder) addr(what string, f Family, v []byte) netip.Addr {
	switch f {
	case IPv4:
		return netip.AddrFrom4([4]byte(d.sized(what, v, 4)))
	case IPv6:
		return netip.AddrFrom16([16]byte(d.sized(what, v, 16)))
	}
	d.fail("%s is of unknown %s", what, f)
	return netip.Addr{}
}

// decodeService reads the content of attrService.
func decodeService(b []byte) (Service, error) {
	var (
		d             decoder
		s             Service
		address, mask []byte
		stats         statsDecoder
	)
	for typ, v := range d.attrs(b) {
		switch typ {
		case svcAF:
			s.Family = Family(d.u16("service family", v))
		case svcProtocol:
			s.Protocol = Protocol(d.u16("service protocol", v))
		case svcAddr:
			address = v
		case svcPort:
			s.Port = d.port("service port", v)
		case svcFWMark:
			s.FWMark = d.u32("firewall mark", v)
		case svcSchedName:
			s.Scheduler = d.text(v)
		case svcFlags:
			s.Flags = ServiceFlags(d.u32("service flags", v))
		case svcTimeout:
			s.Timeout = time.Duration(d.u32("persistence timeout", v)) * time.Second
		case svcNetmask:
			mask = v
		case svcPEName:
			s.PEName = d.text(v)
		case svcStats, svcStats64:
			stats.read(&d, typ == svcStats64, v)
		}
	}
	if s.Family != IPv4 && s.Family != IPv6 {
		d.fail("service of unknown %s", s.Family)
	}
	switch {
	case s.FWMark != 0:
		// Identified by mark: whatever stands beside it says nothing.
		s.Protocol, s.Port = 0, 0
	case address == nil:
		d.fail("service without address and firewall mark")
	default:
		s.Address = d.addr("service address", s.Family, address)
	}
	if mask != nil {
		s.Netmask = d.netmask(s.Family, mask)
	}
	s.Stats = stats.Stats
	return s, d.err
}
