package cli

import (
	"fmt"
	"net/netip"
	"time"

	"seesaw/internal/lb"
)

// stamp writes a time as the layouts do: without a year, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("Jan 2 15:04:05 MST") }

func layNodes(p *page, all []node) {
	p.line("Nodes")
	for i, n := range all {
		p.line("[%d] %s %s", i+1, n.Hostname, enabled(n.VserversEnabled))
	}
}

func layNode(p *page, n node) {
	p.line("Node")
	p.field("Hostname:", n.Hostname)
	p.field("Site:", n.Site)
	p.field("IPv4 Address:", address(n.IPv4))
	p.field("IPv6 Address:", address(n.IPv6))
	p.field("HA Enabled:", n.HAEnabled)
	p.field("Anycast Enabled:", n.AnycastEnabled)
	p.field("BGP Enabled:", n.BGPEnabled)
	p.field("Vservers Enabled:", n.VserversEnabled)
}

func layHA(p *page, ha lb.HAView, now time.Time) {
	duration := "N/A"
	if !ha.Since.IsZero() {
		duration = fmt.Sprintf("%v (since %s)", max(0, now.Sub(ha.Since)).Round(time.Second), stamp(ha.Since))
	}
	p.line("HA Status")
	p.field("State:", ha.State)
	p.field("Duration:", duration)
	p.field("Transitions:", ha.Transitions)
	p.field("Advertisements Sent:", ha.Sent)
	p.field("Advertisements Rcvd:", ha.Received)
	p.field("Last Update:", stamp(ha.LastUpdate))
}

func layVLANs(p *page, all []lb.VLANView) {
	p.line("VLANs")
	for i, v := range all {
		p.line("[%3d] VLAN ID %d - %s", i+1, v.ID, v.Hostname)
	}
}

func layVLAN(p *page, v lb.VLANView) {
	p.line("VLAN")
	p.field("ID:", v.ID)
	p.field("Hostname:", v.Hostname)
	p.field("IPv4 Address:", address(v.IPv4))
	p.field("IPv6 Address:", address(v.IPv6))
	p.field("IPv4 Backend Count:", v.IPv4Backends)
	p.field("IPv6 Backend Count:", v.IPv6Backends)
	p.field("IPv4 VIP Count:", v.IPv4VIPs)
	p.field("IPv6 VIP Count:", v.IPv6VIPs)
}

func layNeighbors(p *page, all []lb.BGPNeighborView) {
	p.line("BGP Neighbors")
	for i, n := range all {
		p.line("[%3d] %v (%s, %v)", i+1, n.Addr, n.State, n.Uptime.Round(time.Second))
	}
}

func layNeighbor(p *page, n lb.BGPNeighborView) {
	p.line("BGP Neighbor")
	p.field("IP Address:", n.Addr)
	p.field("Router ID:", plain(n.RouterID))
	p.field("ASN:", n.ASN)
	p.field("Description:", n.Description)
	p.field("BGP State:", n.State)
	p.field("Duration:", n.Uptime.Round(time.Second))
}

// plain writes an address that may be missing.
func plain(a netip.Addr) string {
	if !a.IsValid() {
		return "<not configured>"
	}
	return a.String()
}

func layConfig(p *page, c lb.ConfigView) {
	p.line("Config Status")
	p.field("Last Update", stamp(c.LastUpdate))
	p.line("")
	p.line("  Attributes:")
	for _, a := range c.Attributes {
		p.field("    "+a.Name+":", a.Value)
	}
}

func layWarnings(p *page, all []string) {
	if len(all) == 0 {
		p.line("No warnings.")
		return
	}
	if len(all) == 1 {
		p.line("1 warning:")
	} else {
		p.line("%d warnings:", len(all))
	}
	p.line("")
	for i, w := range all {
		p.line("[%3d] %s", i+1, w)
	}
}
