package core

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"seesaw/internal/lb"
)

func TestUpdateProtocol(t *testing.T) {
	r := newRig(t, pairedText)
	cluster := web("TCP/80", "b1=1.1.1.1") + fwm("a", 7)
	r.step(Load{Cluster: parseCluster(t, cluster)})

	first, ok := r.core.Update()
	if !ok || !first.Full || first.Version <= 1000 || len(first.Changed) != 2 || first.Changed[0].Name != "a" {
		t.Fatalf("first update %+v, want all vservers, sorted, with a version above the epoch", first)
	}
	r.step(Applied{r.host.apply(first)})

	renewal, _ := r.core.Update()
	if renewal.Full || renewal.Base != first.Version || renewal.Version != first.Version || len(renewal.Changed)+len(renewal.Removed) > 0 {
		t.Errorf("with nothing new: %+v, want a renewal of %d", renewal, first.Version)
	}
	r.step(Applied{r.host.apply(renewal)})

	for id := range r.checks {
		if r.checks[id].Backend == addr("1.1.1.1") {
			r.step(Verdicts{lb.VerdictReport{Verdicts: []lb.Verdict{{ID: id, State: lb.Healthy}}}})
		}
	}
	delta, _ := r.core.Update()
	if delta.Full || delta.Base != first.Version || delta.Version <= first.Version || len(delta.Changed) != 1 || delta.Changed[0].Name != "web" {
		t.Errorf("after one flip: %+v, want web alone on top of %d", delta, first.Version)
	}
	// It is lost on the way: all is told again, with a new version.
	if effects := r.step(NotApplied{}); !slices.Contains(effects, Effect(Apply{})) {
		t.Errorf("effects of a lost update: %v", effects)
	}
	again, _ := r.core.Update()
	if !again.Full || again.Version <= delta.Version || len(again.Changed) != 2 {
		t.Errorf("after a lost update: %+v, want everything", again)
	}
	r.step(Applied{r.host.apply(again)})

	// ncc has restarted and asks for everything.
	r.host = newHost()
	renewal, _ = r.core.Update()
	effects := r.step(Applied{r.host.apply(renewal)})
	if !slices.Contains(effects, Effect(Apply{})) {
		t.Errorf("effects of a wish to resend: %v", effects)
	}
	again, _ = r.core.Update()
	if !again.Full || len(again.Changed) != 2 {
		t.Errorf("resent: %+v, want everything", again)
	}
	r.step(Applied{r.host.apply(again)})

	r.step(Load{Cluster: parseCluster(t, fwm("a", 7))})
	gone, _ := r.core.Update()
	same(t, "removed", gone.Removed, []string{"web"})
}

// What happens while an update is under way goes into the next one.
func TestNewsWhileAnUpdateIsUnderWay(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	u, _ := r.core.Update()
	for id := range r.checks {
		r.step(Verdicts{lb.VerdictReport{Verdicts: []lb.Verdict{{ID: id, State: lb.Healthy}}}})
	}
	r.step(Applied{r.host.apply(u)})
	if len(r.host.there) != 0 {
		t.Fatal("told too early")
	}
	r.settle()
	if len(r.host.there) != 1 {
		t.Error("the news was lost")
	}
}

// configs are what the random tests load. They share backends, move addresses,
// change checks, watermarks and kinds of address, and drop vservers.
func configs() []string {
	one := web("TCP/80:low=0.4,high=0.6 UDP/53", "b1=1.1.1.1", "b2=1.1.1.2", "b3=1.1.1.3")
	return []string{
		one,
		one + resolver,
		resolver + fwm("a", 2),
		web("TCP/80:low=0.2,high=1", "b1=1.1.1.1", "b2=1.1.1.2/DISABLED", "b4=1.1.1.4") + fwm("a", 2) + fwm("b", 3),
		status(one, "DISABLED") + marked,
		`dedicated_vip_subnet: "192.168.36.0/24"` + one + fwm("b", 3),
		fwm("a", 2) + status(resolver, "DISABLED"),
	}
}

// events draws what can happen to a core.
func (r *rig) randomEvent(t *rapid.T, clusters []Load) Event {
	switch rapid.SampledFrom([]string{"verdict", "verdict", "verdict", "verdict", "load", "override", "ha", "time"}).Draw(t, "event") {
	case "load":
		return rapid.SampledFrom(clusters).Draw(t, "config")
	case "override":
		return Override{
			Vserver: rapid.SampledFrom([]string{"web", "a", "b", resolverName}).Draw(t, "vserver"),
			State:   rapid.SampledFrom([]lb.Override{lb.OverrideDefault, lb.OverrideDisabled, lb.OverrideEnabled}).Draw(t, "override"),
		}
	case "ha":
		return HAReported{lb.HAReport{Role: rapid.SampledFrom([]lb.Role{lb.RoleUnknown, lb.RoleBackup, lb.RoleLeader}).Draw(t, "role")}}
	case "time":
		if at := r.core.Deadline(); at.After(r.now) {
			r.now = at
		}
		return Deadline{}
	}
	var report lb.VerdictReport
	ids := slices.Sorted(maps.Keys(r.checks))
	for range rapid.IntRange(0, min(4, len(ids))).Draw(t, "verdicts") {
		report.Verdicts = append(report.Verdicts, lb.Verdict{
			ID:    rapid.SampledFrom(ids).Draw(t, "check"),
			State: rapid.SampledFrom([]lb.Health{lb.Healthy, lb.Healthy, lb.Unhealthy, lb.HealthUnknown}).Draw(t, "state"),
		})
	}
	return Verdicts{report}
}

func loads(t parser) []Load {
	var list []Load
	for _, text := range configs() {
		list = append(list, Load{Cluster: parseCluster(t, text)})
	}
	return list
}

// Whatever happens, and whatever becomes of updates and answers on the way: once
// updates get through, ncc has exactly the whole wanted network, and healthcheck
// exactly the wanted checks.
func TestAnyInterleavingEndsInStep(t *testing.T) {
	clusters := loads(t)
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t, pairedText)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"event", "event", "event", "update", "update lost", "answer lost", "ncc restarts", "engine restarts"}).Draw(t, "step") {
			case "event":
				r.step(r.randomEvent(t, clusters))
			case "update":
				r.exchange(func(u lb.Update) Event { return Applied{r.host.apply(u)} })
			case "update lost":
				r.exchange(func(lb.Update) Event { return NotApplied{} })
			case "answer lost":
				r.exchange(func(u lb.Update) Event { r.host.apply(u); return NotApplied{} })
			case "ncc restarts":
				there := r.host
				r.host = newHost() // the kernel stays as it is
				r.host.vips, r.host.there, r.host.linkUp = there.vips, there.there, there.linkUp
			case "engine restarts":
				r.restart()
			}
		}
		r.step(clusters[0])
		r.applying = true // at the latest the next renewal finds out
		r.settle()
		want := map[string]lb.Vserver{}
		for name, v := range r.core.vservers {
			want[name] = v.wanted()
		}
		if got, want := fmt.Sprint(r.host.wanted), fmt.Sprint(want); got != want {
			t.Fatalf("ncc has\n%s\nwant\n%s", got, want)
		}
		if got, want := fmt.Sprint(r.host.node), fmt.Sprint(r.core.node()); got != want {
			t.Fatalf("ncc has node\n%s\nwant\n%s", got, want)
		}
		if got, want := r.checks, r.core.wantedChecks(); !maps.Equal(got, want) {
			t.Fatalf("healthcheck has\n%v\nwant\n%v", got, want)
		}
	})
}

// exchange takes an update, if there is one, and answers it.
func (r *rig) exchange(answer func(lb.Update) Event) {
	if u, ok := r.core.Update(); ok {
		r.applying = false
		r.step(answer(u))
	}
}
