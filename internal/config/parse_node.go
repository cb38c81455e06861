package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultStateDir is Node.StateDir where seesaw.cfg does not say.
const DefaultStateDir = "/var/lib/seesaw"

// configServerPort is where a config server listens.
const configServerPort = 10255

// ParseNode reads seesaw.cfg. The name is for messages. An error is of type
// Problems and has all that is wrong with the file.
func ParseNode(name string, data []byte) (*Node, error) {
	os, err := readOptions(name, data)
	if err != nil {
		return nil, err
	}
	n := new(Node)
	n.readCluster(os.section("cluster"))
	n.ConfigServers = readConfigServers(os.section("config_server"))
	n.readInterfaces(os.section("interface"))
	n.readHA(os.section("ha"))
	n.readPeer(os.section("peer"))
	state := os.section("state")
	n.StateDir = state.text("dir", DefaultStateDir)
	if !strings.HasPrefix(n.StateDir, "/") {
		state.find("dir").fault("want an absolute path")
	}
	n.ExtraAnycast = readExtraAnycast(os.section("extra_service_anycast"))
	os.unasked()
	if err := os.err(); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *Node) readCluster(s *section) {
	n.Cluster = s.text("name", "")
	if s.find("name") == nil {
		s.missing("name", "missing: the cluster needs a name")
	}
	n.AnycastEnabled = s.flag("anycast_enabled", true)
	n.VIPs, n.Addrs, n.PeerAddrs = s.addrs("vip"), s.addrs("node"), s.addrs("peer")
	n.UseVMAC = s.flag("use_vmac", true)
	n.AnnounceEvery = time.Duration(s.number("garp_interval_sec", 10, 1, 3600)) * time.Second
	n.VRID = uint8(s.number("vrid", 60, 1, 255))
	for _, need := range []struct{ name, what string }{
		{"vip", "the address that the leading node holds"},
		{"node", "this node's own address, as in the cluster file"},
	} {
		v4, v6 := need.name+"_ipv4", need.name+"_ipv6"
		if s.find(v4) == nil && s.find(v6) == nil {
			s.missing(v4, "missing, and "+v6+" too: give one or both, "+need.what)
		}
	}
	s.allDifferent("vip_ipv4", "node_ipv4", "peer_ipv4")
	s.allDifferent("vip_ipv6", "node_ipv6", "peer_ipv6")
}

// allDifferent notes options that have one address.
func (s *section) allDifferent(names ...string) {
	seen := make(map[netip.Addr]string)
	for _, name := range names {
		o := s.find(name)
		if o == nil {
			continue
		}
		a, err := netip.ParseAddr(o.value)
		if err != nil {
			continue // reported already
		}
		if other, taken := seen[a]; taken {
			o.fault("the same address as " + other + "; want one of its own")
			continue
		}
		seen[a] = name
	}
}

func (n *Node) readInterfaces(s *section) {
	n.NodeInterface = s.interfaceName("node", "eth0")
	n.LBInterface = s.interfaceName("lb", "eth1")
	if n.NodeInterface == n.LBInterface {
		o := cmp.Or(s.find("lb"), s.find("node"))
		o.fault("node and lb name one interface: load balancing needs one of its own")
	}
}

// interfaceName reads the name of a network interface: any that Linux has, that
// is 1 to 15 bytes without a slash, a colon or white space.
func (s *section) interfaceName(name, fallback string) string {
	o := s.get(name)
	if o == nil {
		return fallback
	}
	if v := o.value; len(v) > 15 || v == "." || v == ".." || strings.ContainsAny(v, "/: \t\v\f\r\n") {
		o.fault("not a name that a network interface can have (1 to 15 bytes, no slash, colon or blank)")
	}
	return o.value
}

func (n *Node) readHA(s *section) {
	const step = 10 * time.Millisecond
	n.AdvertInterval = s.duration("advert_interval", 200*time.Millisecond, step, 4095*step, step)
	n.Preempt = s.flag("preempt", false)
}

func (n *Node) readPeer(s *section) {
	n.PeerCA, n.PeerCert, n.PeerKey = s.text("ca", ""), s.text("cert", ""), s.text("key", "")
	if len(s.keys) == 0 {
		return
	}
	for _, name := range s.known {
		if s.find(name) == nil {
			s.missing(name, "missing: give ca, cert and key together, or none of them")
		}
	}
}

func readConfigServers(s *section) []string {
	var servers []string
	for _, name := range []string{"primary", "secondary", "tertiary"} {
		o := s.mayBeEmpty(name)
		if o == nil || o.value == "" {
			continue
		}
		server, why := serverAddress(o.value)
		if why != "" {
			o.fault(why)
			continue
		}
		servers = append(servers, server)
	}
	return servers
}

// serverAddress reduces a host, host:port or URL to host:port, or says why it
// cannot.
func serverAddress(text string) (server, why string) {
	const want = "want a host, a host:port or an https URL"
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, configServerPort).String(), ""
	}
	if scheme, rest, isURL := strings.Cut(text, "://"); isURL {
		if !strings.EqualFold(scheme, "https") {
			return "", want + ": a config server speaks nothing else"
		}
		text, _, _ = strings.Cut(rest, "/")
	}
	host, port := text, strconv.Itoa(configServerPort)
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		host, port = text[:i], text[i+1:]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", want + ", with a port from 1 to 65535"
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if a, err := netip.ParseAddr(bare); err == nil && a.Is6() && len(bare) == len(host)-2 {
		return host + ":" + port, ""
	}
	if host == "" || strings.ContainsFunc(host, func(c rune) bool { return notAlphanumeric(c) && !strings.ContainsRune("-._", c) }) {
		return "", want
	}
	return host + ":" + port, ""
}

// readExtraAnycast reads addresses under any names.
func readExtraAnycast(s *section) []netip.Addr {
	s.known = append(s.known, "any name")
	var addrs []netip.Addr
	for _, o := range s.keys {
		o.asked = true
		a, err := netip.ParseAddr(o.value)
		switch {
		case err != nil:
			o.fault("want an address")
		case !IsAnycast(a):
			r := AnycastRanges()
			o.fault("want an address in an anycast range, " + r[0].String() + " or " + r[1].String())
		default:
			addrs = append(addrs, a)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}
