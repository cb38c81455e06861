package core

import (
	"fmt"
	"net/netip"
	"strings"

	"seesaw/internal/config"
	"seesaw/internal/lb"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// key reads a service's key as it prints: 192.0.2.1:80/TCP.
func key(s string) lb.ServiceKey {
	ap, proto, _ := strings.Cut(s, "/")
	a := netip.MustParseAddrPort(ap)
	k := lb.ServiceKey{Family: lb.FamilyOf(a.Addr()), Addr: a.Addr(), Port: a.Port(), Protocol: lb.TCP}
	if proto == "UDP" {
		k.Protocol = lb.UDP
	}
	return k
}

// web writes a vserver "web" on 192.168.36.1 in short form: entries as
// TCP/80:low=0.1,high=0.2 (each with a TCP check on its port), backends as
// b1=1.1.1.1/STATUS.
func web(entries string, backends ...string) string {
	var b strings.Builder
	b.WriteString(`vserver < name: "web" rp: "x" entry_address < fqdn: "web.example.com" ipv4: "192.168.36.1/24" status: PRODUCTION >` + "\n")
	for _, e := range strings.Fields(entries) {
		what, marks, _ := strings.Cut(e, ":")
		proto, port, _ := strings.Cut(what, "/")
		fmt.Fprintf(&b, "  vserver_entry < protocol: %s port: %s scheduler: RR healthcheck < type: TCP interval: 10 timeout: 5 > ", proto, port)
		for _, m := range strings.FieldsFunc(marks, func(r rune) bool { return r == ',' }) {
			name, value, _ := strings.Cut(m, "=")
			fmt.Fprintf(&b, "server_%s_watermark: %s ", name, value)
		}
		b.WriteString(">\n")
	}
	for _, s := range backends {
		name, rest, _ := strings.Cut(s, "=")
		ip, status, given := strings.Cut(rest, "/")
		if !given {
			status = "PRODUCTION"
		}
		fmt.Fprintf(&b, "  backend < host < fqdn: %q ipv4: \"%s/24\" status: %s > >\n", name, ip, status)
	}
	b.WriteString(">\n")
	return b.String()
}

func parseClusterText(text string) (*config.Cluster, error) {
	return config.ParseCluster("cluster.pb", []byte(text))
}
