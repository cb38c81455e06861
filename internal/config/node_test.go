package config

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/lb"
)

// defaults is the node of the shortest file that there can be.
func defaults() *Node {
	return &Node{
		Cluster: "test", AnycastEnabled: true,
		VIPs:  Addrs{IPv4: netip.MustParseAddr("192.0.2.1")},
		Addrs: Addrs{IPv4: netip.MustParseAddr("192.0.2.2")},
		VRID:  60, UseVMAC: true, AnnounceEvery: 10 * time.Second,
		NodeInterface: "eth0", LBInterface: "eth1",
		AdvertInterval: 200 * time.Millisecond, StateDir: "/var/lib/seesaw",
	}
}

const shortest = "[cluster]\nname = test\nnode_ipv4 = 192.0.2.2\nvip_ipv4 = 192.0.2.1\n"

func TestParseNode(t *testing.T) {
	six := func(a string) netip.Addr { return netip.MustParseAddr(a) }
	for _, tt := range []struct {
		name, text string
		change     func(*Node)
	}{
		{"defaults", shortest, func(*Node) {}},
		{"field report", string(readFile(t, "testdata/fieldreport.cfg")), func(n *Node) {
			n.AnycastEnabled = false
			n.VIPs.IPv4, n.Addrs.IPv4 = six("192.168.37.80"), six("192.168.37.76")
			n.ConfigServers = []string{"seesaw-config.localdomain:10255"}
			n.NodeInterface, n.LBInterface = "eno16777728", "eno33554960"
		}},
		{"IPv6 alone", "[cluster]\nname = test\nnode_ipv6 = 2001:db8::2\nvip_ipv6 = 2001:db8::1\npeer_ipv6 = 2001:db8::3\n", func(n *Node) {
			n.VIPs, n.Addrs = Addrs{IPv6: six("2001:db8::1")}, Addrs{IPv6: six("2001:db8::2")}
			n.PeerAddrs = Addrs{IPv6: six("2001:db8::3")}
		}},
		{"everything", shortest + `peer_ipv4 = 192.0.2.3
peer_ipv6: 2001:db8::3
node_ipv6 : 2001:db8::2
vip_ipv6=2001:db8::1
anycast_enabled = off
use_vmac = N
garp_interval_sec = 3
vrid = 255
[config_server]
primary = conf1
secondary = conf2:443
tertiary = HTTPS://conf3.example.net:8443/config/?x
[interface]
node = bond0.7
lb = br-lan
[ha]
advert_interval = 0.01s
preempt = 1
[peer]
ca = /ca
cert = /cert
key = /key
[state]
dir = /srv/state
[extra_service_anycast]
b = 2015:cafe:ffff::53
a = 192.168.255.53
again = 192.168.255.53
`, func(n *Node) {
			n.PeerAddrs = Addrs{IPv4: six("192.0.2.3"), IPv6: six("2001:db8::3")}
			n.Addrs.IPv6, n.VIPs.IPv6 = six("2001:db8::2"), six("2001:db8::1")
			n.AnycastEnabled, n.UseVMAC, n.AnnounceEvery, n.VRID = false, false, 3*time.Second, 255
			n.ConfigServers = []string{"conf1:10255", "conf2:443", "conf3.example.net:8443"}
			n.NodeInterface, n.LBInterface = "bond0.7", "br-lan"
			n.AdvertInterval, n.Preempt = 10*time.Millisecond, true
			n.PeerCA, n.PeerCert, n.PeerKey = "/ca", "/cert", "/key"
			n.StateDir = "/srv/state"
			n.ExtraAnycast = []netip.Addr{six("192.168.255.53"), six("2015:cafe:ffff::53")}
		}},
		{"cases and comments", "# one\n; two\nRemember to change the rest\nREM three\nremote = lost\n" +
			"[CLUSTER]\nNAME = test ; four\nNode_IPv4 = 192.0.2.2\t# five\nvip_ipv4 = 192.0.2.1\n" +
			"[interface]\nlb = eth1#6\n", func(n *Node) { n.LBInterface = "eth1#6" }},
		{"other line ends", "\ufeff[cluster]\r\nname = test\r\nnode_ipv4 = 192.0.2.2\r\nvip_ipv4 = 192.0.2.1\r\n", func(*Node) {}},
		{"quotes are no part of a value", shortest + "[interface]\nnode = \"eth0\"\nlb = 'eth1'\n", func(*Node) {}},
		{"one option in another", shortest + "[peer]\nca = /ssl/ca\ncert = %(ca)s.cert\nkey = %(ca)s.key\n", func(n *Node) {
			n.PeerCA, n.PeerCert, n.PeerKey = "/ssl/ca", "/ssl/ca.cert", "/ssl/ca.key"
		}},
		{"a section in two pieces", shortest + "[ha]\npreempt = true\n[cluster]\nvrid = 7\n", func(n *Node) { n.VRID, n.Preempt = 7, true }},
		{"blank servers", shortest + "[config_server]\nprimary =\nsecondary = conf2\n", func(n *Node) { n.ConfigServers = []string{"conf2:10255"} }},
		{"empty sections", shortest + "[config_server]\n[peer]\n[ha]\n[extra_service_anycast]\n", func(*Node) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := defaults()
			tt.change(want)
			got, err := ParseNode("seesaw.cfg", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, values); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range lb.Families() {
				if a := got.Addrs.Addr(f); a.IsValid() != slices.Contains(got.Addrs.List(), a) || a.IsValid() && lb.FamilyOf(a) != f {
					t.Errorf("Addr(%v) = %v of %v", f, a, got.Addrs.List())
				}
			}
			if got.HasPeer() != want.PeerAddrs.Any() {
				t.Errorf("HasPeer() = %v", got.HasPeer())
			}
		})
	}
}

func TestServerAddress(t *testing.T) {
	for text, want := range map[string]string{
		"conf":                          "conf:10255",
		"conf.example.net.":             "conf.example.net.:10255",
		"conf:1":                        "conf:1",
		"192.0.2.1":                     "192.0.2.1:10255",
		"192.0.2.1:99":                  "192.0.2.1:99",
		"2001:db8::1":                   "[2001:db8::1]:10255",
		"[2001:db8::1]":                 "[2001:db8::1]:10255",
		"[2001:db8::1]:99":              "[2001:db8::1]:99",
		"https://conf":                  "conf:10255",
		"https://conf/":                 "conf:10255",
		"https://conf:65535/a:b/c":      "conf:65535",
		"https://[2001:db8::1]/x":       "[2001:db8::1]:10255",
		"":                              "",
		"https:///x":                    "",
		"conf/":                         "",
		"conf:":                         "",
		"conf:0":                        "",
		"conf:65536":                    "",
		"conf:http":                     "",
		"[conf]":                        "",
		"[2001:db8::1":                  "",
		"2001:db8::1]":                  "",
		"[192.0.2.1]:99":                "",
		"user@conf":                     "",
		"http://conf":                   "",
		"ftp://conf":                    "",
		"two hosts":                     "",
		"https://user:secret@conf:443/": "",
	} {
		got, why := serverAddress(text)
		if got != want || (why == "") != (want != "") {
			t.Errorf("serverAddress(%q) = %q, %q, want %q", text, got, why, want)
		}
	}
}
