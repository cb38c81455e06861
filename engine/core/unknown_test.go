package core

import (
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// After a restart of the engine everything is as found, until its first verdict
// or three intervals after healthcheck was first heard.
func TestUnknownHealthAfterRestart(t *testing.T) {
	cluster := web("TCP/80 TCP/81", "b1=1.1.1.1", "b2=1.1.1.2")
	r := newRig(t, aloneText)
	r.load(cluster)
	r.say(lb.Healthy, all)
	r.say(lb.Unhealthy, of("1.1.1.2"))
	serving := r.host.String()

	r.restart()
	r.load(cluster)
	r.pass(time.Hour)
	same(t, "an hour without healthcheck", r.host.String(), serving)

	r.do(Verdicts{lb.VerdictReport{Full: true}}) // healthcheck is there and knows nothing
	r.pass(30*time.Second - 1)
	same(t, "just before three intervals", r.host.String(), serving)
	r.say(lb.Healthy, port(80))
	r.pass(1)
	same(t, "three intervals after healthcheck was heard", r.host.String(), text(`
		vip 192.168.36.1
		192.168.36.1:80/TCP
		  1.1.1.1:80
		  1.1.1.2:80
	`))
	if s := r.service("web", "IPv4 TCP/81"); !strings.Contains(s.Destinations[0].Reason, "no verdict within three intervals") {
		t.Errorf("reason %q", s.Destinations[0].Reason)
	}
	r.say(lb.Healthy, all)
	if s := r.service("web", "IPv4 TCP/81"); !s.Healthy || !s.Active {
		t.Errorf("a verdict after the time was not heard: %+v", s)
	}
	if !r.core.Deadline().IsZero() {
		t.Errorf("deadline %v, want none when everything is known", r.core.Deadline())
	}
}

// A destination that was not there is not made before its first verdict, one
// that was is kept; and what is up is judged by the low watermark.
func TestFirstVerdictsAfterRestart(t *testing.T) {
	cluster := web("TCP/80:low=0.3,high=1", "b1=1.1.1.1", "b2=1.1.1.2", "b3=1.1.1.3")
	r := newRig(t, aloneText)
	r.load(cluster)
	r.say(lb.Healthy, all)
	r.say(lb.Unhealthy, of("1.1.1.2", "1.1.1.3"))

	r.restart()
	r.load(cluster)
	r.say(lb.Healthy, of("1.1.1.2"))
	same(t, "one verdict", r.host.String(), text(`
		vip 192.168.36.1
		192.168.36.1:80/TCP
		  1.1.1.1:80
		  1.1.1.2:80
	`))
	r.say(lb.Unhealthy, of("1.1.1.1", "1.1.1.3"))
	if s := r.service("web", "IPv4 TCP/80"); !s.Healthy || !s.Active {
		t.Errorf("a third is above the low watermark of a service that was up: %+v", s)
	}
}

// A check that changes keeps the destination as it was found.
func TestChangedCheckKeepsTheDestination(t *testing.T) {
	cluster := web("TCP/80", "b1=1.1.1.1", "b2=1.1.1.2")
	r := newRig(t, aloneText)
	r.load(cluster)
	r.say(lb.Healthy, all)
	r.say(lb.Unhealthy, of("1.1.1.2"))
	serving := r.host.String()
	r.load(strings.Replace(cluster, "timeout: 5", "timeout: 4", 1))
	same(t, "before the new verdict", r.host.String(), serving)
	r.pass(29 * time.Second)
	same(t, "29 s later", r.host.String(), serving)
	r.pass(time.Second)
	same(t, "three intervals later", r.host.String(), "vip 192.168.36.1\n")
}

// The verdict of a time when the vserver was enabled says nothing now, and the
// patience with its check begins anew.
func TestDisabledAndEnabledAgain(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.do(Verdicts{}) // time counts from here
	r.pass(10 * time.Second)
	r.say(lb.Healthy, all)
	r.do(Override{"web", lb.OverrideDisabled})
	if len(r.checks) != 0 || r.host.String() != "" {
		t.Fatalf("disabled: checks %v, host %s", r.checks, r.host)
	}
	r.pass(10 * time.Second)
	r.do(Override{"web", lb.OverrideDefault})
	if len(r.checks) != 1 {
		t.Fatalf("enabled again: checks %v", r.checks)
	}
	same(t, "before a new verdict", r.host.String(), "vip 192.168.36.1\n")
	r.pass(29 * time.Second)
	if s := r.service("web", "IPv4 TCP/80"); strings.Contains(s.Destinations[0].Reason, "no verdict within") {
		t.Error("patience ended 29 s after the check began anew: it was counted from the first time")
	}
	r.pass(time.Second)
	if s := r.service("web", "IPv4 TCP/80"); !strings.Contains(s.Destinations[0].Reason, "no verdict within") {
		t.Errorf("patience did not end after 30 s: %s", s.Destinations[0].Reason)
	}
	r.say(lb.Healthy, all)
	if s := r.service("web", "IPv4 TCP/80"); !s.Active {
		t.Errorf("after a verdict: %+v", s)
	}
}

// Patience with a check begins when it is run: the time in which its vserver was
// disabled does not count, even if healthcheck was first heard in it.
func TestPatienceBeginsWhenTheCheckIsRun(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.do(Override{"web", lb.OverrideDisabled})
	r.do(Verdicts{})
	r.pass(time.Hour)
	r.do(Override{"web", lb.OverrideDefault})
	if reason := r.service("web", "IPv4 TCP/80").Destinations[0].Reason; !strings.Contains(reason, "waiting for the first verdict") {
		t.Errorf("just enabled, but the reason is %q", reason)
	}
	r.pass(30 * time.Second)
	if reason := r.service("web", "IPv4 TCP/80").Destinations[0].Reason; !strings.Contains(reason, "no verdict within three intervals") {
		t.Errorf("30 s later the reason is %q", reason)
	}
}

// Verdicts may come before ncc has said what it found: a service that turns out
// to be up is judged by the low watermark then.
func TestFoundUpAfterTheVerdicts(t *testing.T) {
	cluster := web("TCP/80:low=0.3,high=0.9", "b1=1.1.1.1", "b2=1.1.1.2", "b3=1.1.1.3")
	r := newRig(t, aloneText)
	r.load(cluster)
	r.say(lb.Healthy, all)

	r.restart()
	r.step(Load{Cluster: parseCluster(t, cluster)})
	var report lb.VerdictReport
	for id, ck := range r.core.checks {
		if ck.def.Backend == addr("1.1.1.1") {
			report.Verdicts = append(report.Verdicts, lb.Verdict{ID: id, State: lb.Healthy})
		}
	}
	r.step(Verdicts{report})
	if s := r.service("web", "IPv4 TCP/80"); s.Healthy {
		t.Fatalf("a third is healthy with a high watermark of 0.9: %+v", s)
	}
	r.settle()
	if s := r.service("web", "IPv4 TCP/80"); !s.Healthy || !s.Active {
		t.Errorf("a third is above the low watermark of a service that is up: %+v", s)
	}
	if got := r.host.wanted["web"].Services[0].Want; got != lb.Present {
		t.Errorf("ncc is told %v, want %v", got, lb.Present)
	}
}
