package ncc

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"seesaw/internal/lb"
	"seesaw/ncc/nccfake"
)

func TestSmoke(t *testing.T) {
	k := nccfake.New("eth0", "eth1")
	n, err := New(Config{Record: filepath.Join(t.TempDir(), "owned")}, k, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	go n.Run(t.Context())
	a := netip.MustParseAddr
	u := lb.Update{Full: true, Version: 1, Node: lb.Node{
		NodeInterface: "eth0", LBInterface: "eth1", Addrs: []netip.Addr{a("192.168.37.76")},
		ClusterVIPs: []netip.Addr{a("192.168.37.80")}, VRID: 60, VirtualMAC: true, Link: lb.Present,
		VLANs:  []lb.VLAN{{ID: 100, Host: lb.Host{IPv4: netip.MustParsePrefix("10.1.0.5/24")}}},
		Probes: []lb.ProbeMark{{Mark: 65536, Backend: a("192.168.37.71"), Mode: lb.DSR}},
	}, Changed: []lb.Vserver{{Name: "test", VIPs: []lb.VIP{{Addr: a("192.168.37.200"), Kind: lb.Unicast, Want: lb.Present}},
		Services: []lb.Service{{Key: lb.ServiceKey{Family: lb.IPv4, Protocol: lb.TCP, Addr: a("192.168.37.200"), Port: 80}, Scheduler: "wrr", Want: lb.Present,
			Destinations: []lb.Destination{{Addr: a("192.168.37.71"), Port: 80, Mode: lb.DSR, Weight: 1, Want: lb.Present}}}}}}}
	r, err := n.Apply(t.Context(), u)
	t.Logf("%+v %v\n%s\n", r, err, k)
	for _, op := range k.TakeOps() {
		t.Log(op)
	}
}
