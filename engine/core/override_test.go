package core

import (
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// said is a record of this node's operator.
func (r *rig) said(vserver string, state lb.Override) lb.OverrideRecord {
	return lb.OverrideRecord{Vserver: vserver, State: state, Time: r.now, Node: "192.168.10.2"}
}

// heard is a record of the other node's operator.
func heard(vserver string, state lb.Override, at time.Time) lb.OverrideRecord {
	return lb.OverrideRecord{Vserver: vserver, State: state, Time: at, Node: "192.168.10.3"}
}

func (r *rig) overridden(vserver string) lb.Override {
	r.t.Helper()
	for _, v := range r.core.Vservers(nil) {
		if v.Name == vserver {
			return v.Override
		}
	}
	r.t.Fatalf("no vserver %q", vserver)
	return 0
}

func TestOverridesAreKept(t *testing.T) {
	r := newRig(t, aloneText)
	cluster := web("TCP/80", "b1=1.1.1.1")
	r.load(cluster)
	r.do(Override{"web", lb.OverrideDisabled})
	same(t, "saved", r.overrides, []lb.OverrideRecord{r.said("web", lb.OverrideDisabled)})
	r.load(strings.Replace(cluster, "port: 80", "port: 81", 1))
	r.restart()
	same(t, "after a restart", r.core.Overrides(), []lb.OverrideRecord{r.said("web", lb.OverrideDisabled)})
	r.load(cluster)
	if v := r.core.Vservers(nil)[0]; v.Enabled || v.Override != lb.OverrideDisabled {
		t.Errorf("after change and restart: %+v", v)
	}
	r.load("") // gone for a while
	r.load(cluster)
	if v := r.core.Vservers(nil)[0]; v.Enabled {
		t.Errorf("after it was gone: %+v", v)
	}
	r.pass(time.Second)
	r.do(Override{"web", lb.OverrideDefault})
	same(t, "saved, for the other node to hear", r.overrides, []lb.OverrideRecord{r.said("web", lb.OverrideDefault)})
}

func TestOverrideOfNothing(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	if err := r.core.Overridable("nobody"); err == nil || !strings.Contains(err.Error(), `no vserver "nobody"`) {
		t.Errorf("got %v", err)
	}
	if err := r.core.Overridable("web"); err != nil {
		t.Error(err)
	}
	for _, ev := range []Override{{"nobody", lb.OverrideDisabled}, {"web", lb.OverrideDefault}} {
		if effects := r.step(ev); len(effects) > 0 {
			t.Errorf("%+v has effects %v", ev, effects)
		}
	}
}

// What is said again is news to the other node, and to nobody else.
func TestOverrideSaidAgain(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.do(Override{"web", lb.OverrideDisabled})
	r.pass(time.Second)
	effects := r.step(Override{"web", lb.OverrideDisabled})
	same(t, "effects", effects, []Effect{SaveOverrides{[]lb.OverrideRecord{r.said("web", lb.OverrideDisabled)}}})
}

// The last word holds even if the clock that stamped the one before is ahead.
func TestOverrideAfterOneFromTheFuture(t *testing.T) {
	r := newRig(t, pairedText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	future := r.now.Add(time.Hour)
	r.do(Replicated{[]lb.OverrideRecord{heard("web", lb.OverrideDisabled, future)}})
	r.do(Override{"web", lb.OverrideEnabled})
	want := r.said("web", lb.OverrideEnabled)
	want.Time = future.Add(1)
	same(t, "saved", r.overrides, []lb.OverrideRecord{want})
}

func TestReplicated(t *testing.T) {
	r := newRig(t, pairedText)
	r.load(web("TCP/80", "b1=1.1.1.1") + fwm("a", 2))
	r.do(Override{"a", lb.OverrideDisabled})
	mine := r.said("a", lb.OverrideDisabled)
	r.log = nil

	later := r.now.Add(time.Second)
	off, absent := heard("web", lb.OverrideDisabled, later), heard("absent", lb.OverrideDisabled, later)
	r.do(Replicated{[]lb.OverrideRecord{absent, off}})
	same(t, "saved", r.overrides, []lb.OverrideRecord{mine, absent, off})
	if r.overridden("web") != lb.OverrideDisabled || r.overridden("a") != lb.OverrideDisabled {
		t.Error("not in force")
	}
	if log := strings.Join(r.log, ""); !strings.Contains(log, "vserver override vserver web old default new disabled node 192.168.10.3") {
		t.Errorf("log:\n%s", log)
	}

	// What was said of a vserver that was not there holds once it is.
	r.load(strings.ReplaceAll(web("TCP/80", "b1=1.1.1.1"), `"web"`, `"absent"`))
	if r.overridden("absent") != lb.OverrideDisabled {
		t.Error("not in force once the vserver is there")
	}

	// Taken back.
	r.load(web("TCP/80", "b1=1.1.1.1"))
	back := heard("web", lb.OverrideDefault, later.Add(1))
	r.do(Replicated{[]lb.OverrideRecord{back}})
	same(t, "saved", r.overrides, []lb.OverrideRecord{mine, absent, back})
	if v := r.core.Vservers(nil)[0]; !v.Enabled || v.Override != lb.OverrideDefault {
		t.Errorf("taken back: %+v", v)
	}
}

// A word of the other node changes the kernel as one of ours does.
func TestReplicatedReachesTheKernel(t *testing.T) {
	r := newRig(t, pairedText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.say(lb.Healthy, all)
	up := r.host.String()
	if up == "" {
		t.Fatal("nothing is up")
	}
	r.do(Replicated{[]lb.OverrideRecord{heard("web", lb.OverrideDisabled, r.now)}})
	if down := r.host.String(); down != "" {
		t.Errorf("still there:\n%s", down)
	}
	r.do(Replicated{[]lb.OverrideRecord{heard("web", lb.OverrideDefault, r.now.Add(1))}})
	r.say(lb.Healthy, all)
	same(t, "kernel", r.host.String(), up)
}
