package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// resolver is a vserver with an anycast IPv4 and a unicast IPv6 address, two
// ports and two backends; every check has a port of its own.
const resolver = `
vserver <
  name: "dns.resolver@au-syd"
  entry_address < fqdn: "dns-anycast.example.com" ipv4: "192.168.255.1/24" ipv6: "2012::1/64" status: PRODUCTION >
  rp: "dns@example.com"
  vserver_entry <
    protocol: UDP port: 53 scheduler: WRR
    healthcheck < type: TCP port: 1 > healthcheck < type: TCP port: 2 >
  >
  vserver_entry <
    protocol: TCP port: 8053 scheduler: WRR server_low_watermark: 0.1 server_high_watermark: 0.2
    healthcheck < type: TCP port: 3 > healthcheck < type: TCP port: 4 >
  >
  healthcheck < type: TCP port: 5 >
  backend < host < fqdn: "dns1-1" ipv4: "1.1.1.10/24" ipv6: "2012::10/64" status: PRODUCTION > weight: 1 >
  backend < host < fqdn: "dns1-2" ipv4: "1.1.1.11/24" ipv6: "2012::11/64" status: PRODUCTION > weight: 2 >
>
`

// marked is resolver with firewall marks. Its entries agree, as they must.
var marked = strings.NewReplacer(`rp: "dns@example.com"`, `rp: "dns@example.com" use_fwm: true`,
	"server_low_watermark: 0.1 server_high_watermark: 0.2", "").Replace(resolver)

const (
	resolverName = "dns.resolver@au-syd"
	udp4, tcp4   = "IPv4 UDP/53", "IPv4 TCP/8053"
	udp6, tcp6   = "IPv6 UDP/53", "IPv6 TCP/8053"
)

func TestExpansion(t *testing.T) {
	r := newRig(t, aloneText)
	if got := r.core.Vservers(nil); len(got) != 0 {
		t.Errorf("before any config there are %d vservers", len(got))
	}
	r.load(resolver)

	views := r.core.Vservers(nil)
	if len(views) != 1 || !views[0].Enabled || len(views[0].Services) != 4 {
		t.Fatalf("got %+v, want one enabled vserver with 4 services", views)
	}
	var names []string
	for _, s := range views[0].Services {
		if s.Healthy || s.Active || !s.Enabled || s.Current != 0 {
			t.Errorf("%s: healthy %v, active %v, enabled %v, current %v before the first verdict", s.Name(), s.Healthy, s.Active, s.Enabled, s.Current)
		}
		for _, d := range s.Destinations {
			names = append(names, d.Name)
		}
	}
	same(t, "destinations", names, []string{
		"dns.resolver@au-syd/1.1.1.10:8053/TCP", "dns.resolver@au-syd/1.1.1.11:8053/TCP",
		"dns.resolver@au-syd/1.1.1.10:53/UDP", "dns.resolver@au-syd/1.1.1.11:53/UDP",
		"dns.resolver@au-syd/[2012::10]:8053/TCP", "dns.resolver@au-syd/[2012::11]:8053/TCP",
		"dns.resolver@au-syd/[2012::10]:53/UDP", "dns.resolver@au-syd/[2012::11]:53/UDP",
	})
	if s := r.service(resolverName, tcp4); s.Low != 0.1 || s.High != 0.2 || s.Scheduler != "wrr" || s.Mode != lb.DSR {
		t.Errorf("TCP service is %+v", s)
	}
	if s := r.service(resolverName, udp4); s.Destinations[0].Weight != 1 || s.Destinations[1].Weight != 2 {
		t.Errorf("weights are %+v, want 1 and 2", s.Destinations)
	}
}

func TestChecksAreSharedAndCounted(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(resolver)
	if len(r.checks) != 20 {
		t.Errorf("%d checks, want 20: 5 for each of 4 backend addresses", len(r.checks))
	}
	attached := 0
	for _, ck := range r.core.checks {
		want := 1
		if ck.def.Port == 5 {
			want = 2 // of the vserver: for both ports
		}
		if len(ck.users) != want {
			t.Errorf("check of %v port %d serves %d destinations, want %d", ck.def.Backend, ck.def.Port, len(ck.users), want)
		}
		attached += len(ck.users)
	}
	if attached != 24 {
		t.Errorf("%d attachments, want 24", attached)
	}
	for _, v := range r.core.vservers {
		for _, s := range v.services {
			for _, d := range s.destinations {
				if len(d.checks) != 3 {
					t.Errorf("%s has %d checks, want 3", d.name(), len(d.checks))
				}
			}
		}
	}
}

func TestFirewallMarkService(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(marked)
	views := r.core.Vservers(nil)
	var got []string
	for _, s := range views[0].Services {
		got = append(got, fmt.Sprintf("%s port %d protocol %d", s.Name(), s.Port, s.Protocol))
		for _, d := range s.Destinations {
			got = append(got, fmt.Sprintf("%s port %d", d.Name, d.Port))
		}
	}
	same(t, "services", got, []string{
		"IPv4 FWM/256 port 0 protocol 0", "dns.resolver@au-syd/1.1.1.10 port 0", "dns.resolver@au-syd/1.1.1.11 port 0",
		"IPv6 FWM/257 port 0 protocol 0", "dns.resolver@au-syd/2012::10 port 0", "dns.resolver@au-syd/2012::11 port 0",
	})
	if len(r.checks) != 20 {
		t.Errorf("%d checks, want 20: those of all entries", len(r.checks))
	}
	r.say(lb.Healthy, all)
	same(t, "host", r.host.String(), text(`
		vip 192.168.255.1
		vip 2012::1
		IPv4 FWM/256
		  1.1.1.10:0
		  1.1.1.11:0
		IPv6 FWM/257
		  [2012::10]:0
		  [2012::11]:0
	`))
	// One check of one entry counts for the one service there is.
	r.say(lb.Unhealthy, both(of("1.1.1.10"), port(4)))
	if s := r.service(resolverName, "IPv4 FWM/256"); s.Destinations[0].Healthy || !s.Destinations[1].Healthy {
		t.Errorf("destinations %+v, want the first one down", s.Destinations)
	}
}

// The wanted service carries every attribute of the entry.
func TestWantedAttributes(t *testing.T) {
	const form = `vserver < name: "web" rp: "x" entry_address < fqdn: "web" ipv4: "192.168.36.1/24" status: PRODUCTION >
	  vserver_entry < protocol: %s port: 80 %s > backend < host < fqdn: "b1" ipv4: "1.1.1.1/24" status: PRODUCTION > weight: 7 > >`
	dest := func(mode lb.Mode, upper, lower uint32) []lb.Destination {
		return []lb.Destination{{Addr: addr("1.1.1.1"), Port: 80, Mode: mode, Weight: 7, Upper: upper, Lower: lower, Want: lb.Present}}
	}
	for name, tc := range map[string]struct {
		protocol, entry string
		want            lb.Service
	}{
		"defaults":    {"TCP", "", lb.Service{Scheduler: "wlc", Destinations: dest(lb.DSR, 0, 0)}},
		"persistent":  {"TCP", "persistence: 300", lb.Service{Scheduler: "wlc", Persistence: 300 * time.Second, Destinations: dest(lb.DSR, 0, 0)}},
		"one packet":  {"UDP", "one_packet: true scheduler: RR", lb.Service{Scheduler: "rr", Flags: lb.OnePacket, Destinations: dest(lb.DSR, 0, 0)}},
		"source hash": {"TCP", "scheduler: SH mode: TUN", lb.Service{Scheduler: "sh", Flags: lb.Fallback | lb.HashPort, Destinations: dest(lb.TUN, 0, 0)}},
		"maglev":      {"TCP", "scheduler: MH mode: NAT", lb.Service{Scheduler: "mh", Flags: lb.Fallback | lb.HashPort, Destinations: dest(lb.NAT, 0, 0)}},
		"thresholds":  {"TCP", "uthreshold: 20 lthreshold: 10", lb.Service{Scheduler: "wlc", Destinations: dest(lb.DSR, 20, 10)}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, aloneText)
			r.load(fmt.Sprintf(form, tc.protocol, tc.entry))
			tc.want.Want = lb.Present
			tc.want.Key = lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: addr("192.168.36.1"), Port: 80}
			if tc.protocol == "UDP" {
				tc.want.Key.Protocol = lb.UDP
			}
			same(t, "service", r.host.wanted["web"].Services, []lb.Service{tc.want})
		})
	}
}

// A backend gets traffic and counts for the watermarks as its status says.
func TestBackendStatus(t *testing.T) {
	for status, want := range map[string]struct {
		wanted  bool
		current float32 // with one healthy backend beside it
	}{
		"PRODUCTION": {true, 1}, "TESTING": {true, 1},
		"STANDBY": {false, 0.5}, "FAILURE": {false, 0.5}, "DISABLED": {false, 0.5},
		"BUILDING": {false, 1}, "PROPOSED": {false, 1},
	} {
		t.Run(status, func(t *testing.T) {
			r := newRig(t, aloneText)
			r.load(web("TCP/80:low=0.1,high=0.1", "b1=1.1.1.1", "b2=1.1.1.2/"+status))
			r.say(lb.Healthy, all)
			s := r.service("web", "IPv4 TCP/80")
			got := len(r.host.there[key("192.168.36.1:80/TCP")]) == 2
			if got != want.wanted || s.Current != want.current {
				t.Errorf("gets traffic: %v, current watermark %v; want %v, %v", got, s.Current, want.wanted, want.current)
			}
			if d := s.Destinations[1]; !want.wanted && (d.Enabled || d.Healthy || !strings.Contains(d.Reason, status)) {
				t.Errorf("destination is %+v, want it disabled with the status as reason", d)
			}
			if checks := len(r.checks); want.wanted != (checks == 2) {
				t.Errorf("%d checks: a backend has one only where it may get traffic", checks)
			}
		})
	}
}

func TestCheckDefinitions(t *testing.T) {
	const form = `vserver < name: "web" rp: "x" entry_address < fqdn: "web" ipv4: "192.168.36.1/24" status: PRODUCTION >
	  vserver_entry < protocol: TCP port: 80 healthcheck < type: HTTP interval: 100 timeout: 50 retries: 2 send: "/x" receive: "ok" code: 204 method: "HEAD" %s > >
	  backend < host < fqdn: "b1" ipv4: "1.1.1.1/24" status: PRODUCTION > > >`
	plain := lb.Check{
		Kind: lb.CheckHTTP, Addr: addr("1.1.1.1"), Backend: addr("1.1.1.1"), Port: 80,
		Interval: 100 * time.Second, Timeout: 50 * time.Second, Retries: 2,
		Send: "/x", Receive: "ok", Code: 204, Method: "HEAD", TLSVerify: true,
	}
	through := plain
	through.Addr, through.Source, through.Mark, through.Mode = addr("192.168.36.1"), addr("192.168.10.2"), 65536, lb.DSR
	tunnel := through
	tunnel.Mode = lb.TUN
	for name, tc := range map[string]struct {
		more   string
		want   lb.Check
		probes []lb.ProbeMark
	}{
		"plain": {"", plain, nil},
		"DSR":   {"mode: DSR", through, []lb.ProbeMark{{Mark: 65536, Backend: addr("1.1.1.1"), Mode: lb.DSR}}},
		"TUN":   {"mode: TUN", tunnel, []lb.ProbeMark{{Mark: 65536, Backend: addr("1.1.1.1"), Mode: lb.TUN}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, aloneText)
			r.load(fmt.Sprintf(form, tc.more))
			for _, got := range r.checks {
				if got.ID == 0 {
					t.Error("the check has no id")
				}
				got.ID = 0
				same(t, "check", got, tc.want)
			}
			same(t, "probes", r.host.node.Probes, tc.probes)
			if len(r.checks) != 1 {
				t.Errorf("%d checks, want 1", len(r.checks))
			}
		})
	}
}

// Every field of a check is part of its identity, its mark alone is not.
func TestCheckIdentity(t *testing.T) {
	base := lb.Check{Kind: lb.CheckTCP, Addr: addr("1.1.1.1"), Backend: addr("1.1.1.1"), Port: 80, Interval: time.Second, Send: "a", Receive: "b"}
	seen := map[lb.CheckID]string{checkID(base): "base"}
	for name, change := range map[string]func(*lb.Check){
		"kind":       func(c *lb.Check) { c.Kind = lb.CheckTLS },
		"address":    func(c *lb.Check) { c.Addr = addr("1.1.1.2") },
		"backend":    func(c *lb.Check) { c.Backend = addr("1.1.1.2") },
		"source":     func(c *lb.Check) { c.Source = addr("1.1.1.2") },
		"port":       func(c *lb.Check) { c.Port = 81 },
		"mode":       func(c *lb.Check) { c.Mode = lb.DSR },
		"interval":   func(c *lb.Check) { c.Interval *= 2 },
		"timeout":    func(c *lb.Check) { c.Timeout = time.Second },
		"retries":    func(c *lb.Check) { c.Retries = 1 },
		"code":       func(c *lb.Check) { c.Code = 200 },
		"send":       func(c *lb.Check) { c.Send = "ab"; c.Receive = "" },
		"receive":    func(c *lb.Check) { c.Send = ""; c.Receive = "ab" },
		"method":     func(c *lb.Check) { c.Method = "GET" },
		"proxy":      func(c *lb.Check) { c.Proxy = true },
		"tls verify": func(c *lb.Check) { c.TLSVerify = true },
	} {
		c := base
		change(&c)
		if other, twice := seen[checkID(c)]; twice {
			t.Errorf("%s: same id as %s", name, other)
		}
		seen[checkID(c)] = name
	}
	other := base
	other.Mark = 5
	if checkID(other) != checkID(base) {
		t.Error("the mark changes the id: a restart would run every probe anew")
	}
}

// Identical probes are run once, whoever wants them.
func TestIdenticalChecksOfTwoVservers(t *testing.T) {
	one := web("TCP/80", "b1=1.1.1.1", "b2=1.1.1.2")
	two := strings.NewReplacer(`"web"`, `"web2"`, "192.168.36.1", "192.168.36.2").Replace(one)
	r := newRig(t, aloneText)
	r.load(one + two)
	if len(r.checks) != 2 {
		t.Fatalf("%d checks, want 2", len(r.checks))
	}
	r.say(lb.Healthy, all)
	for _, name := range []string{"web", "web2"} {
		if s := r.service(name, "IPv4 TCP/80"); !s.Healthy || !s.Active {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// One of them goes: the other keeps its checks and what is known of them.
	r.load(two)
	if s := r.service("web2", "IPv4 TCP/80"); len(r.checks) != 2 || !s.Healthy || !s.Active {
		t.Errorf("after one left: %d checks, %+v", len(r.checks), s)
	}
	r.load("")
	if len(r.checks) != 0 || len(r.core.checks) != 0 || r.host.String() != "" {
		t.Errorf("after both left: checks %v, host %s", r.checks, r.host)
	}
}

// A full set for a healthcheck that joins says what the changes have said.
func TestWholeSetOfChecks(t *testing.T) {
	r := newRig(t, aloneText)
	r.load(resolver)
	r.load(strings.Replace(resolver, "port: 4 >", "port: 6 >", 1))
	u, _ := r.core.Checks()
	if !u.Full || len(u.Removed) > 0 || !slices.IsSortedFunc(u.Changed, byID) {
		t.Errorf("set is %+v, want a full one, sorted", u)
	}
	got := map[lb.CheckID]lb.Check{}
	for _, c := range u.Changed {
		got[c.ID] = c
	}
	same(t, "set", got, r.checks)
}
