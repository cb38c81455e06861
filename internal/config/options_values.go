package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"seesaw/internal/lb"
)

// The readers of values below return the fallback where an option is not given
// or is at fault.

func (s *section) text(name, fallback string) string {
	if o := s.get(name); o != nil {
		return o.value
	}
	return fallback
}

func (s *section) flag(name string, fallback bool) bool {
	o := s.get(name)
	if o == nil {
		return fallback
	}
	switch strings.ToLower(o.value) {
	case "t", "true", "y", "yes", "on", "1":
		return true
	case "f", "false", "n", "no", "off", "0":
		return false
	}
	o.fault("want true or false (or yes, no, on, off, 1, 0)")
	return fallback
}

func (s *section) number(name string, fallback, low, high int) int {
	o := s.get(name)
	if o == nil {
		return fallback
	}
	n, err := strconv.Atoi(o.value)
	if err != nil || n < low || n > high {
		o.fault("want a whole number from " + strconv.Itoa(low) + " to " + strconv.Itoa(high))
		return fallback
	}
	return n
}

// duration reads a time that is a multiple of a step.
func (s *section) duration(name string, fallback, low, high, step time.Duration) time.Duration {
	o := s.get(name)
	if o == nil {
		return fallback
	}
	d, err := time.ParseDuration(o.value)
	if err != nil || d < low || d > high || d%step != 0 {
		rule := "want a time such as " + fallback.String() + ", from " + low.String() + " to " + high.String()
		if step > 1 {
			rule += " in steps of " + step.String()
		}
		o.fault(rule)
		return fallback
	}
	return d
}

// addrs reads the two options of one host, name_ipv4 and name_ipv6.
func (s *section) addrs(name string) Addrs {
	return Addrs{IPv4: s.addr(name+"_ipv4", lb.IPv4), IPv6: s.addr(name+"_ipv6", lb.IPv6)}
}

func (s *section) addr(name string, family lb.Family) netip.Addr {
	o := s.get(name)
	if o == nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(o.value)
	switch {
	case err != nil && strings.Contains(o.value, "/"):
		o.fault("want an " + family.String() + " address without a prefix length")
	case err != nil || lb.FamilyOf(a) != family || a.Is4In6() || a.Zone() != "":
		o.fault("want an " + family.String() + " address")
	case a.IsUnspecified() || a.IsMulticast() || a.IsLoopback():
		o.fault("want an address that one host has for others to reach it")
	default:
		return a
	}
	return netip.Addr{}
}
