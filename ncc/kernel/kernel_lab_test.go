//go:build lab

package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"seesaw/internal/lb"
	"seesaw/ipvs"
	"seesaw/ncc/plan"
)

// suiteHost is a host as target wants it.
func suiteHost(t *testing.T) (*host, *Kernel) {
	t.Helper()
	h := newHost(t)
	h.veth("lan")
	h.veth("side")
	h.Address("lan", "192.0.2.5/24")
	h.Address("side", "2001:db8::5/64")
	return h, h.kernel()
}

// ipvs opens IPVS past the package under test.
func (h *host) ipvs() *ipvs.Handle {
	h.t.Helper()
	v, err := ipvs.New(ipvs.InNamespace(h.Handle()))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { v.Close() })
	return v
}

func TestLabConforms(t *testing.T) {
	_, k := suiteHost(t)
	conform(t, k)
}

func TestLabRefuses(t *testing.T) {
	_, k := suiteHost(t)
	refuse(t, k)
}

// TestLabForeignStay: services, addresses and links that are somebody else's go
// through the whole suite unchanged, down to what lb has no word for.
func TestLabForeignStay(t *testing.T) {
	h, k := suiteHost(t)
	v := h.ipvs()
	foreign := ipvs.Service{
		Address: netip.MustParseAddr("192.0.2.9"), Protocol: ipvs.TCP, Port: 25, Scheduler: "wlc",
		Flags: ipvs.FlagPersistent, Timeout: time.Minute, Netmask: 0xffffff00,
	}
	dest := ipvs.Destination{
		Address: netip.MustParseAddr("10.0.0.7"), Port: 25, Weight: 3,
		Forward: ipvs.ForwardTunnel, TunnelType: ipvs.TunnelGUE, TunnelPort: 6080,
	}
	if err := errors.Join(v.NewService(foreign), v.NewDestination(foreign, dest)); err != nil {
		t.Fatal(err)
	}
	lan, side := h.addrs("lan"), h.addrs("side")
	conform(t, k)
	got, err := v.GetService(foreign)
	if err != nil || !got.Equal(foreign) {
		t.Errorf("got %v, %v; want %v", got, err, foreign)
	}
	if list, err := v.ListDestinations(foreign); err != nil || len(list) != 1 || !list[0].Equal(dest) {
		t.Errorf("got %v, %v; want %v", list, err, dest)
	}
	if diff := cmp.Diff(lan, h.addrs("lan")); diff != "" {
		t.Errorf("addresses of lan (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(side, h.addrs("side")); diff != "" {
		t.Errorf("addresses of side (-before +after):\n%s", diff)
	}
}

func TestLabNamesTaken(t *testing.T) {
	h, k := suiteHost(t)
	do(t, k, plan.AddDummy{Link: "dummy7"}, plan.AddVLAN{Link: "lan.7", Parent: "lan", ID: 7})
	for op, want := range map[plan.Op]string{
		plan.AddDummy{Link: "side"}:                             "add dummy interface side: there is an interface of that name already, of type veth (rename it or remove it)",
		plan.AddVLAN{Link: "dummy7", Parent: "lan", ID: 8}:      "add VLAN interface dummy7 (id 8) on lan: there is an interface of that name already, of type dummy (rename it or remove it)",
		plan.AddVLAN{Link: "lan.7", Parent: "lan", ID: 8}:       "add VLAN interface lan.7 (id 8) on lan: there is an interface of that name already, of type vlan (rename it or remove it)",
		plan.AddVLAN{Link: "other", Parent: "lan", ID: 7}:       "add VLAN interface other (id 7) on lan: lan has another interface with VLAN id 7 already (remove it)",
		plan.AddVLAN{Link: "lan.4099", Parent: "lan", ID: 4099}: "add VLAN interface lan.4099 (id 4099) on lan: ",
	} {
		if err := fails(t, k, op); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("\n got %q\nwant %q", err, want)
		}
	}
	if h.link("lan.7").Attrs().ParentIndex != h.link("lan").Attrs().Index {
		t.Error("lan.7 has another parent")
	}
}

func TestLabModules(t *testing.T) {
	k := newHost(t).kernel()
	// A scheduler that nothing else here uses.
	_ = unix.DeleteModule("ip_vs_lblcr", unix.O_NONBLOCK)
	do(t, k, plan.LoadModules{Names: []string{"ip_vs_lblcr", "ip_vs"}})
	if _, err := os.Stat("/sys/module/ip_vs_lblcr"); err != nil {
		t.Error("ip_vs_lblcr is not loaded")
	}
	err := fails(t, k, plan.LoadModules{Names: []string{"ip_vs", "ip_vs_zebra"}})
	if !strings.Contains(err.Error(), "kernel module missing: ip_vs_zebra: modprobe: ") {
		t.Errorf("got %v", err)
	}
}

// TestLabReloaded: ip_vs goes and comes back while we run.
func TestLabReloaded(t *testing.T) {
	h := newHost(t)
	k := h.kernel()
	s := sampleServices()[0]
	do(t, k, plan.AddService{Service: s})
	if _, err := k.Statistics(t.Context()); err != nil {
		t.Fatal(err)
	}
	do(t, k, plan.DelService{Key: s.Key})
	unload(t, "ip_vs")
	if found := read(t, k); len(found.Services) != 0 {
		t.Errorf("got %v", found.Services)
	}
	do(t, k, plan.LoadModules{Names: []string{"ip_vs"}}, plan.AddService{Service: s}, plan.DelDestination{Service: s.Key, Destination: netip.MustParseAddrPort("10.0.0.7:80")})
	if found := read(t, k); len(found.Services) != 1 {
		t.Errorf("got %v", found.Services)
	}
	if all, err := k.Statistics(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("statistics: %v, %v", all, err)
	}
	do(t, k, plan.DelService{Key: s.Key})
}

// unload removes modules with everything that needs them. Namespaces of earlier
// tests let go of their services a moment after the tests.
func unload(t *testing.T, prefix string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile("/proc/modules")
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for line := range strings.Lines(string(b)) {
			if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, prefix) {
				left++
				_ = unix.DeleteModule(name, unix.O_NONBLOCK)
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("modules still there:\n%s", b)
		}
	}
}

// TestLabBatch: 4,000 services with 4 destinations each, made and read back. The
// times are printed beside ipvsadm's for a tenth of it, and
// must not be worse.
func TestLabBatch(t *testing.T) {
	const services, destinations = 4000, 4
	h := newHost(t)
	k := h.kernel()
	want := make(map[lb.ServiceKey]lb.Service, services)
	var ops []plan.Op
	var script strings.Builder
	for i := range services {
		vip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		s := lb.Service{Key: lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: vip, Port: 80}, Scheduler: "rr", Want: lb.Present}
		ops = append(ops, plan.AddService{Service: s})
		if i < services/10 {
			fmt.Fprintf(&script, "-A -t %v:80 -s rr\n", vip)
		}
		for j := range destinations {
			d := lb.Destination{Addr: netip.AddrFrom4([4]byte{10, 2, byte(j), byte(i)}), Port: 80, Mode: lb.DSR, Weight: 1, Want: lb.Present}
			s.Destinations = append(s.Destinations, d)
			ops = append(ops, plan.AddDestination{Service: s.Key, Destination: d})
			if i < services/10 {
				fmt.Fprintf(&script, "-a -t %v:80 -r %v:80 -g -w 1\n", vip, d.Addr)
			}
		}
		want[s.Key] = s
	}
	took := func(f func()) time.Duration {
		start := time.Now()
		f()
		return time.Since(start).Round(time.Millisecond)
	}
	var found plan.Found
	var counted []lb.ServiceStatistics
	made := took(func() { do(t, k, ops...) })
	readBack := took(func() { found = read(t, k) })
	again := took(func() { do(t, k, ops...) })
	statistics := took(func() { counted, _ = k.Statistics(t.Context()) })
	one := took(func() {
		do(t, k, plan.SetDestination{Service: ops[0].(plan.AddService).Service.Key, Destination: want[ops[0].(plan.AddService).Service.Key].Destinations[0]})
	})
	if diff := cmp.Diff(want, found.Services, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	if len(counted) != services || len(counted[services-1].Destinations) != destinations {
		t.Errorf("statistics of %d services", len(counted))
	}
	if err := h.ipvs().Flush(); err != nil {
		t.Fatal(err)
	}
	theirs := took(func() {
		h.Do(func() {
			cmd := exec.Command("ipvsadm", "-R")
			cmd.Stdin = strings.NewReader(script.String())
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("ipvsadm -R: %v: %s", err, out)
			}
		})
	})
	t.Logf("%d × %d: made in %v (ipvsadm -R of a tenth: %v), read in %v, made again in %v, statistics in %v, one change in %v",
		services, destinations, made, theirs, readBack, again, statistics, one)
	if made > 10*theirs {
		t.Errorf("made in %v, ipvsadm -R needs %v for a tenth", made, theirs)
	}
}

// TestLabStatistics: packets to a service are counted, at it and its destination.
func TestLabStatistics(t *testing.T) {
	h := newHost(t)
	k := h.kernel()
	vip, backend := netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("127.0.0.1")
	key := lb.ServiceKey{Family: lb.IPv4, Protocol: lb.UDP, Addr: vip, Port: 9}
	do(t, k,
		plan.AddAddr{Link: "lo", Prefix: netip.PrefixFrom(vip, 32)},
		plan.AddService{Service: lb.Service{Key: key, Scheduler: "rr"}},
		plan.AddDestination{Service: key, Destination: lb.Destination{Addr: backend, Port: 9, Mode: lb.DSR, Weight: 1}})
	h.Do(func() {
		c, err := net.Dial("udp", "192.0.2.80:9")
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for range 3 {
			// Nobody listens: the second and third may be told so.
			_, _ = c.Write([]byte("hello"))
		}
	})
	// The kernel sums up every 2 s.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		all, err := k.Statistics(t.Context())
		if err != nil || len(all) != 1 || len(all[0].Destinations) != 1 {
			t.Fatalf("got %v, %v", all, err)
		}
		s, d := all[0], all[0].Destinations[0]
		if s.Key != key || d.Addr != backend || d.Port != 9 {
			t.Fatalf("got %+v", all)
		}
		if s.Counters.Connections == 1 && s.Counters.PacketsIn >= 1 && s.Counters.BytesIn >= 33 &&
			d.Counters.Connections == 1 && d.Active+d.Inactive == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never counted: %+v", all)
		}
	}
}
