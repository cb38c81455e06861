//go:build lab

package kernel

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"seesaw/internal/nettest"
	"seesaw/ncc/plan"
)

// oneSegment is a node with two interfaces, node and lb, and a client on one
// Ethernet segment.
func oneSegment(t *testing.T) (node, client *host) {
	t.Helper()
	node, client = newHost(t), newHost(t)
	wire := newHost(t)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	if err := wire.Netlink().LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		t.Fatal(err)
	}
	wire.Up("br0")
	for _, plug := range []struct {
		host *host
		name string
	}{{node, "node"}, {node, "lb"}, {client, "eth0"}} {
		port := "p-" + plug.name
		nettest.Veth(t, plug.host.Namespace, plug.name, wire.Namespace, port)
		if err := wire.Netlink().LinkSetMaster(wire.link(port), wire.link("br0").(*netlink.Bridge)); err != nil {
			t.Fatal(err)
		}
	}
	node.Address("node", "192.168.36.2/24")
	client.Address("eth0", "192.168.36.9/24")
	return node, client
}

// TestLabWhoAnswersARP: with both interfaces on one segment only the LB
// interface may answer for the VIP.
func TestLabWhoAnswersARP(t *testing.T) {
	vip := netip.MustParseAddr("192.168.36.1")
	node, client := oneSegment(t)
	k := node.kernel()
	do(t, k, plan.AddAddr{Link: "lb", Prefix: netip.PrefixFrom(vip, 32)})
	both := map[string]bool{node.mac("node").String(): true, node.mac("lb").String(): true}
	if got := client.whoHas(vip); !cmp.Equal(got, both) {
		t.Fatalf("before the settings %v answer, want both: this test proves nothing", got)
	}
	for _, s := range []plan.SetSysctl{
		{Name: "net/ipv4/conf/all/arp_ignore", Value: "1"},
		{Name: "net/ipv4/conf/all/arp_announce", Value: "2"},
		{Name: "net/ipv4/conf/node/arp_filter", Value: "0"},
		{Name: "net/ipv4/conf/lb/arp_filter", Value: "0"},
		{Name: "net/ipv4/conf/lb/rp_filter", Value: "2"},
		{Name: "net/ipv4/conf/lb/accept_local", Value: "1"},
	} {
		do(t, k, s)
	}
	if got, want := client.whoHas(vip), map[string]bool{node.mac("lb").String(): true}; !cmp.Equal(got, want) {
		t.Errorf("%v answer, want %v", got, want)
	}
	// The virtual MAC answers as soon as the interface has it.
	do(t, k, plan.SetMAC{Link: "lb", MAC: "00:00:5e:00:01:3c"})
	if got, want := client.whoHas(vip), map[string]bool{"00:00:5e:00:01:3c": true}; !cmp.Equal(got, want) {
		t.Errorf("%v answer, want %v", got, want)
	}
	// A lowered LB interface says nothing, and nobody does so in its place.
	do(t, k, plan.SetLink{Link: "lb"})
	if got := client.whoHas(vip); len(got) != 0 {
		t.Errorf("%v answer for a lowered interface", got)
	}
}

// whoHas asks five times and returns the hardware addresses that answer. A
// question for the node's own address follows each, which the node always
// answers: what has not come by then does not come.
func (h *host) whoHas(ip netip.Addr) map[string]bool {
	h.t.Helper()
	own, fence := netip.MustParseAddr("192.168.36.9"), netip.MustParseAddr("192.168.36.2")
	a := h.link("eth0").Attrs()
	var conn *packet.Conn
	var err error
	h.Do(func() {
		conn, err = packet.Listen(&net.Interface{Index: a.Index, HardwareAddr: a.HardwareAddr}, packet.Raw, unix.ETH_P_ARP, nil)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		h.t.Fatal(err)
	}
	ask := func(ip netip.Addr) {
		h.t.Helper()
		b := arpFrame(arpRequest, mac(a.HardwareAddr), ip)
		copy(b[28:32], own.AsSlice()) // sender
		if _, err := conn.WriteTo(b, &packet.Addr{HardwareAddr: broadcast[:]}); err != nil {
			h.t.Fatal(err)
		}
	}
	answers := make(map[string]bool)
	for range 5 {
		ask(ip)
		ask(fence)
		for fenced := false; !fenced; {
			b := make([]byte, 2048)
			if _, _, err := conn.ReadFrom(b); err != nil {
				h.t.Fatal(err)
			}
			reply := bytes.Equal(b[20:22], []byte{0, arpReply})
			fenced = reply && bytes.Equal(b[28:32], fence.AsSlice())
			if reply && bytes.Equal(b[28:32], ip.AsSlice()) {
				answers[net.HardwareAddr(b[22:28]).String()] = true
			}
		}
	}
	return answers
}
