package kernel

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

func TestAddAddr(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := h.kernel()
	for _, text := range []string{"192.168.37.80/32", "2001:db8::80/128", "10.1.0.7/24"} {
		t.Run(text, func(t *testing.T) {
			p := netip.MustParsePrefix(text)
			key := plan.AddrKey{Link: "eth0", Addr: p.Addr()}
			want := plan.AddrState{Bits: p.Bits(), Deprecated: p.Addr().Is6(), Ours: true}
			for range 2 {
				do(t, k, plan.AddAddr{Link: "eth0", Prefix: p})
				if got := read(t, k).Addrs[key]; got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			a, ok := h.addrs("eth0")[text]
			if !ok {
				t.Fatalf("not on the link: %v", h.addrs("eth0"))
			}
			if a.Flags&unix.IFA_F_NOPREFIXROUTE == 0 || a.Flags&unix.IFA_F_PERMANENT == 0 || a.Flags&unix.IFA_F_TENTATIVE != 0 {
				t.Errorf("flags %#x", a.Flags)
			}
			if p.Addr().Is6() && a.PreferedLft != 0 {
				t.Errorf("preferred for %d s, want deprecated", a.PreferedLft)
			}
			if a.ValidLft != forever {
				t.Errorf("valid for %d s, want for ever", a.ValidLft)
			}
			if routes := h.prefixRoutes(); len(routes) != 0 {
				t.Errorf("it brought routes along: %v", routes)
			}
			for range 2 {
				do(t, k, plan.DelAddr{Link: "eth0", Prefix: p})
				if _, ok := read(t, k).Addrs[key]; ok {
					t.Error("it is still there")
				}
			}
		})
	}
}

// TestAddNodeAddr: the node's own address in a VLAN is an ordinary one but for
// the mark.
func TestAddNodeAddr(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := h.kernel()
	for _, text := range []string{"10.1.0.7/24", "2001:db8:1::7/64"} {
		p := netip.MustParsePrefix(text)
		want := plan.AddrState{Bits: p.Bits(), Ours: true}
		for range 2 {
			do(t, k, plan.AddAddr{Link: "eth0", Prefix: p, Node: true})
			if got := read(t, k).Addrs[plan.AddrKey{Link: "eth0", Addr: p.Addr()}]; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		if a := h.addrs("eth0")[text]; a.PreferedLft != forever || a.ValidLft != forever || a.Flags&unix.IFA_F_TENTATIVE != 0 {
			t.Errorf("got %+v", a)
		}
		if routes := h.prefixRoutes(); len(routes) != 1 || !strings.Contains(routes[0], p.Masked().String()) {
			t.Errorf("routes %v, want the one to %v", routes, p.Masked())
		}
		do(t, k, plan.DelAddr{Link: "eth0", Prefix: p})
		if routes := h.prefixRoutes(); len(routes) != 0 {
			t.Errorf("routes stayed: %v", routes)
		}
	}
}

// prefixRoutes returns the routes of the main table, link-local and multicast
// ones apart.
func (h *host) prefixRoutes() []string {
	h.t.Helper()
	var found []string
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := h.Netlink().RouteList(nil, family)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, r := range list {
			if r.Table == unix.RT_TABLE_MAIN && r.Dst != nil && !r.Dst.IP.IsLinkLocalUnicast() && !r.Dst.IP.IsMulticast() {
				found = append(found, r.String())
			}
		}
	}
	return found
}

func TestForeignAddressesStay(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	h.Address("eth0", "192.0.2.5/24")
	h.Address("eth0", "2001:db8::5/64")
	before := h.addrs("eth0")
	k := h.kernel()
	for _, key := range []string{"192.0.2.5", "2001:db8::5"} {
		state := read(t, k).Addrs[plan.AddrKey{Link: "eth0", Addr: netip.MustParseAddr(key)}]
		if state.Ours || state.Deprecated || state.Bits == 0 {
			t.Errorf("%s: %+v", key, state)
		}
	}
	// A VIP within the foreign prefix, and the foreign address itself as a VIP.
	for _, text := range []string{"192.0.2.80/32", "192.0.2.5/32", "2001:db8::80/128"} {
		p := netip.MustParsePrefix(text)
		do(t, k, plan.AddAddr{Link: "eth0", Prefix: p})
		if !read(t, k).Addrs[plan.AddrKey{Link: "eth0", Addr: p.Addr()}].Ours {
			t.Errorf("%s reads back as not ours", text)
		}
		do(t, k, plan.DelAddr{Link: "eth0", Prefix: p})
	}
	err := fails(t, k, plan.AddAddr{Link: "eth0", Prefix: netip.MustParsePrefix("2001:db8::5/128")})
	if want := "add address 2001:db8::5/128 to eth0: the interface has it already as 2001:db8::5/64 (remove that one)"; err.Error() != want {
		t.Errorf("\n got %q\nwant %q", err, want)
	}
	if diff := cmp.Diff(before, h.addrs("eth0")); diff != "" {
		t.Errorf("foreign addresses changed (-before +after):\n%s", diff)
	}
}

func TestAddAddrTakesOver(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	h.Address("eth0", "2001:db8::80/128")
	k := h.kernel()
	p := netip.MustParsePrefix("2001:db8::80/128")
	do(t, k, plan.AddAddr{Link: "eth0", Prefix: p})
	want := plan.AddrState{Bits: 128, Deprecated: true, Ours: true}
	if got := read(t, k).Addrs[plan.AddrKey{Link: "eth0", Addr: p.Addr()}]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAddAddrWithoutIPv6(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	h.setSysctl("net/ipv6/conf/eth0/disable_ipv6", "1")
	err := fails(t, h.kernel(), plan.AddAddr{Link: "eth0", Prefix: netip.MustParsePrefix("2001:db8::80/128")})
	if !strings.Contains(err.Error(), "IPv6 is switched off there (sysctl net/ipv6/conf/eth0/disable_ipv6") {
		t.Errorf("got %v", err)
	}
}

// FuzzDecodeAddr: whatever the bytes, no panic, and what comes out is an
// address.
func FuzzDecodeAddr(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x20\x80\x00\x02\x00\x00\x00\x08\x00\x01\x00\xc0\xa8\x25\x50\x08\x00\x02\x00\xc0\xa8\x25\x50"))
	f.Add([]byte("\x0a\x80\x80\x00\x02\x00\x00\x00\x05\x00\x0b\x00\x70\x00\x00\x00\x04\x00\x08\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := decodeAddr(b); ok && !a.prefix.IsValid() {
			t.Errorf("%x: %+v", b, a)
		}
	})
}

// TestVIPIsNoSource: the kernel would take the VIP for packets to ::81, with
// which it shares more bits, were it not deprecated (RFC 6724 5, rules 3 and 8).
func TestVIPIsNoSource(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	h.Address("eth0", "2001:db8::5/64")
	source := func() (text string) {
		h.Do(func() {
			c, err := net.Dial("udp", "[2001:db8::81]:9")
			if err != nil {
				text = err.Error()
				return
			}
			defer c.Close()
			text = c.LocalAddr().(*net.UDPAddr).IP.String()
		})
		return text
	}
	h.Address("eth0", "2001:db8::80/128")
	if got := source(); got != "2001:db8::80" {
		t.Fatalf("an ordinary address there: the source is %s, want it: this test proves nothing", got)
	}
	// Takes the address over.
	do(t, h.kernel(), plan.AddAddr{Link: "eth0", Prefix: netip.MustParsePrefix("2001:db8::80/128")})
	if got := source(); got != "2001:db8::5" {
		t.Errorf("the source is %s, want the node's own 2001:db8::5", got)
	}
}
