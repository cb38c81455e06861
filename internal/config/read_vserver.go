package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"seesaw/internal/lb"
	configpb "seesaw/proto/config"
)

// vservers reads those vservers that have no fault.
func (r *reader) vservers(raw *configpb.Cluster) []*Vserver {
	r.names = make(map[string]*place)
	r.claims = make(map[claim]*place)
	broken := make(map[int]bool) // by inspect, before
	for _, f := range r.list {
		broken[f.vserver] = broken[f.vserver] || f.gravity != notice
	}
	var good []*Vserver
	for i, rawVserver := range raw.GetVserver() {
		at := r.root.item("vserver", i, rawVserver.GetName())
		r.vserver = i
		from := len(r.list)
		v := r.readVserver(at, rawVserver)
		if r.faults(from) == 0 && v.Enabled {
			r.claim(at, v)
		}
		if r.faults(from) == 0 && !broken[i] {
			good = append(good, v)
		}
	}
	r.vserver = single
	slices.SortFunc(good, func(a, b *Vserver) int { return strings.Compare(a.Name, b.Name) })
	return good
}

func (r *reader) readVserver(at *place, raw *configpb.Vserver) *Vserver {
	r.name(at, "name", raw.GetName())
	once(r, r.names, raw.GetName(), at, "name", "another vserver has this name; only the first is served")
	v := &Vserver{
		Name:             raw.GetName(),
		Host:             r.host(at.in("entry_address"), raw.GetEntryAddress()),
		Status:           Status(raw.GetEntryAddress().GetStatus()),
		ResponsibleParty: raw.GetRp(),
		UseFWM:           raw.GetUseFwm(),
	}
	v.Enabled = v.Status.serving()
	r.notOurs(at.in("entry_address"), v.Host)
	v.Entries = r.entries(at, raw)
	v.Checks = r.checks(at, raw.GetHealthcheck(), nil)
	v.Backends = r.backends(at, raw, v.Host)
	v.Grants = r.grants(at, raw)
	v.Warnings = append(oddities(v), raw.GetWarning()...)
	slices.Sort(v.Warnings)
	return v
}

// notOurs notes a service address that is an interface's own: taking the
// service down would take the interface's address away.
func (r *reader) notOurs(at *place, vip lb.Host) {
	for i, f := range lb.Families() {
		if a := vip.Addr(f); a.IsLoopback() {
			r.fault(at, [...]string{"ipv4", "ipv6"}[i], a, "a loopback address is every host's own: give one that clients can reach")
		}
		if owner := r.owners[vip.Addr(f)]; owner != "" {
			r.fault(at, [...]string{"ipv4", "ipv6"}[i], vip.Addr(f), "this is the own address of "+owner)
		}
	}
}

func (r *reader) backends(at *place, raw *configpb.Vserver, vip lb.Host) []Backend {
	names := make(map[string]*place)
	addrs := make(map[netip.Addr]*place)
	var list []Backend
	for i, b := range raw.GetBackend() {
		item := at.item("backend", i, b.GetHost().GetFqdn())
		host := item.in("host")
		status := Status(b.GetHost().GetStatus())
		backend := Backend{
			Host:      r.host(host, b.GetHost()),
			Status:    status,
			Weight:    uint32(b.GetWeight()),
			Enabled:   status.serving(),
			InService: status != Proposed && status != Building,
		}
		// ipvsadm(8) has the same bound; the kernel's schedulers multiply weights.
		if w := b.GetWeight(); w < 0 || w > 65535 {
			r.fault(item, "weight", w, "want 0 to 65535")
		}
		once(r, names, b.GetHost().GetFqdn(), host, "fqdn", "another backend of this vserver has this name")
		r.ownAddresses(addrs, host, backend.Host, "another backend of this vserver has this address")
		for _, f := range lb.Families() {
			if a := vip.Addr(f); a.IsValid() && a == backend.Host.Addr(f) {
				r.fault(host, "", a, "the service's own address: a backend needs an address of its own")
			}
		}
		list = append(list, backend)
	}
	slices.SortFunc(list, func(a, b Backend) int { return strings.Compare(a.Host.Name, b.Host.Name) })
	return list
}

func (r *reader) grants(at *place, raw *configpb.Vserver) []Grant {
	var list []Grant
	for i, g := range raw.GetAccessGrant() {
		grant := Grant{
			Grantee: g.GetGrantee(),
			Group:   g.GetType() == configpb.AccessGrant_GROUP,
			Admin:   g.GetRole() == configpb.AccessGrant_ADMIN,
		}
		if slices.Contains(list, grant) {
			r.notice(at.item("access_grant", i, ""), "grantee", g.GetGrantee(), "granted twice")
			continue
		}
		list = append(list, grant)
	}
	slices.SortFunc(list, func(a, b Grant) int {
		return cmp.Or(strings.Compare(a.Grantee, b.Grantee), compareBool(a.Group, b.Group), compareBool(a.Admin, b.Admin))
	})
	return list
}

// claim notes what an earlier vserver serves already, and remembers the rest.
func (r *reader) claim(at *place, v *Vserver) {
	for _, e := range v.Entries {
		for _, f := range lb.Families() {
			addr := v.Host.Addr(f)
			if !addr.IsValid() {
				continue
			}
			key := claim{addr, e.Protocol, e.Port}
			if first, taken := r.claims[key]; taken {
				what := fmt.Sprintf("%v/%v", netip.AddrPortFrom(addr, e.Port), e.Protocol)
				r.twice(at, "", what, "another enabled vserver serves this", first)
				continue
			}
			r.claims[key] = at
		}
	}
}

// oddities are what can be served and is probably not meant.
func oddities(v *Vserver) []string {
	var odd []string
	if len(v.Entries) == 0 {
		odd = append(odd, "no vserver_entry: nothing is served")
	}
	if len(v.Backends) == 0 {
		odd = append(odd, "no backend: nothing can answer")
	}
	unchecked := func(e Entry) bool { return len(e.Checks) == 0 }
	if len(v.Checks) == 0 && len(v.Entries) > 0 {
		if !slices.ContainsFunc(v.Entries, func(e Entry) bool { return !unchecked(e) }) {
			odd = append(odd, "no healthcheck: every backend is taken to be healthy")
		} else if i := slices.IndexFunc(v.Entries, unchecked); i >= 0 {
			e := v.Entries[i]
			odd = append(odd, fmt.Sprintf("no healthcheck for %v/%d: every backend is taken to be healthy there", e.Protocol, e.Port))
		}
	}
	for _, b := range v.Backends {
		if !sharesFamily(v.Host, b.Host) {
			odd = append(odd, "backend "+b.Host.Name+" has no address in a family of the vserver's and gets nothing")
		}
	}
	return odd
}

func sharesFamily(a, b lb.Host) bool {
	for _, f := range lb.Families() {
		if a.Addr(f).IsValid() && b.Addr(f).IsValid() {
			return true
		}
	}
	return false
}
