package kernel

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

func TestReadLinks(t *testing.T) {
	h := newHost(t)
	h.veth("eno16777728")
	k := h.kernel()
	got := read(t, k).Links
	want := plan.Link{Name: "eno16777728", Up: true, Carrier: true, MAC: h.mac("eno16777728").String()}
	if got["eno16777728"] != want {
		t.Errorf("got %+v, want %+v", got["eno16777728"], want)
	}
	if _, ok := got["lo"]; !ok || len(got) != 3 {
		t.Errorf("got %d links, want lo and both ends: %v", len(got), got)
	}
	if err := h.Netlink().LinkSetDown(h.link("p-eno16777728")); err != nil {
		t.Fatal(err)
	}
	want.Carrier = false
	if got := read(t, k).Links["eno16777728"]; got != want {
		t.Errorf("after the other end went down: got %+v, want %+v", got, want)
	}
}

func TestSetLink(t *testing.T) {
	h := newHost(t)
	h.veth("lan-1.x")
	k := h.kernel()
	for _, up := range []bool{false, false, true, true} {
		do(t, k, plan.SetLink{Link: "lan-1.x", Up: up})
		if got := h.link("lan-1.x").Attrs().RawFlags&unix.IFF_UP != 0; got != up {
			t.Errorf("raised = %v, want %v", got, up)
		}
	}
}

func TestLoweringKeepsIPv6(t *testing.T) {
	// With all's setting at -1 the kernel removes them whatever the link's own
	// setting says, so they have to be put back.
	for name, all := range map[string]string{"by setting": "0", "by hand": "-1"} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.veth("eth0")
			h.setSysctl("net/ipv6/conf/all/keep_addr_on_down", all)
			h.Address("eth0", "2001:db8::5/64")
			k := h.kernel()
			vip := netip.MustParsePrefix("2001:db8:1::1/128")
			do(t, k, plan.AddAddr{Link: "eth0", Prefix: vip})
			before := read(t, k).Addrs

			do(t, k, plan.SetLink{Link: "eth0", Up: false})
			for _, want := range []string{"2001:db8::5/64", "2001:db8:1::1/128"} {
				if _, ok := h.addrs("eth0")[want]; !ok {
					t.Errorf("lowered: %s is gone: %v", want, h.addrs("eth0"))
				}
			}
			key := plan.AddrKey{Link: "eth0", Addr: vip.Addr()}
			if got := read(t, k).Addrs[key]; got != before[key] || !got.Ours {
				t.Errorf("lowered: got %+v, want %+v", got, before[key])
			}
			do(t, k, plan.SetLink{Link: "eth0", Up: true})
			if got := read(t, k).Addrs[key]; got != before[key] {
				t.Errorf("raised again: got %+v, want %+v", got, before[key])
			}
			if a := h.addrs("eth0")["2001:db8::5/64"]; a.PreferedLft == 0 || a.Flags&unix.IFA_F_NOPREFIXROUTE != 0 {
				t.Errorf("somebody else's address came back changed: %+v", a)
			}
		})
	}
}

func TestSetMAC(t *testing.T) {
	const vmac = "00:00:5e:00:01:3c"
	h := newHost(t)
	h.veth("eth0")
	h.Address("eth0", "192.0.2.5/24")
	k := h.kernel()
	for range 2 {
		do(t, k, plan.SetMAC{Link: "eth0", MAC: vmac})
		if got := h.mac("eth0").String(); got != vmac {
			t.Errorf("got %s, want %s", got, vmac)
		}
	}
	if got := read(t, k).Links["eth0"]; got.MAC != vmac || !got.Up {
		t.Errorf("got %+v, want it up with %s", got, vmac)
	}
	if _, ok := h.addrs("eth0")["192.0.2.5/24"]; !ok {
		t.Error("the link lost its address")
	}
	for _, bad := range []string{"", "zebra", "01:00:5e:00:00:01"} {
		err := fails(t, k, plan.SetMAC{Link: "eth0", MAC: bad})
		if !strings.HasPrefix(err.Error(), "set MAC of eth0 to ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDelLink(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := h.kernel()
	do(t, k, plan.DelLink{Link: "eth0"}, plan.DelLink{Link: "eth0"})
	if _, ok := read(t, k).Links["eth0"]; ok {
		t.Error("it is still there")
	}
}

func TestMissingLink(t *testing.T) {
	k := newHost(t).kernel()
	vip := netip.MustParsePrefix("192.168.37.80/32")
	for op, want := range map[plan.Op]string{
		plan.AddAddr{Link: "eno33554960", Prefix: vip}:          "add address 192.168.37.80/32 to eno33554960: no such interface (is it named right in section [interface] of seesaw.cfg?)",
		plan.SetLink{Link: "eno33554960", Up: true}:             "raise interface eno33554960: no such interface (is it named right in section [interface] of seesaw.cfg?)",
		plan.SetMAC{Link: "br-lan", MAC: "00:00:5e:00:01:3c"}:   "set MAC of br-lan to 00:00:5e:00:01:3c: no such interface (is it named right in section [interface] of seesaw.cfg?)",
		plan.Announce{Link: "br-lan", Addr: vip.Addr()}:         "announce 192.168.37.80 on br-lan: no such interface (is it named right in section [interface] of seesaw.cfg?)",
		plan.AddVLAN{Link: "br-lan.9", Parent: "br-lan", ID: 9}: "add VLAN interface br-lan.9 (id 9) on br-lan: parent br-lan: no such interface (is it named right in section [interface] of seesaw.cfg?)",
	} {
		err := fails(t, k, op)
		if !errors.Is(err, plan.ErrNoLink) {
			t.Errorf("%v is not ErrNoLink", err)
		}
		if err.Error() != want {
			t.Errorf("\n got %q\nwant %q", err, want)
		}
	}
	// What is gone with its link is gone.
	do(t, k, plan.DelAddr{Link: "eno33554960", Prefix: vip}, plan.DelLink{Link: "br-lan.9"})
}

// TestSetMACOfUnwillingDriver: some drivers refuse a new hardware address while
// the interface is raised. The test plays such a driver on top of a willing one.
func TestSetMACOfUnwillingDriver(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	h.Address("eth0", "192.0.2.5/24")
	h.Address("eth0", "2001:db8::5/64")
	before := len(h.addrs("eth0"))
	k := h.kernel()
	raised := func() bool { return h.link("eth0").Attrs().RawFlags&unix.IFF_UP != 0 }
	set := func(mac string) error {
		return k.changeMAC(h.link("eth0"), func() error {
			if raised() {
				return unix.EBUSY
			}
			hw, err := net.ParseMAC(mac)
			if err != nil {
				return err
			}
			return h.Netlink().LinkSetHardwareAddr(h.link("eth0"), hw)
		})
	}
	if err := set("00:00:5e:00:01:3c"); err != nil {
		t.Fatal(err)
	}
	if got := h.mac("eth0").String(); got != "00:00:5e:00:01:3c" || !raised() {
		t.Errorf("got %s, raised %v", got, raised())
	}
	if got := h.addrs("eth0"); len(got) != before {
		t.Errorf("addresses were lost: %v", got)
	}
	// Whatever happens, the link is up again.
	if err := set("zebra"); err == nil || !raised() {
		t.Errorf("got %v, raised %v", err, raised())
	}
	// A lowered link stays so.
	do(t, k, plan.SetLink{Link: "eth0"})
	if err := set("02:00:00:00:00:01"); err != nil || raised() {
		t.Errorf("got %v, raised %v", err, raised())
	}
}
