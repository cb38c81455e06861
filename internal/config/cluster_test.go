package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seesaw/internal/lb"
)

// values compares all but the message that a cluster was read from.
var values = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
	cmpopts.IgnoreFields(Cluster{}, "Raw"),
	cmpopts.EquateEmpty(),
}

const vip = `seesaw_vip { fqdn: "vip" ipv4: "192.168.0.1/24" status: PRODUCTION }
`

// parse reads a cluster that has nothing wrong with it.
func parse(t testing.TB, text string) *Cluster {
	t.Helper()
	c, err := ParseCluster("cluster.pb", []byte(text))
	if err != nil {
		t.Fatalf("refused:\n%v", err)
	}
	for _, f := range c.Faulty {
		t.Fatalf("left out:\n%v", f.Problems)
	}
	return c
}

func v4(name, prefix string) lb.Host { return lb.Host{Name: name, IPv4: netip.MustParsePrefix(prefix)} }

func TestFieldReport(t *testing.T) {
	got := parse(t, string(readFile(t, "testdata/fieldreport.pb")))
	backend := func(name, prefix string) Backend {
		return Backend{Host: v4(name, prefix), Status: Testing, Weight: 1, Enabled: true, InService: true}
	}
	want := &Cluster{
		VIP:       v4("seesaw-vip.localdomain.", "192.168.37.80/24"),
		VIPStatus: Testing,
		Members: []Member{{
			Host: v4("node01.localdomain.", "192.168.37.76/24"), Status: Testing, Priority: 254,
			HA: true, Anycast: true, BGP: true, Vservers: true,
		}},
		BGP: BGP{LocalASN: 64512},
		Vservers: []*Vserver{{
			Name: "test-vserver", Host: v4("lb-test.localdomain.", "192.168.37.200/24"),
			Status: Testing, Enabled: true, ResponsibleParty: "admin@localdomain",
			Entries: []Entry{{
				Protocol: lb.TCP, Port: 80, Scheduler: "rr", Mode: lb.DSR,
				Checks: []Check{{
					Name: "HTTP/80_0", Kind: lb.CheckHTTP, Mode: lb.DSR, Port: 80,
					Interval: 10 * time.Second, Timeout: 5 * time.Second,
				}},
			}},
			Backends: []Backend{
				backend("backend01.localdomain.", "192.168.37.71/24"),
				backend("backend02.localdomain.", "192.168.37.72/24"),
			},
		}},
	}
	if diff := cmp.Diff(want, got, values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChecks has one check in an entry on port 0, which is for ICMP, or 99.
func TestChecks(t *testing.T) {
	second := time.Second
	for _, tt := range []struct {
		name, text string
		want       Check
	}{
		{"minimal", `type: ICMP_PING`,
			Check{Name: "ICMP/0_0", Kind: lb.CheckICMP, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}},
		{"ICMP has no port", `type: ICMP_PING port: 7`,
			Check{Name: "ICMP/0_0", Kind: lb.CheckICMP, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}},
		{"all fields", `type: HTTP interval: 100 timeout: 200 port: 99 send: "foo" receive: "bar" code: 200
			mode: DSR method: "HEAD" proxy: true retries: 3 tls_verify: false`,
			Check{Name: "HTTP/99_0", Kind: lb.CheckHTTP, Mode: lb.DSR, Port: 99, Interval: 100 * second, Timeout: 200 * second,
				Retries: 3, Send: "foo", Receive: "bar", Code: 200, Method: "HEAD", Proxy: true}},
		{"DNS", `type: DNS interval: 2 timeout: 1 port: 53 mode: DSR method: "A" send: "www.example.com" receive: "192.168.0.1"`,
			Check{Name: "DNS/53_0", Kind: lb.CheckDNS, Mode: lb.DSR, Port: 53, Interval: 2 * second, Timeout: second,
				Send: "www.example.com", Receive: "192.168.0.1", Method: "A", TLSVerify: true}},
		{"tunnel", `type: TCP_TLS mode: TUN`,
			Check{Name: "TCP_TLS/443_0", Kind: lb.CheckTLS, Mode: lb.TUN, Port: 443, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}},
		{"RADIUS", `type: RADIUS send: "user:password:secret" port: 1812`,
			Check{Name: "RADIUS/1812_0", Kind: lb.CheckRADIUS, Port: 1812, Interval: 10 * second, Timeout: 5 * second,
				Send: "user:password:secret", TLSVerify: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parse(t, vip+`vserver { name: "v" entry_address { fqdn: "v" ipv4: "192.168.36.1" } rp: ""
				vserver_entry { protocol: TCP port: 443 healthcheck { `+tt.text+` } } }`)
			if diff := cmp.Diff([]Check{tt.want}, c.Vservers[0].Entries[0].Checks); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCheckNames wants a name of its own for each check, whatever their order.
func TestCheckNames(t *testing.T) {
	checks := []string{
		`type: HTTPS`, `type: HTTP`, `type: TCP_TLS`, `type: TCP`, `type: TCP send: "b"`, `type: TCP send: "a"`,
		`type: TCP port: 81`, `type: TCP mode: DSR`, `type: TCP retries: 1`, `type: TCP proxy: true`, `type: TCP tls_verify: false`,
		`type: TCP interval: 11`, `type: TCP timeout: 6`, `type: TCP code: 1`, `type: TCP method: "x"`, `type: TCP receive: "x"`,
	}
	names := func(checks []string) map[string]Check {
		c := parse(t, vip+`vserver { name: "v" entry_address { fqdn: "v" ipv4: "192.168.36.1" } rp: ""
			vserver_entry { protocol: TCP port: 80 healthcheck {`+strings.Join(checks, "}\nhealthcheck {")+`} } }`)
		named := make(map[string]Check)
		for _, check := range c.Vservers[0].Entries[0].Checks {
			named[check.Name] = check
		}
		return named
	}
	want := names(checks)
	if len(want) != len(checks) {
		t.Errorf("%d names for %d checks: %v", len(want), len(checks), want)
	}
	for _, name := range []string{"HTTPS/80_0", "HTTP/80_0", "TCP_TLS/80_0", "TCP/81_0", "TCP/80_10"} {
		if _, ok := want[name]; !ok {
			t.Errorf("no check is called %s: %v", name, want)
		}
	}
	for i := range checks {
		turned := append(append([]string{}, checks[i:]...), checks[:i]...)
		if diff := cmp.Diff(want, names(turned)); diff != "" {
			t.Fatalf("the order of the file changes the names (-want +got):\n%s", diff)
		}
	}
}

func TestMembers(t *testing.T) {
	flags := func(m Member, anycast, bgp, vservers bool) Member {
		m.Anycast, m.BGP, m.Vservers = anycast, bgp, vservers
		return m
	}
	five, six := v4("n5", "192.168.0.5/24"), v4("n6", "192.168.0.6/24")
	for _, tt := range []struct {
		name, vip, nodes string
		want             []Member
	}{
		{"none", "PRODUCTION", ``, nil},
		{"two in production", "PRODUCTION", `6 PRODUCTION, 5 PRODUCTION`, []Member{
			flags(Member{Host: five, Status: Production, Priority: 254, HA: true}, true, true, true),
			flags(Member{Host: six, Status: Production, Priority: 253, HA: true}, true, true, true)}},
		{"VIP disabled", "DISABLED", `5 PRODUCTION`, []Member{
			flags(Member{Host: five, Status: Production, Priority: 254}, true, true, true)}},
		{"VIP and node disabled", "DISABLED", `5 DISABLED`, []Member{{Host: five, Status: Disabled, Priority: 254}}},
		{"node disabled", "PRODUCTION", `6 DISABLED`, []Member{{Host: six, Status: Disabled, Priority: 254}}},
		{"rank regardless of status", "PRODUCTION", `6 PRODUCTION, 5 DISABLED`, []Member{
			{Host: five, Status: Disabled, Priority: 254},
			flags(Member{Host: six, Status: Production, Priority: 253, HA: true}, true, true, true)}},
		{"both building", "BUILDING", `5 BUILDING`, []Member{
			flags(Member{Host: five, Status: Building, Priority: 254, HA: true}, false, true, false)}},
		{"statuses differ", "PRODUCTION", `5 TESTING`, []Member{
			flags(Member{Host: five, Status: Testing, Priority: 254}, true, true, true)}},
		{"standby", "STANDBY", `5 STANDBY`, []Member{{Host: five, Status: Standby, Priority: 254}}},
		{"no status is production", "", `5 `, []Member{
			flags(Member{Host: five, Status: Production, Priority: 254, HA: true}, true, true, true)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status := func(s string) string {
				if s == "" {
					return ""
				}
				return " status: " + s
			}
			text := `seesaw_vip { fqdn: "vip" ipv4: "192.168.0.1"` + status(tt.vip) + " }\n"
			for node := range strings.SplitSeq(tt.nodes, ", ") {
				if n, s, ok := strings.Cut(node, " "); ok {
					text += `node { fqdn: "n` + n + `" ipv4: "192.168.0.` + n + `/24"` + status(s) + " }\n"
				}
			}
			if diff := cmp.Diff(tt.want, parse(t, text).Members, values); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMembersRankAndFind(t *testing.T) {
	c := parse(t, vip+`
		node { fqdn: "c" ipv6: "2001:db8::3" }
		node { fqdn: "b" ipv4: "192.168.0.20/24" ipv6: "2001:db8::1" }
		node { fqdn: "a" ipv4: "192.168.0.100/24" }`)
	var names []string
	for _, m := range c.Members {
		names = append(names, m.Host.Name)
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, names); diff != "" {
		t.Errorf("rank: by IPv4 address, then IPv6 (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		addrs Addrs
		want  string
	}{
		{Addrs{IPv4: netip.MustParseAddr("192.168.0.100")}, "a"},
		{Addrs{IPv6: netip.MustParseAddr("2001:db8::3")}, "c"},
		{Addrs{IPv4: netip.MustParseAddr("192.168.0.20"), IPv6: netip.MustParseAddr("2001:db8::3")}, "b"},
		{Addrs{IPv4: netip.MustParseAddr("192.168.0.7"), IPv6: netip.MustParseAddr("2001:db8::3")}, "c"},
		{Addrs{IPv4: netip.MustParseAddr("192.168.0.7")}, ""},
		{Addrs{}, ""},
	} {
		m, found := c.Member(tt.addrs)
		if m.Host.Name != tt.want || found != (tt.want != "") {
			t.Errorf("Member(%v) = %q, %v, want %q", tt.addrs, m.Host.Name, found, tt.want)
		}
	}
}

func TestVservers(t *testing.T) {
	c := parse(t, string(readFile(t, "testdata/vservers.pb")))
	second := time.Second
	dns := Check{Name: "DNS/53_0", Kind: lb.CheckDNS, Port: 53, Interval: 10 * second, Timeout: 5 * second,
		Send: "www.example.com", Receive: "192.0.2.80", Method: "A", TLSVerify: true}
	host := func(name, four, six string) lb.Host {
		h := v4(name, four)
		if six != "" {
			h.IPv6 = netip.MustParsePrefix(six)
		}
		return h
	}
	want := []*Vserver{
		{
			Name: "dns.resolver@au-syd", Host: host("dns-anycast.example.com", "192.168.255.1/24", "2015:cafe:36:0:a800:1ff:ffee:dd01/64"),
			Status: Production, Enabled: true, ResponsibleParty: "corpdns@example.com", UseFWM: true,
			Entries: []Entry{
				{Protocol: lb.TCP, Port: 53, Scheduler: "wlc", Mode: lb.DSR, Checks: []Check{dns}},
				{Protocol: lb.UDP, Port: 53, Scheduler: "wlc", Mode: lb.DSR, Checks: []Check{dns}},
			},
			Backends: []Backend{
				{Host: host("dns1-1", "192.168.36.2/26", "2015:cafe:36::2/64"), Status: Production, Weight: 5, Enabled: true, InService: true},
				{Host: host("dns1-2", "192.168.36.3/26", "2015:cafe:36::3/64"), Status: Failure, Weight: 4, InService: true},
				{Host: host("dns1-3", "192.168.36.4/26", ""), Status: Proposed, Weight: 1},
				{Host: host("dns1-4", "192.168.36.5/26", ""), Status: Building, Weight: 0},
			},
			Warnings: []string{"a warning", "no answer on Sundays"},
		},
		{
			Name: "irc.server@au-syd", Host: host("irc-anycast.example.com", "192.168.36.1/26", ""),
			Status: Testing, Enabled: true, ResponsibleParty: "irc@example.com",
			Entries: []Entry{
				{Protocol: lb.TCP, Port: 6667, Scheduler: "wrr", Mode: lb.NAT, Persistence: 100 * second,
					Low: .4, High: .8, LThreshold: 10, UThreshold: 20, Quiescent: true,
					Checks: []Check{{Name: "TCP/6667_0", Kind: lb.CheckTCP, Port: 6667, Interval: 10 * second, Timeout: 5 * second,
						Send: "ADMIN\r\n", Receive: ":", TLSVerify: true}}},
				{Protocol: lb.TCP, Port: 6697, Scheduler: "mh", Mode: lb.TUN, Low: .5, High: .5,
					Checks: []Check{{Name: "TCP_TLS/6697_0", Kind: lb.CheckTLS, Port: 6697, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}}},
			},
			Checks: []Check{{Name: "HTTPS/16767_0", Kind: lb.CheckHTTPS, Port: 16767, Interval: 10 * second, Timeout: 5 * second,
				Send: "/", Code: 200, TLSVerify: true}},
			Backends: []Backend{{Host: host("irc1-1", "192.168.36.6/26", ""), Status: Production, Weight: 1, Enabled: true, InService: true}},
			Grants:   []Grant{{Grantee: "irc-admin", Group: true, Admin: true}, {Grantee: "irc-oncall", Group: true}, {Grantee: "joe", Admin: true}},
		},
		{
			Name: "rtp@au-syd", Host: host("rtp", "192.168.37.9/32", ""), Status: Disabled,
			Entries: []Entry{
				{Protocol: lb.TCP, Port: 0, Scheduler: "sed", Mode: lb.DSR, Persistence: 60 * second,
					Checks: []Check{{Name: "TCP/5060_0", Kind: lb.CheckTCP, Port: 5060, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}}},
				{Protocol: lb.UDP, Port: 5004, Scheduler: "ovf", Mode: lb.DSR, OnePacket: true, Low: .25, High: .25,
					Checks: []Check{{Name: "ICMP/0_0", Kind: lb.CheckICMP, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}}},
				{Protocol: lb.SCTP, Port: 3868, Scheduler: "lblcr", Mode: lb.DSR,
					Checks: []Check{{Name: "ICMP/0_0", Kind: lb.CheckICMP, Interval: 10 * second, Timeout: 5 * second, TLSVerify: true}}},
			},
			Backends: []Backend{{Host: host("rtp1", "192.168.37.10/32", ""), Status: Standby, Weight: 65535, InService: true}},
		},
	}
	if diff := cmp.Diff(want, c.Vservers, values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v := c.Vserver("irc.server@au-syd"); v != c.Vservers[1] {
		t.Errorf("found by name: %v", v)
	}
	if s := c.Vservers[0].Backends[1].Status.String(); s != "FAILURE" {
		t.Errorf("status %s", s)
	}
	if v := c.Vserver("irc"); v != nil {
		t.Errorf("found by half a name: %v", v)
	}
	for addr, want := range map[string]lb.VIPKind{
		"192.168.255.1": lb.Anycast, "192.168.36.1": lb.Dedicated, "2015:cafe:36:0:a800:1ff:ffee:dd01": lb.Dedicated, "192.168.37.9": lb.Unicast,
	} {
		if got := c.VIPKind(netip.MustParseAddr(addr)); got != want {
			t.Errorf("VIPKind(%s) = %v, want %v", addr, got, want)
		}
	}
	var notices []string
	for _, n := range c.Notices {
		notices = append(notices, n.String())
	}
	if len(notices) > 0 {
		t.Errorf("notices: %q", notices)
	}
}

func TestRestOfCluster(t *testing.T) {
	got := parse(t, string(readFile(t, "testdata/cluster_part.pb")))
	want := &Cluster{
		VIP:       lb.Host{Name: "vip", IPv6: netip.MustParsePrefix("2015:cafe::1/64")},
		VIPStatus: Production,
		VLANs: []lb.VLAN{
			{ID: 114, Host: v4("vlan114", "192.168.36.1/28")},
			{ID: 116, Host: v4("vlan116", "192.168.36.17/29")},
		},
		AccessGroups: []AccessGroup{{"admins", []string{"ann", "bob"}}, {"empty", nil}},
		BGP:          BGP{LocalASN: 64600, RemoteASN: 64601, Peers: []lb.Host{v4("r1", "192.168.10.254/32"), v4("r2", "192.168.10.253/32")}},
		DedicatedSubnets: []netip.Prefix{
			netip.MustParsePrefix("192.168.9.0/24"), netip.MustParsePrefix("192.168.12.7/32"), netip.MustParsePrefix("2015:cafe:9::/64"),
		},
		LastUpdated: time.Date(2015, 7, 1, 0, 0, 0, 0, time.UTC),
		Attributes:  []Attribute{{"revision", "17"}, {"author", "ann"}},
		Warnings:    []string{"a: no VIP", "b: "},
	}
	if diff := cmp.Diff(want, got, values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVLANUse(t *testing.T) {
	c := parse(t, string(readFile(t, "testdata/vlans.pb")))
	var got []VLANUse
	for _, use := range c.VLANUse() {
		use.VLAN.Host = lb.Host{}
		got = append(got, use)
	}
	want := []VLANUse{
		{VLAN: lb.VLAN{ID: 100}, Backends: PerFamily{IPv4: 2, IPv6: 1}, VIPs: PerFamily{IPv4: 1}},
		{VLAN: lb.VLAN{ID: 101}, Backends: PerFamily{IPv4: 1, IPv6: 2}, VIPs: PerFamily{IPv6: 1}},
	}
	if diff := cmp.Diff(want, got, values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIsAnycast(t *testing.T) {
	for addr, want := range map[string]bool{
		"192.168.23.1": false, "192.168.255.1": true, "192.168.255.255": true, "192.168.254.255": false,
		"2012::cafe": false, "2015:cafe:ffff::1": true, "2015:cafe:ffff:0:ffff:ffff:ffff:ffff": true, "2015:cafe:ffff:1::": false,
	} {
		if got := IsAnycast(netip.MustParseAddr(addr)); got != want {
			t.Errorf("IsAnycast(%s) = %v", addr, got)
		}
	}
}

// TestOldForms reads one cluster in all the ways in which files are written.
func TestOldForms(t *testing.T) {
	const plain = vip + `node { fqdn: "n" ipv4: "192.168.0.2/24" } dedicated_vip_subnet: "10.0.0.0/8" dedicated_vip_subnet: "11.0.0.0/8"`
	want := parse(t, plain)
	for name, text := range map[string]string{
		"angle brackets": `seesaw_vip: < fqdn: "vip" ipv4: "192.168.0.1/24" status: PRODUCTION > node < fqdn: "n" ipv4: "192.168.0.2/24" > dedicated_vip_subnet: "10.0.0.0/8" dedicated_vip_subnet: "11.0.0.0/8"`,
		"commas":         `seesaw_vip: { fqdn: "vip", ipv4: "192.168.0.1/24", status: PRODUCTION, }, node { fqdn: "n"; ipv4: "192.168.0.2/24"; }; dedicated_vip_subnet: "10.0.0.0/8", dedicated_vip_subnet: "11.0.0.0/8",`,
		"lists":          `seesaw_vip { fqdn: 'vip' ipv4: "192.168." "0.1/24" status: 1 } node: [{ fqdn: "n" ipv4: "192.168.0.2/24" }] dedicated_vip_subnet: ["10.0.0.0/8", "11.0.0.0/8"]`,
		"comments":       "# one\n" + strings.ReplaceAll(plain, "}", "# }\n}") + " # last",
		"returns":        strings.ReplaceAll(plain, " ", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, parse(t, text), values); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
