// Package demo is what `make demo` runs: a pair of nodes of ours with a client
// and two web servers, narrated, each step measured and checked by itself. The
// part that runs has the build tag demo; this part only computes.
package demo

import (
	"fmt"
	"strings"
)

// replace is one thing that an example file must be given of its own.
type replace struct{ old, new string }

// apply makes the replacements, each of which must have a place.
func apply(text string, all []replace) (string, error) {
	for _, r := range all {
		if !strings.Contains(text, r.old) {
			return "", fmt.Errorf("the example has no %q", r.old)
		}
		text = strings.ReplaceAll(text, r.old, r.new)
	}
	return text, nil
}

// The addresses of the demo's network in the place of the example's.
const (
	example, ours = "198.51.100.", "192.168.37."
	vip6          = "2001:db8:51:100::20"
	dnsVIP        = "203.0.113.53"
)

// cluster is the shipped cluster.pb.example with the addresses of this network.
// Checks of the web site on port 80 are made every second.
func cluster(text string) (string, error) {
	return apply(text, []replace{
		{`"` + example + `17/28"`, `"` + ours + `80/24"`},
		{`"` + example + `18/28"`, `"` + ours + `76/24"`},
		{`"` + example + `19/28"`, `"` + ours + `77/24"`},
		{`"` + example + `20/28"`, `"` + ours + `200/24"`},
		{`"` + example + `21/28"`, `"` + ours + `71/24"`},
		{`"` + example + `22/28"`, `"` + ours + `72/24"`},
		{"type: HTTP\n      mode: DSR\n      interval: 5\n      timeout: 3\n", "type: HTTP\n      mode: DSR\n      interval: 1\n      timeout: 1\n"},
	})
}

// node is the shipped seesaw.cfg.example for the first or the second node, with
// the addresses and interfaces of this network.
func node(text string, second bool, nodeIf, lbIf string) (string, error) {
	all := []replace{
		{"vip_ipv4 = " + example + "17", "vip_ipv4 = " + ours + "80"},
		{"node_ipv4 = " + example + "18", "node_ipv4 = " + ours + "76"},
		{"peer_ipv4 = " + example + "19", "peer_ipv4 = " + ours + "77"},
		{"node = eth0", "node = " + nodeIf},
		{"lb = eth1", "lb = " + lbIf},
	}
	if second {
		all = append(all, replace{"node_ipv", "x_ipv"}, replace{"peer_ipv", "node_ipv"}, replace{"x_ipv", "peer_ipv"})
	}
	return apply(text, all)
}
