package plan

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"seesaw/internal/lb"
)

// touch notes that the truth about an object has changed, for the report.
func (t *Table) touch(o *object) {
	switch o.key.kind {
	case kindAddr:
		if p := t.vips[o.key.addr.Addr()]; p != nil {
			for _, u := range p.users {
				t.changed[u.name] = true
			}
		}
	case kindService, kindDestination:
		if s := t.services[o.key.svc]; s != nil && len(s.users) > 0 {
			t.changed[s.users[0].name] = true
		}
	}
}

// Report says what is true: of the node, of the vservers that were named since
// the last report and of those whose truth has changed since; of all after a
// full update.
func (t *Table) Report() lb.Report {
	r := lb.Report{Version: t.version, Node: t.reportNode()}
	names := slices.Collect(maps.Keys(t.changed))
	if t.reportAll {
		names = slices.Collect(maps.Keys(t.vservers))
	}
	slices.Sort(names)
	for _, name := range names {
		if v, wanted := t.vservers[name]; wanted && name != nodeUser {
			r.Vservers = append(r.Vservers, t.reportVserver(v))
		}
	}
	clear(t.changed)
	t.reportAll = false
	return r
}

func (t *Table) reportNode() lb.NodeReport {
	r := lb.NodeReport{LinkUp: t.isUp(t.node.LBInterface), LinkFoundUp: t.hasRaised()}
	r.Problems = t.reportVserver(t.vservers[nodeUser]).Problems
	for _, o := range t.retries {
		if !t.hasUser(o) {
			r.Problems = append(r.Problems, t.problems(o)...)
		}
	}
	for _, name := range slices.Compact([]string{t.node.NodeInterface, t.node.LBInterface}) {
		if o := t.objects[key{kind: kindLink, name: name}]; o != nil && !o.there {
			r.Problems = append(r.Problems, t.problems(o)...)
		}
	}
	slices.SortFunc(r.Problems, func(a, b lb.Problem) int { return cmp.Compare(a.Object, b.Object) })
	return r
}

// hasUser is true if an object's problems are reported with a vserver.
func (t *Table) hasUser(o *object) bool {
	switch o.key.kind {
	case kindAddr:
		p := t.vips[o.key.addr.Addr()]
		return p != nil && p.at == o
	case kindService, kindDestination:
		s := t.services[o.key.svc]
		return s != nil && len(s.users) > 0
	}
	return false
}

func (t *Table) reportVserver(v lb.Vserver) lb.VserverReport {
	r := lb.VserverReport{Name: v.Name}
	for _, x := range v.VIPs {
		p := t.vips[x.Addr]
		if p.at != nil && p.at.there {
			r.VIPs = append(r.VIPs, x.Addr)
		}
		if p.refused != "" {
			r.Problems = append(r.Problems, lb.Problem{Object: "VIP " + x.Addr.String(), Reason: p.refused, Since: sinceOf(p.users, v.Name)})
		} else {
			r.Problems = append(r.Problems, t.problems(p.at)...)
		}
	}
	for _, x := range v.Services {
		s := t.services[x.Key]
		if first := s.users[0].name; first != v.Name {
			r.Problems = append(r.Problems, lb.Problem{
				Object: s.object.key.String(), Since: sinceOf(s.users, v.Name),
				Reason: "vserver " + first + " has the same address, protocol and port: change one of them",
			})
			continue
		}
		t.reportService(&r, s)
	}
	return r
}

func sinceOf[T any](users []user[T], name string) time.Time {
	i, _ := findUser(users, name)
	return users[i].since
}

func (t *Table) reportService(r *lb.VserverReport, s *service) {
	r.Problems = append(r.Problems, t.problems(s.object)...)
	report := lb.ServiceReport{Key: s.object.key.svc}
	dests := slices.SortedFunc(maps.Values(s.dests), func(a, b *object) int { return a.key.addr.Compare(b.key.addr) })
	for _, o := range dests {
		if o.there {
			d := o.has.(lb.Destination)
			report.Destinations = append(report.Destinations, lb.DestinationReport{Addr: d.Addr, Port: d.Port, Weight: d.Weight})
		}
		if s.object.there {
			r.Problems = append(r.Problems, t.problems(o)...)
		}
	}
	if s.object.there {
		r.Services = append(r.Services, report)
	}
}

// problems says what is the matter with an object, if anything is.
func (t *Table) problems(o *object) []lb.Problem {
	cause := o
	for cause.waits != nil {
		cause = cause.waits
	}
	reason, since := cause.retry.reason, cause.retry.since
	if cause.isMissing() {
		reason = ErrNoLink.Error() + " (is it named right in section [interface] of seesaw.cfg?)"
	}
	if reason == "" {
		return nil
	}
	if cause != o {
		reason = "waits for " + cause.key.String() + ": " + reason
	}
	return []lb.Problem{{Object: o.key.String(), Reason: reason, Since: since}}
}

// isMissing is true for an interface of the host that we need and cannot make.
func (o *object) isMissing() bool {
	return o.key.kind == kindLink && o.named && !o.there && o.want == lb.AsFound
}

// noteMissing notes since when an interface of the host has been missing.
func (t *Table) noteMissing(o *object) {
	if o.isMissing() && o.retry.since.IsZero() {
		o.retry.since = t.now
	}
}

// IsMissingLink is true while an interface of the host that is needed does not
// exist. It cannot be made, only waited for.
func (t *Table) IsMissingLink() bool {
	return slices.ContainsFunc(t.nodeObjects, (*object).isMissing)
}
