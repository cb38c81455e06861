package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"seesaw/internal/lb"
)

// history collects a T or F for each object after each step.
type history map[string]string

func (h history) note(object string, state bool) {
	letter := "F"
	if state {
		letter = "T"
	}
	h[object] += letter
}

// observe notes what is active (in the kernel) and what is healthy.
func (h history) observe(r *rig) {
	for _, ip := range []string{"192.168.255.1", "2012::1"} {
		h.note(ip, r.host.vips[addr(ip)])
	}
	for _, v := range r.core.Vservers(nil) {
		for _, s := range v.Services {
			h.note(s.Name()+" active", s.Active)
			h.note(s.Name()+" healthy", s.Healthy)
			for _, d := range s.Destinations {
				h.note(fmt.Sprintf("%s %s active", s.Name(), d.Backend), d.Active)
				h.note(fmt.Sprintf("%s %s healthy", s.Name(), d.Backend), d.Healthy)
			}
		}
	}
}

// How health goes from checks to addresses: one column for each step. A unicast
// address is there whenever its vserver is enabled; an anycast one serves all of
// its services or none. Destinations of a service that is down are down in the
// kernel whatever their own health.
func TestHealthPropagation(t *testing.T) {
	r := newRig(t, aloneText)
	got := history{}
	steps := []func(){
		func() { r.load(resolver) },
		func() { r.say(lb.Healthy, both(of("1.1.1.10"), port(5))) },
		func() { r.say(lb.Healthy, all) },
		func() { r.say(lb.Unhealthy, both(of("1.1.1.10"), port(1))) },
		func() { r.say(lb.Unhealthy, both(of("1.1.1.11"), port(1))) },
		func() { r.say(lb.Unhealthy, both(of("2012::10", "2012::11"), port(1))) },
		func() { r.say(lb.Unhealthy, all) },
	}
	for _, step := range steps {
		step()
		got.observe(r)
	}
	same(t, "steps", got, history{
		"192.168.255.1": "FFTTFFF",
		"2012::1":       "TTTTTTT",

		udp4 + " active": "FFTTFFF", udp4 + " healthy": "FFTTFFF",
		udp4 + " dns1-1 active": "FFTFFFF", udp4 + " dns1-1 healthy": "FFTFFFF",
		udp4 + " dns1-2 active": "FFTTFFF", udp4 + " dns1-2 healthy": "FFTTFFF",

		tcp4 + " active": "FFTTFFF", tcp4 + " healthy": "FFTTTTF",
		tcp4 + " dns1-1 active": "FFTTFFF", tcp4 + " dns1-1 healthy": "FFTTTTF",
		tcp4 + " dns1-2 active": "FFTTFFF", tcp4 + " dns1-2 healthy": "FFTTTTF",

		udp6 + " active": "FFTTTFF", udp6 + " healthy": "FFTTTFF",
		udp6 + " dns1-1 active": "FFTTTFF", udp6 + " dns1-1 healthy": "FFTTTFF",
		udp6 + " dns1-2 active": "FFTTTFF", udp6 + " dns1-2 healthy": "FFTTTFF",

		tcp6 + " active": "FFTTTTF", tcp6 + " healthy": "FFTTTTF",
		tcp6 + " dns1-1 active": "FFTTTTF", tcp6 + " dns1-1 healthy": "FFTTTTF",
		tcp6 + " dns1-2 active": "FFTTTTF", tcp6 + " dns1-2 healthy": "FFTTTTF",
	})
}

// A dedicated address is there like a unicast one, without regard to health.
func TestKindsOfAddress(t *testing.T) {
	for name, tc := range map[string]struct {
		subnet, ip string
		kind       lb.VIPKind
		unhealthy  bool // there although nothing is healthy
	}{
		"unicast":   {"", "192.168.36.1", lb.Unicast, true},
		"dedicated": {`dedicated_vip_subnet: "192.168.36.0/26"`, "192.168.36.1", lb.Dedicated, true},
		"anycast":   {`dedicated_vip_subnet: "192.168.255.0/24"`, "192.168.255.1", lb.Anycast, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := tc.subnet + strings.Replace(web("TCP/80", "b1=1.1.1.1"), "192.168.36.1", tc.ip, 1)
			r := newRig(t, aloneText)
			r.load(cluster)
			r.say(lb.Unhealthy, all)
			if got := r.host.vips[addr(tc.ip)]; got != tc.unhealthy {
				t.Errorf("unhealthy: address is there: %v, want %v", got, tc.unhealthy)
			}
			r.say(lb.Healthy, all)
			if !r.host.vips[addr(tc.ip)] {
				t.Error("healthy: address is not there")
			}
			if got := r.host.wanted["web"].VIPs[0].Kind; got != tc.kind {
				t.Errorf("kind %v, want %v", got, tc.kind)
			}
		})
	}
}

// The subnets are not part of a vserver, but change the kind of its address.
func TestAddressChangesItsKind(t *testing.T) {
	r := newRig(t, aloneText)
	cluster := web("TCP/80", "b1=1.1.1.1")
	r.load(cluster)
	r.say(lb.Healthy, all)
	r.load(`dedicated_vip_subnet: "192.168.36.0/26"` + cluster)
	if got := r.host.wanted["web"].VIPs[0].Kind; got != lb.Dedicated {
		t.Errorf("kind %v, want %v", got, lb.Dedicated)
	}
	if s := r.service("web", "IPv4 TCP/80"); !s.Healthy || !s.Active {
		t.Errorf("service was touched: %+v", s)
	}
}

// A string of H and U is the health of the backends, one after the other; T or
// F says whether the service is up then.
func TestWatermarks(t *testing.T) {
	for name, tc := range map[string]struct {
		entry string
		steps []string
	}{
		"low below high":      {"TCP/80:low=0.49,high=0.51", []string{"HU F", "HH T", "UH T", "UU F", "UH F", "HH T"}},
		"half of two":         {"TCP/80:low=0.5,high=0.5", []string{"UU F", "HU T", "HH T", "HU T", "UU F"}},
		"two fifths":          {"TCP/80:low=0.4,high=0.4", []string{"HHHHH T", "UHHHH T", "UUHHH T", "UUUHH T", "UUUUH F", "UUUHH T", "UUUUU F", "HUUUU F", "HHUUU T", "HHHHH T"}},
		"none: one is enough": {"TCP/80", []string{"UUU F", "UUH T", "HHH T", "HUU T", "UUU F"}},
		"low not set is high": {"TCP/80:high=0.5", []string{"UU F", "HU T", "UU F", "HU T"}},
		"all":                 {"TCP/80:low=1,high=1", []string{"HHH T", "HHU F", "HHH T"}},
		"third of three":      {"TCP/80:low=0.33333334,high=0.33333334", []string{"HUU T", "UUU F", "UUH T"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, aloneText)
			n := strings.Index(tc.steps[0], " ")
			var backends []string
			for i := range n {
				backends = append(backends, fmt.Sprintf("b%d=1.1.1.%d", i, i+1))
			}
			r.load(web(tc.entry, backends...))
			for i, step := range tc.steps {
				health, want, _ := strings.Cut(step, " ")
				var report lb.VerdictReport
				for id, c := range r.checks {
					state := lb.Unhealthy
					if health[c.Backend.As4()[3]-1] == 'H' {
						state = lb.Healthy
					}
					report.Verdicts = append(report.Verdicts, lb.Verdict{ID: id, State: state})
				}
				r.do(Verdicts{report})
				s := r.service("web", "IPv4 TCP/80")
				if got := s.Healthy; got != (want == "T") || s.Active != got {
					t.Errorf("step %d, %s: healthy %v, active %v", i, step, got, s.Active)
				}
				if s.Healthy != (s.Reason == "") {
					t.Errorf("step %d, %s: healthy %v with reason %q", i, step, s.Healthy, s.Reason)
				}
				if want := float32(strings.Count(health, "H")) / float32(n); s.Current != want {
					t.Errorf("step %d: current watermark %v, want %v", i, s.Current, want)
				}
			}
		})
	}
}

// What one report says is judged at once: a service whose backends change places
// does not dip, whichever verdict comes first.
func TestOrderWithinAReportDoesNotMatter(t *testing.T) {
	for _, first := range []string{"1.1.1.1", "1.1.1.2"} {
		r := newRig(t, aloneText)
		r.load(web("TCP/80:low=0.5,high=1", "b1=1.1.1.1", "b2=1.1.1.2"))
		r.say(lb.Healthy, all)
		r.say(lb.Unhealthy, of("1.1.1.2")) // half is enough to stay
		report := lb.VerdictReport{}
		for id, c := range r.checks {
			state := lb.Unhealthy
			if c.Backend == addr("1.1.1.2") {
				state = lb.Healthy
			}
			report.Verdicts = append(report.Verdicts, lb.Verdict{ID: id, State: state})
		}
		slices.SortFunc(report.Verdicts, func(a, b lb.Verdict) int {
			if r.checks[a.ID].Backend.String() == first {
				return -1
			}
			return 1
		})
		r.do(Verdicts{report})
		if s := r.service("web", "IPv4 TCP/80"); !s.Healthy || !s.Active {
			t.Errorf("with the verdict of %s first the service went down: %s", first, s.Reason)
		}
	}
}

// A vserver without checks is healthy.
func TestWithoutChecks(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(`vserver < name: "web" rp: "x" entry_address < fqdn: "w" ipv4: "192.168.36.1/24" status: PRODUCTION >
	  vserver_entry < protocol: TCP port: 80 > backend < host < fqdn: "b1" ipv4: "1.1.1.1/24" status: PRODUCTION > > >`)
	same(t, "host", r.host.String(), text(`
		vip 192.168.36.1
		192.168.36.1:80/TCP
		  1.1.1.1:80
	`))
	if v := r.core.Vservers(nil)[0]; len(v.Warnings) == 0 {
		t.Error("there is no warning that nothing is checked")
	}
}

func TestNoBackend(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(strings.Replace(web("TCP/80", "b1=1.1.1.1"), `ipv4: "192.168.36.1/24"`, `ipv4: "192.168.36.1/24" ipv6: "2012::9/64"`, 1))
	r.say(lb.Healthy, all)
	if s := r.service("web", "IPv6 TCP/80"); s.Healthy || s.Active || s.Reason != "no backend in service" {
		t.Errorf("service without backends: %+v", s)
	}
}

// Nonsense from healthcheck is not taken for a verdict.
func TestVerdictsThatSayNothing(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.say(lb.Health(77), all)
	if s := r.service("web", "IPv4 TCP/80"); s.Healthy || s.Active {
		t.Errorf("a health of 77 was taken for healthy: %+v", s)
	}
	r.say(lb.Healthy, all)
	effects := r.step(Verdicts{lb.VerdictReport{Verdicts: []lb.Verdict{{ID: 12345, State: lb.Unhealthy}}}})
	if len(effects) > 0 {
		t.Errorf("the verdict of an unknown check has effects: %v", effects)
	}
	r.say(lb.HealthUnknown, all) // healthcheck has restarted
	if s := r.service("web", "IPv4 TCP/80"); !s.Healthy || !s.Active {
		t.Errorf("an unknown verdict took the service down: %+v", s)
	}
}

// The same verdict again is no news.
func TestRepeatedVerdictHasNoEffect(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(web("TCP/80", "b1=1.1.1.1"))
	r.say(lb.Healthy, all)
	id := slices.Collect(func(yield func(lb.CheckID) bool) {
		for id := range r.checks {
			yield(id)
		}
	})[0]
	if effects := r.step(Verdicts{lb.VerdictReport{Full: true, Verdicts: []lb.Verdict{{ID: id, State: lb.Healthy, Message: "again"}}}}); len(effects) > 0 {
		t.Errorf("effects %v, want none", effects)
	}
}
