//go:build lab

package lab_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seesaw/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// TestIpvsadmBalancesTwoNginx proves the whole lab with nothing of ours in it: a
// director made by ipvsadm, two web servers in DSR mode and a client.
func TestIpvsadmBalancesTwoNginx(t *testing.T) {
	const vip, connections = "192.168.36.1", 200
	l := lab.New(t)
	lan := l.Segment("lan")
	director, client := l.Host("director"), l.Host("client")
	mac := lan.Plug(director, "eth0", "192.168.36.2/24", vip+"/32")
	lan.Plug(client, "eth0", "192.168.36.9/24")
	for name, addr := range map[string]string{"web1": "192.168.36.4", "web2": "192.168.36.5"} {
		web := l.Host(name)
		lan.Plug(web, "eth0", addr+"/24")
		lab.DSRBackend(t, web, vip)
		lab.Nginx(t, web, name, 80)
	}
	director.Run(t, "modprobe", "ip_vs")
	director.Run(t, "ipvsadm", "-A", "-t", vip+":80", "-s", "rr")
	director.Run(t, "ipvsadm", "-a", "-t", vip+":80", "-r", "192.168.36.4", "-g")
	director.Run(t, "ipvsadm", "-a", "-t", vip+":80", "-r", "192.168.36.5", "-g")

	got := lab.Burst(t, client, vip+":80", connections, 10)
	t.Log(got)
	if got.Lost != 0 {
		t.Errorf("%d of %d connections lost", got.Lost, got.Sent)
	}
	if diff := cmp.Diff(map[string]int{"web1": connections / 2, "web2": connections / 2}, got.Answers); diff != "" {
		t.Errorf("split (-want +got):\n%s", diff)
	}
	if n := client.Neighbour(t, vip); n != mac {
		t.Errorf("client has %q as the VIP's MAC, want the director's %s", n, mac)
	}
}
