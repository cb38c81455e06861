package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const etc = "../../etc/"

func TestExampleNode(t *testing.T) {
	text := string(readFile(t, etc+"seesaw/seesaw.cfg.example"))
	n, err := ParseNode("seesaw.cfg.example", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	// What is commented out is what holds: with it, nothing changes but the
	// files and addresses that have no default.
	shown := strings.NewReplacer("\n#vrid", "\nvrid", "\n#use_", "\nuse_", "\n#garp", "\ngarp",
		"\n#advert", "\nadvert", "\n#preempt", "\npreempt", "\n#dir", "\ndir").Replace(text)
	same, err := ParseNode("seesaw.cfg.example", []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n, same, values); diff != "" || strings.Count(shown, "#") != strings.Count(text, "#")-6 {
		t.Errorf("a value that is commented out is not the default (-without +with):\n%s", diff)
	}
	all := strings.NewReplacer("\n#ca", "\nca", "\n#cert", "\ncert", "\n#key", "\nkey", "\n#[", "\n[", "\n#resolver", "\nresolver").Replace(text)
	n, err = ParseNode("seesaw.cfg.example", []byte(all))
	if err != nil || n.PeerKey == "" || len(n.ExtraAnycast) != 1 {
		t.Errorf("with everything that is commented out: %+v, %v", n, err)
	}
}

func TestExampleCluster(t *testing.T) {
	c := parse(t, string(readFile(t, etc+"seesaw/cluster.pb.example")))
	if len(c.Notices) > 0 {
		t.Errorf("notices:\n%v", c.Notices)
	}
	n, err := ParseNode("seesaw.cfg.example", readFile(t, etc+"seesaw/seesaw.cfg.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, addrs := range []Addrs{n.Addrs, n.PeerAddrs} {
		if m, found := c.Member(addrs); !found || !m.HA || !m.Vservers {
			t.Errorf("no node of the cluster is %v, or it does not serve: %+v", addrs, m)
		}
	}
	if c.VIP.IPv4.Addr() != n.VIPs.IPv4 || c.VIP.IPv6.Addr() != n.VIPs.IPv6 {
		t.Errorf("the VIP is %v here and %v there", c.VIP, n.VIPs)
	}
}

func TestExampleWatchdog(t *testing.T) {
	w, err := ParseWatchdog("watchdog.cfg", readFile(t, etc+"seesaw/watchdog.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	var order []string
	for _, s := range w.Services {
		order = append(order, s.Name)
		got[s.Name] = s.User + " " + strings.Join(s.Capabilities, ",")
		if s.Binary != "/usr/local/seesaw/seesaw_"+s.Name || !slices.Equal(s.Args, []string{"-log_dir=/var/log/seesaw"}) || !s.Restricted {
			t.Errorf("%s: %+v", s.Name, s)
		}
		if s.Realtime != (s.Name == "ha") {
			t.Errorf("%s: realtime is %v", s.Name, s.Realtime)
		}
	}
	want := map[string]string{
		"ncc": "root CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_MODULE", "engine": "seesaw ", "ecu": "seesaw ",
		"ha": "seesaw CAP_NET_RAW", "healthcheck": "seesaw CAP_NET_RAW",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ncc", "engine", "ecu", "ha", "healthcheck"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestUnit holds the unit to what the watchdog's own survival rests on.
func TestUnit(t *testing.T) {
	unit := string(readFile(t, etc+"systemd/system/seesaw_watchdog.service"))
	for _, line := range []string{
		"Type=notify", "KillMode=process", "Restart=always", "RuntimeDirectory=seesaw", "RuntimeDirectoryPreserve=yes",
		"ExecStart=/usr/local/seesaw/seesaw_watchdog -config=/etc/seesaw/watchdog.cfg -log_dir=/var/log/seesaw",
	} {
		if !slices.Contains(strings.Split(unit, "\n"), line) {
			t.Errorf("the unit has no line %q", line)
		}
	}
}
