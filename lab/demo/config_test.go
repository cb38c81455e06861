package demo

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seesaw/internal/config"
)

// shipped reads an example from etc.
func shipped(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../etc/seesaw/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// changed lists the lines that differ, as OLD > NEW without indentation.
func changed(t *testing.T, old, new string) []string {
	t.Helper()
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	if len(a) != len(b) {
		t.Fatalf("%d lines became %d", len(a), len(b))
	}
	var all []string
	for i := range a {
		if a[i] != b[i] {
			all = append(all, strings.TrimSpace(a[i])+" > "+strings.TrimSpace(b[i]))
		}
	}
	return all
}

// TestClusterIsTheExample: addresses differ, and how often port 80 is checked.
func TestClusterIsTheExample(t *testing.T) {
	old := shipped(t, "cluster.pb.example")
	text, err := cluster(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.ParseCluster("cluster.pb", []byte(text)); err != nil {
		t.Error(err)
	}
	want := []string{
		`ipv4: "198.51.100.17/28" > ipv4: "192.168.37.80/24"`,
		`ipv4: "198.51.100.18/28" > ipv4: "192.168.37.76/24"`,
		`ipv4: "198.51.100.19/28" > ipv4: "192.168.37.77/24"`,
		`ipv4: "198.51.100.20/28" > ipv4: "192.168.37.200/24"`,
		`interval: 5 > interval: 1`,
		`timeout: 3 > timeout: 1`,
		`ipv4: "198.51.100.21/28" > ipv4: "192.168.37.71/24"`,
		`ipv4: "198.51.100.22/28" > ipv4: "192.168.37.72/24"`,
	}
	if diff := cmp.Diff(want, changed(t, old, text)); diff != "" {
		t.Errorf("changed lines (-want +got):\n%s", diff)
	}
	if _, err := cluster("seesaw_vip {}"); err == nil || !strings.Contains(err.Error(), `has no "\"198.51.100.17/28\""`) {
		t.Errorf("another example: got %v", err)
	}
}

// TestNodesAreTheExample: addresses and interfaces differ, no more.
func TestNodesAreTheExample(t *testing.T) {
	old := shipped(t, "seesaw.cfg.example")
	both := []string{"vip_ipv4 = 198.51.100.17 > vip_ipv4 = 192.168.37.80", "node = eth0 > node = a", "lb = eth1 > lb = b"}
	for _, test := range []struct {
		name   string
		second bool
		want   []string
	}{
		{"first", false, append([]string{
			"node_ipv4 = 198.51.100.18 > node_ipv4 = 192.168.37.76",
			"peer_ipv4 = 198.51.100.19 > peer_ipv4 = 192.168.37.77",
		}, both...)},
		{"second", true, append([]string{
			"node_ipv4 = 198.51.100.18 > peer_ipv4 = 192.168.37.76",
			"node_ipv6 = 2001:db8:51:100::18 > peer_ipv6 = 2001:db8:51:100::18",
			"peer_ipv4 = 198.51.100.19 > node_ipv4 = 192.168.37.77",
			"peer_ipv6 = 2001:db8:51:100::19 > node_ipv6 = 2001:db8:51:100::19",
		}, both...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := node(old, test.second, "a", "b")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := config.ParseNode("seesaw.cfg", []byte(text)); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, changed(t, old, text)); diff != "" {
				t.Errorf("changed lines (-want +got):\n%s", diff)
			}
		})
	}
}
