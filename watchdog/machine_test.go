package watchdog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const termTimeout = 5 * time.Second

// drama plays events against a machine and writes down everything that it says.
type drama struct {
	t      *testing.T
	m      *machine
	now    time.Time
	start  time.Time
	script strings.Builder
}

func newDrama(t *testing.T, text string) *drama {
	t.Helper()
	m, err := newMachine(services(text))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &drama{t: t, m: m, now: at, start: at}
}

func (d *drama) do(ev event) []effect {
	effects := d.m.step(d.now, ev)
	for _, e := range effects {
		fmt.Fprintf(&d.script, "%v %s\n", d.now.Sub(d.start), describe(e))
	}
	return effects
}

func describe(e effect) string {
	switch e := e.(type) {
	case start:
		return "start " + e.name
	case signalGroup:
		return fmt.Sprintf("%v %s", e.signal, e.name)
	case note:
		text := e.name + ": " + e.text
		if e.reason != "" {
			text += " (" + e.reason + ")"
		}
		if e.wait > 0 {
			text += " in " + e.wait.String()
		}
		return text
	}
	return "?"
}

// play carries out a script of one-word commands: tick, +5s (sleep, waking at each deadline), ready:NAME,
// exit:NAME, adopt:NAME,NAME!,... (! = ready), stop.
func (d *drama) play(commands string) {
	d.t.Helper()
	for _, c := range strings.Fields(commands) {
		verb, arg, _ := strings.Cut(c, ":")
		switch {
		case verb == "tick":
			d.do(tick{})
		case verb == "ready":
			d.do(notified{arg})
		case verb == "exit":
			d.do(exited{arg, "exit code 1"})
		case verb == "stop":
			d.do(stopAll{})
		case verb == "adopt":
			found := map[string]bool{}
			for _, n := range strings.Split(arg, ",") {
				found[strings.TrimSuffix(n, "!")] = strings.HasSuffix(n, "!")
			}
			d.do(adopted{found})
		case verb[0] == '+':
			d.sleep(verb[1:])
		default:
			d.t.Fatalf("unknown command %q", c)
		}
	}
}

func (d *drama) sleep(text string) {
	d.t.Helper()
	length, err := time.ParseDuration(text)
	if err != nil {
		d.t.Fatal(err)
	}
	end := d.now.Add(length)
	for range 1000 {
		at := d.m.deadline()
		if at.IsZero() || at.After(end) {
			d.now = end
			return
		}
		d.now = at
		d.do(tick{})
	}
	d.t.Fatalf("the deadline does not move on: %v", d.m.deadline())
}

func TestMachine(t *testing.T) {
	const node = "ncc engine:ncc ha:engine ecu:engine"
	tests := []struct {
		name, services, play string
		want                 string
		done                 bool
	}{
		{
			name: "start in order of readiness", services: node,
			play: "tick ready:ncc ready:engine ready:ha ready:ecu",
			want: `0s start ncc
0s ncc: service is ready
0s start engine
0s engine: service is ready
0s start ha
0s start ecu
0s ha: service is ready
0s ecu: service is ready
`,
		},
		{
			name: "all of several dependencies", services: "a b c:a,b", play: "tick ready:a +1s ready:b",
			want: `0s start a
0s start b
0s a: service is ready
1s b: service is ready
1s start c
`,
		},
		{
			name: "a silent dependency does not hold up the node", services: "a b:a", play: "tick +9s +2s +1h",
			want: `0s start a
10s a: service does not say that it is ready: its dependents start without (no notification within 10s)
10s start b
`,
		},
		{
			name: "a dependency that cannot start does not either", services: "a b:a", play: "tick exit:a exit:a +1s exit:a +30s",
			want: `0s start a
0s a: service ended, restarting (exit code 1)
0s start a
0s a: service ended, restarting (exit code 1) in 1s
1s start a
1s a: service ended, restarting (exit code 1) in 2s
3s start a
10s a: service does not say that it is ready: its dependents start without (no notification within 10s)
10s start b
`,
		},
		{
			name: "ready after the limit is still told", services: "a b:a", play: "tick +10s ready:a",
			want: `0s start a
10s a: service does not say that it is ready: its dependents start without (no notification within 10s)
10s start b
10s a: service is ready
`,
		},
		{
			name: "first restart at once, dependents run on", services: "a b:a", play: "tick ready:a ready:b +1h exit:a ready:a",
			want: `0s start a
0s a: service is ready
0s start b
0s b: service is ready
1h0m0s a: service ended, restarting (exit code 1)
1h0m0s start a
1h0m0s a: service is ready
`,
		},
		{
			name: "a dependent restarts without waiting for its dependency", services: "a b:a", play: "tick ready:a exit:a exit:b",
			want: `0s start a
0s a: service is ready
0s start b
0s a: service ended, restarting (exit code 1)
0s start a
0s b: service ended, restarting (exit code 1)
0s start b
`,
		},
		{
			name: "back-off from the second failure, forgotten after a minute", services: "a", play: "tick exit:a exit:a +1s exit:a +2s ready:a +60s exit:a",
			want: `0s start a
0s a: service ended, restarting (exit code 1)
0s start a
0s a: service ended, restarting (exit code 1) in 1s
1s start a
1s a: service ended, restarting (exit code 1) in 2s
3s start a
3s a: service is ready
1m3s a: service ended, restarting (exit code 1)
1m3s start a
`,
		},
		{
			name: "stop in reverse order", services: node, play: "tick ready:ncc ready:engine ready:ha ready:ecu stop +1s exit:ecu exit:ha +1s exit:engine exit:ncc",
			want: `0s start ncc
0s ncc: service is ready
0s start engine
0s engine: service is ready
0s start ha
0s start ecu
0s ha: service is ready
0s ecu: service is ready
0s terminated ecu
0s terminated ha
1s ecu: service stopped (exit code 1)
1s ha: service stopped (exit code 1)
1s terminated engine
2s engine: service stopped (exit code 1)
2s terminated ncc
2s ncc: service stopped (exit code 1)
`,
			done: true,
		},
		{
			name: "killed after the timeout, once", services: "a", play: "tick stop +4s +10s exit:a",
			want: `0s start a
0s terminated a
5s a: service does not stop: killing it (runs 5s after TERM)
5s killed a
14s a: service stopped (exit code 1)
`,
			done: true,
		},
		{name: "stop before anything started", services: node, play: "stop", done: true},
		{name: "stop before the first tick stops the adopted", services: "a b:a", play: "adopt:a! stop exit:a",
			want: `0s a: found running, supervised again
0s terminated a
0s a: service stopped (exit code 1)
`, done: true},
		{
			name: "stop while backing off", services: "a b:a", play: "tick exit:a exit:a stop",
			want: `0s start a
0s a: service ended, restarting (exit code 1)
0s start a
0s a: service ended, restarting (exit code 1) in 1s
`,
			done: true,
		},
		{
			name: "a crash during the stop is no reason to start", services: "a b:a", play: "tick ready:a stop exit:a exit:b +1h",
			want: `0s start a
0s a: service is ready
0s start b
0s terminated b
0s a: service stopped (exit code 1)
0s b: service stopped (exit code 1)
`,
			done: true,
		},
		{
			name: "adopted all, nothing starts", services: node, play: "adopt:ncc!,engine!,ha!,ecu! tick +1h",
			want: `0s ncc: found running, supervised again
0s engine: found running, supervised again
0s ha: found running, supervised again
0s ecu: found running, supervised again
`,
		},
		{
			name: "adopted some, the rest starts, a dead one restarts", services: "a b:a c:b", play: "adopt:a!,c tick ready:b ready:c exit:a",
			want: `0s a: found running, supervised again
0s c: found running, supervised again
0s start b
0s b: service is ready
0s c: service is ready
0s a: service ended, restarting (exit code 1)
0s start a
`,
		},
		{
			name: "adopted before it was ready", services: "a b:a", play: "adopt:a tick +10s",
			want: `0s a: found running, supervised again
10s a: service does not say that it is ready: its dependents start without (no notification within 10s)
10s start b
`,
		},
		{name: "stale and foreign reports", services: "a b:a", play: "ready:b exit:b ready:x exit:x adopt:x",
			want: "0s start a\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDrama(t, tt.services)
			d.play(tt.play)
			if diff := cmp.Diff(tt.want, d.script.String()); diff != "" {
				t.Errorf("script (-want +got):\n%s", diff)
			}
			if got := d.m.done(); got != tt.done {
				t.Errorf("done = %v, want %v", got, tt.done)
			}
		})
	}
}

// TestMachineReportsAfterTheEnd: nothing runs, so what is said about a service changes nothing.
func TestMachineReportsAfterTheEnd(t *testing.T) {
	d := newDrama(t, "a")
	d.play("tick stop exit:a")
	before := d.script.String()
	d.play("exit:a ready:a adopt:a! tick +1h")
	if diff := cmp.Diff(before, d.script.String()); diff != "" {
		t.Errorf("script changed after the end (-want +got):\n%s", diff)
	}
}

// TestMachineAtRandom throws events in any order and checks what must hold whatever happens: nothing runs
// twice, nothing starts before its dependencies were started, nothing starts once we stop, and everything
// stops in the end.
func TestMachineAtRandom(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		d := newDrama(t, "a b:a c:a d:b,c e")
		w := &world{d: d, t: t, running: map[string]bool{}, seen: map[string]bool{}, seed: seed}
		names := []string{"a", "b", "c", "d", "e"}
		w.do(tick{})
		for range 200 {
			name := names[rnd.IntN(len(names))]
			switch rnd.IntN(5) {
			case 0:
				w.do(notified{name})
			case 1:
				if w.running[name] {
					w.running[name] = false
					w.do(exited{name, "crash"})
				}
			default:
				d.now = d.now.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
				w.do(tick{})
			}
		}
		w.stopping = true
		w.do(stopAll{})
		for range 100 {
			if d.m.done() {
				break
			}
			for _, n := range names {
				if w.running[n] && w.termed(n) {
					w.running[n] = false
					w.do(exited{n, "stopped"})
				}
			}
			d.now = d.now.Add(time.Second)
			w.do(tick{})
		}
		if !d.m.done() {
			t.Fatalf("seed %d: not everything stopped:\n%s", seed, d.script.String())
		}
	}
}

// world is the processes as they would be if every effect were carried out.
type world struct {
	d        *drama
	t        *testing.T
	seed     uint64
	running  map[string]bool
	seen     map[string]bool
	terms    []string
	stopping bool
}

func (w *world) termed(name string) bool { return slices.Contains(w.terms, name) }

func (w *world) do(ev event) {
	w.t.Helper()
	for _, e := range w.d.do(ev) {
		switch e := e.(type) {
		case start:
			if w.running[e.name] || w.stopping {
				w.t.Fatalf("seed %d: %s started again or during the stop:\n%s", w.seed, e.name, w.d.script.String())
			}
			for _, u := range w.d.m.byName[e.name].needs {
				if !w.seen[u.name] {
					w.t.Fatalf("seed %d: %s started before %s:\n%s", w.seed, e.name, u.name, w.d.script.String())
				}
			}
			w.running[e.name], w.seen[e.name] = true, true
		case signalGroup:
			for _, u := range w.d.m.byName[e.name].neededBy {
				if w.running[u.name] {
					w.t.Fatalf("seed %d: %s stopped before %s:\n%s", w.seed, e.name, u.name, w.d.script.String())
				}
			}
			w.terms = append(w.terms, e.name)
		}
	}
	for _, u := range w.d.m.units {
		if s := u.state.String(); s == "" {
			w.t.Fatalf("state %d without a name", u.state)
		}
	}
}
