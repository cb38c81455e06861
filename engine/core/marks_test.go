package core

import (
	"fmt"
	"strings"
	"testing"

	"seesaw/internal/lb"
)

// fwm is a firewall-mark vserver with a DSR check of its backend.
func fwm(name string, last int) string {
	return fmt.Sprintf(`vserver < name: %q rp: "x" use_fwm: true entry_address < fqdn: "x" ipv4: "192.168.36.%d/24" status: PRODUCTION >
	  vserver_entry < protocol: TCP port: 80 > vserver_entry < protocol: TCP port: 443 >
	  healthcheck < type: HTTP port: 80 mode: DSR >
	  backend < host < fqdn: "b" ipv4: "1.1.1.%d/24" status: PRODUCTION > > >`, name, last, last)
}

// marksOf reads the marks of services and probes from what the host is to have.
func marksOf(r *rig) map[string]uint32 {
	got := map[string]uint32{}
	for name, v := range r.core.vservers {
		got[name] = v.services[0].key.Mark
	}
	for _, p := range r.host.node.Probes {
		got["probe "+p.Backend.String()] = p.Mark
	}
	return got
}

func TestMarksAreStable(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(fwm("b", 2))
	r.load(fwm("a", 1) + fwm("b", 2))
	want := map[string]uint32{"b": 256, "probe 1.1.1.2": 65536, "a": 257, "probe 1.1.1.1": 65537}
	same(t, "marks", marksOf(r), want)

	r.restart()
	r.load(fwm("a", 1) + fwm("b", 2))
	same(t, "marks after a restart", marksOf(r), want)

	r.load(strings.Replace(fwm("a", 1), `type: HTTP port: 80`, `type: HTTP port: 80 send: "/other"`, 1) + fwm("b", 2))
	same(t, "marks after a check has changed", marksOf(r), want)

	r.load(fwm("b", 2))
	delete(want, "a")
	delete(want, "probe 1.1.1.1")
	same(t, "marks after a vserver left", marksOf(r), want)
	if len(r.marks) != 2 {
		t.Errorf("saved %v, want the two in use", r.marks)
	}
	r.load(fwm("b", 2) + fwm("c", 3))
	same(t, "a mark given back is not used again at once", marksOf(r), map[string]uint32{"b": 256, "probe 1.1.1.2": 65536, "c": 258, "probe 1.1.1.3": 65538})
}

// Probes go with the checks that need them.
func TestProbesOfADisabledVserver(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(fwm("a", 1))
	if len(r.host.node.Probes) != 1 {
		t.Fatalf("probes %v", r.host.node.Probes)
	}
	r.do(Override{"a", lb.OverrideDisabled})
	if len(r.host.node.Probes) != 0 {
		t.Errorf("probes %v of a vserver that is not checked", r.host.node.Probes)
	}
	r.do(Override{"a", lb.OverrideDefault})
	same(t, "marks", marksOf(r), map[string]uint32{"a": 256, "probe 1.1.1.1": 65536})
}

func TestSavedMarksThatMakeNoSense(t *testing.T) {
	a := newAllocator(Marks{"x": 0, "y": 5, "z": 9000, "first": 300, "second": 300, "p": 65536 + 1<<20, "q": 70000})
	same(t, "kept", a.used(), Marks{"first": 300, "q": 70000})
}

func TestMarksRunOut(t *testing.T) {
	a := newAllocator(nil)
	seen := map[uint32]bool{}
	for i := range 8000 {
		mark := a.service(fmt.Sprint(i), lb.IPv4)
		if mark < 256 || mark > 8255 || seen[mark] {
			t.Fatalf("mark %d of service %d is out of the pool or taken", mark, i)
		}
		seen[mark] = true
	}
	if mark := a.service("one more", lb.IPv4); mark != 0 {
		t.Errorf("mark %d although all are in use", mark)
	}
	if mark := a.service("7", lb.IPv4); mark != 263 {
		t.Errorf("a service that has a mark got %d, want its own", mark)
	}
	inUse := map[uint32]bool{}
	for mark := range seen {
		inUse[mark] = mark != 1000
	}
	a.keep(inUse)
	if mark := a.service("one more", lb.IPv4); mark != 1000 {
		t.Errorf("got %d, want the one that was given back", mark)
	}
}

// A service for which there is no mark is left out and says why; the rest goes on.
func TestServiceWithoutMark(t *testing.T) {
	r := newRig(t, aloneText)
	for i := range 8000 {
		r.core.marks.service(fmt.Sprintf("other %d", i), lb.IPv4)
	}
	r.load(fwm("a", 2) + web("TCP/80", "b1=1.1.1.1"))
	r.say(lb.Healthy, all)
	if len(r.host.there) != 1 {
		t.Errorf("host has %s", r.host)
	}
	if s := r.core.Vservers(nil)[0].Services[0]; s.Active || s.Reason != "all firewall marks are in use" {
		t.Errorf("service %+v", s)
	}
}

func TestMarkGivenBackRests(t *testing.T) {
	a := newAllocator(nil)
	a.service("x", lb.IPv4)
	a.keep(nil)
	if mark := a.service("y", lb.IPv4); mark != 257 {
		t.Errorf("got %d, want 257: 256 was in use a moment ago", mark)
	}
	if mark := a.service("y", lb.IPv6); mark != 258 {
		t.Errorf("the other family got %d, want one of its own", mark)
	}
}
