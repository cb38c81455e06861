package core

import (
	"testing"

	"seesaw/internal/lb"
)

// setChecks returns what a step tells healthcheck, and whether it tells it
// anything.
func setChecks(effects []Effect) (u lb.CheckUpdate, told bool) {
	for _, e := range effects {
		if s, ok := e.(SetChecks); ok {
			return s.Update, true
		}
	}
	return lb.CheckUpdate{}, false
}

// A probe that is sent before ncc has made the VIP and the mark that it needs
// finds a backend dead that is not.
func TestChecksWaitForNCC(t *testing.T) {
	r := newRig(t, aloneText)
	effects := r.step(Load{Cluster: parseCluster(t, web("TCP/80", "b1=1.1.1.1"))})
	if u, told := setChecks(effects); told {
		t.Errorf("told %+v before ncc has answered", u)
	}
	if u, ok := r.core.Checks(); ok {
		t.Errorf("a healthcheck that joins is told %+v before ncc has answered", u)
	}
	update, _ := r.core.Update()
	u, told := setChecks(r.step(Applied{r.host.apply(update)}))
	if !told || !u.Full || len(u.Changed) != 1 {
		t.Errorf("after ncc's answer: told %v, %+v; want the one check as a whole set", told, u)
	}
	if u, ok := r.core.Checks(); !ok || len(u.Changed) != 1 {
		t.Errorf("a healthcheck that joins is told %v, %+v; want the one check", ok, u)
	}

	// A change while an update is under way waits for the next one.
	r.step(HAReported{lb.HAReport{Role: lb.RoleLeader}})
	update, _ = r.core.Update()
	r.step(Load{Cluster: parseCluster(t, web("TCP/80", "b1=1.1.1.1", "b2=1.1.1.2"))})
	if u, told := setChecks(r.step(Applied{r.host.apply(update)})); told {
		t.Errorf("told %+v by the answer to an update from before the change", u)
	}
	update, _ = r.core.Update()
	u, told = setChecks(r.step(Applied{r.host.apply(update)}))
	if !told || u.Full || len(u.Changed) != 1 || u.Changed[0].Backend != addr("1.1.1.2") {
		t.Errorf("after the answer to the change: told %v, %+v; want the new check alone", told, u)
	}
}

// A healthcheck that waits for its set must hear that there is none.
func TestNoChecksAreToldToo(t *testing.T) {
	r := newRig(t, aloneText)
	r.step(Load{Cluster: parseCluster(t, web("TCP/80"))})
	update, _ := r.core.Update()
	u, told := setChecks(r.step(Applied{r.host.apply(update)}))
	if !told || !u.Full || len(u.Changed) != 0 {
		t.Errorf("told %v, %+v; want the empty set as a whole", told, u)
	}
}
