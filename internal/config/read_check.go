package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
	configpb "seesaw/proto/config"
)

// checks reads the checks of an entry, or of a vserver if there is none, and
// names them.
func (r *reader) checks(at *place, raw []*configpb.Healthcheck, entry *configpb.VserverEntry) []Check {
	var list []Check
	for i, h := range raw {
		list = append(list, r.check(at.item("healthcheck", i, ""), h, entry))
	}
	slices.SortFunc(list, Check.compare)
	number := 0
	for i := range list {
		c := &list[i]
		if i > 0 && c.Kind == list[i-1].Kind && c.Port == list[i-1].Port {
			number++
		} else {
			number = 0
		}
		c.Name = fmt.Sprintf("%v/%d_%d", c.Kind, c.Port, number)
	}
	return list
}

// compare orders checks so that each keeps its name however the file lists
// them.
func (c Check) compare(o Check) int {
	return cmp.Or(
		cmp.Compare(c.Kind, o.Kind),
		cmp.Compare(c.Port, o.Port),
		strings.Compare(c.Send, o.Send),
		strings.Compare(c.Receive, o.Receive),
		strings.Compare(c.Method, o.Method),
		cmp.Compare(c.Code, o.Code),
		compareBool(c.Proxy, o.Proxy),
		compareBool(c.TLSVerify, o.TLSVerify),
		cmp.Compare(c.Interval, o.Interval),
		cmp.Compare(c.Timeout, o.Timeout),
		cmp.Compare(c.Mode, o.Mode),
		cmp.Compare(c.Retries, o.Retries),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (r *reader) check(at *place, h *configpb.Healthcheck, entry *configpb.VserverEntry) Check {
	c := Check{
		Kind:      lb.CheckKind(h.GetType()),
		Port:      r.checkPort(at, h, entry),
		Interval:  r.seconds(at, "interval", h.GetInterval()),
		Timeout:   r.seconds(at, "timeout", h.GetTimeout()),
		Retries:   int(h.GetRetries()),
		Send:      h.GetSend(),
		Receive:   h.GetReceive(),
		Code:      int(h.GetCode()),
		Method:    h.GetMethod(),
		Proxy:     h.GetProxy(),
		TLSVerify: h.GetTlsVerify(),
	}
	switch h.GetMode() {
	case configpb.Healthcheck_DSR:
		c.Mode = lb.DSR
	case configpb.Healthcheck_TUN:
		c.Mode = lb.TUN
	}
	if c.Retries < 0 {
		r.fault(at, "retries", c.Retries, "want a number of failures to forgive, or 0")
	}
	r.checkForm(at, c)
	return c
}

// checkPort finds the port to ask. ICMP has none.
func (r *reader) checkPort(at *place, h *configpb.Healthcheck, entry *configpb.VserverEntry) uint16 {
	port := h.GetPort()
	switch {
	case port < 0 || port > 65535:
		r.fault(at, "port", port, "want 1 to 65535")
		return 0
	case h.GetType() == configpb.Healthcheck_ICMP_PING:
		return 0
	case port != 0:
		return uint16(port)
	case entry == nil:
		r.fault(at, "port", nil, "missing: a check of the whole vserver has no entry's port to use")
	case entry.Port != nil && entry.GetPort() == 0:
		r.fault(at, "port", nil, "missing: the entry serves all ports, so there is none to use")
	}
	return uint16(entry.GetPort())
}

// seconds checks a time that has to pass.
func (r *reader) seconds(at *place, field string, n int32) time.Duration {
	if n <= 0 {
		r.fault(at, field, n, "want seconds, at least 1")
	}
	return time.Duration(n) * time.Second
}

// checkForm checks what a kind of check asks of the other fields.
func (r *reader) checkForm(at *place, c Check) {
	switch c.Kind {
	case lb.CheckICMP:
		if c.Mode != 0 {
			r.fault(at, "mode", c.Mode, "an ICMP_PING check goes to the backend itself: want PLAIN")
		}
	case lb.CheckHTTP, lb.CheckHTTPS:
		if strings.ContainsFunc(c.Method, notToken) {
			r.fault(at, "method", c.Method, "not an HTTP method (RFC 9110 5.6.2)")
		}
		if c.Code != 0 && (c.Code < 100 || c.Code > 599) {
			r.fault(at, "code", c.Code, "not an HTTP response code: want 100 to 599")
		}
	case lb.CheckDNS:
		if strings.ContainsFunc(c.Method, notAlphanumeric) {
			r.fault(at, "method", c.Method, "not a type of DNS query, such as A or AAAA")
		}
	case lb.CheckRADIUS:
		if parts := strings.Split(c.Send, ":"); len(parts) != 3 {
			r.fault(at, "send", nil, `want "user:password:secret"`) // the value is not for a log
		}
	}
}

// notToken reports whether a character cannot be part of a token of RFC 9110.
func notToken(c rune) bool {
	return notAlphanumeric(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

func notAlphanumeric(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}
