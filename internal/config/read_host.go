package config

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"seesaw/internal/lb"
	configpb "seesaw/proto/config"
)

// host reads a host, which must have a name and at least one address.
func (r *reader) host(at *place, raw *configpb.Host) lb.Host {
	if raw == nil {
		return lb.Host{} // missing, and reported as such
	}
	r.name(at, "fqdn", raw.GetFqdn())
	h := lb.Host{
		Name: raw.GetFqdn(),
		IPv4: r.address(at, "ipv4", raw.Ipv4, lb.IPv4),
		IPv6: r.address(at, "ipv6", raw.Ipv6, lb.IPv6),
	}
	if raw.Ipv4 == nil && raw.Ipv6 == nil {
		r.fault(at, "", nil, "no address: give ipv4, ipv6 or both")
	}
	return h
}

// address reads one address of a host, or none.
func (r *reader) address(at *place, field string, text *string, family lb.Family) netip.Prefix {
	if text == nil {
		return netip.Prefix{}
	}
	p, why := prefix(*text)
	switch a := p.Addr(); {
	case why != "":
	case lb.FamilyOf(a) != family:
		why = "it is " + lb.FamilyOf(a).String()
	case a.Is4In6():
		why = "it is IPv4 in IPv6 form"
	case a.IsUnspecified(), a.IsMulticast():
		why = "it is not the address of one host"
	case p.Bits() == 0:
		why = "a prefix length of 0 has every address in its network"
	default:
		return p
	}
	example := "192.0.2.10/24"
	if family == lb.IPv6 {
		example = "2001:db8::10/64"
	}
	r.fault(at, field, *text, "want an "+family.String()+" address such as "+example+" ("+why+")")
	return netip.Prefix{}
}

// prefix reads an address with or without a prefix length; without, it is a
// host address. It says why it cannot.
func prefix(text string) (p netip.Prefix, why string) {
	var err error
	if strings.Contains(text, "/") {
		p, err = netip.ParsePrefix(text)
	} else {
		var a netip.Addr
		a, err = netip.ParseAddr(text)
		p = netip.PrefixFrom(a.WithZone(""), a.BitLen())
		if a.Zone() != "" {
			return netip.Prefix{}, "it has a zone"
		}
	}
	if err != nil {
		// netip's message repeats the text in front of the reason, and at times
		// the place in it behind.
		parts := strings.Split(err.Error(), "): ")
		why, _, _ = strings.Cut(parts[len(parts)-1], " (at ")
		return netip.Prefix{}, why
	}
	return p, ""
}

// maxName is the longest name: that of a host in the DNS, with a final dot.
const maxName = 254

// name checks the name of something: it is shown in lists, written into logs
// and typed by operators.
func (r *reader) name(at *place, field, name string) {
	bad := func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }
	switch {
	case name == "":
		r.fault(at, field, name, "empty: a name is needed")
	case len(name) > maxName:
		r.fault(at, field, name, "too long: at most 254 bytes")
	case !utf8.ValidString(name), strings.ContainsFunc(name, bad):
		r.fault(at, field, name, "has characters that cannot be printed")
	}
}

// ownAddresses notes an address of a host that another one of its kind has.
func (r *reader) ownAddresses(seen map[netip.Addr]*place, at *place, h lb.Host, rule string) {
	for i, f := range lb.Families() {
		if a := h.Addr(f); a.IsValid() {
			once(r, seen, a, at, [...]string{"ipv4", "ipv6"}[i], rule)
		}
	}
}
