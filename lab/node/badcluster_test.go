//go:build lab

package node_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seesaw/lab"
	"seesaw/lab/site"
)

// second is a vserver beside the field report's, with a hole for one fault.
const second = `
vserver: <
  name: "second"
  entry_address: < fqdn: "second.localdomain." ipv4: "192.168.37.201/24" status: TESTING >
  rp: "admin@localdomain"
  vserver_entry: < protocol: TCP port: 8080 >
  backend: < host: < fqdn: "backend03.localdomain." ipv4: "192.168.37.73/24" status: TESTING > weight: 1 >
>
`

// TestBadClusterFiles: whatever is wrong with the cluster file, the message
// names file, path, value and rule, what is good serves on, and nothing else in
// the kernel changes.
func TestBadClusterFiles(t *testing.T) {
	s := newRig(t)
	cfg, cluster := site.FieldReport(t)
	s.node.Configure(t, cfg, cluster)
	s.serve(t)
	s.healthy(t)
	lab.WaitFor(t, site.Patience, "the end of duplicate address detection", func() (bool, string) {
		out := s.node.Run(t, "ip", "-o", "addr")
		return !strings.Contains(out, "tentative"), out
	})
	before := s.kernel(t)
	with := func(old, new string) string {
		text := strings.Replace(second, old, new, 1)
		if text == second {
			t.Fatalf("%q is not in the second vserver", old)
		}
		return cluster + text
	}
	for _, tc := range []struct {
		name, file string
		want       []string
	}{
		{"truncated", cluster[:len(cluster)/2], []string{"/etc/seesaw/cluster.pb:"}},
		{"unknown field", cluster + "colour: \"blue\"\n", []string{"/etc/seesaw/cluster.pb:", "colour"}},
		{"unknown field in a vserver", with(`rp:`, `rq:`), []string{"/etc/seesaw/cluster.pb:", "rq"}},
		{"address", with("192.168.37.201/24", "192.168.36.300/26"), []string{"/etc/seesaw/cluster.pb:", `vserver[1] "second" entry_address`, "ipv4", "192.168.36.300/26"}},
		{"weight", with("weight: 1", "weight: -7"), []string{"/etc/seesaw/cluster.pb:", `vserver[1] "second" backend[0]`, "weight", "-7"}},
		{"port", with("port: 8080", "port: 70000"), []string{"/etc/seesaw/cluster.pb:", `vserver[1] "second" vserver_entry[0]`, "port", "70000", "65535"}},
		{"watermark", with("port: 8080", "port: 8080 server_high_watermark: 3.0"), []string{"/etc/seesaw/cluster.pb:", `vserver[1] "second" vserver_entry[0]`, "server_high_watermark", "3"}},
		{"duplicate", with(`name: "second"`, `name: "test-vserver"`), []string{"/etc/seesaw/cluster.pb:", `vserver[1] "test-vserver"`, "name"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.node.WriteFile(t, "/etc/seesaw/cluster.pb", tc.file)
			out, diag, code := s.node.CLI(t, "config", "reload")
			t.Log(out + diag)
			if code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			warnings, _, _ := s.node.CLI(t, "show", "warnings")
			for _, want := range tc.want {
				if !strings.Contains(diag, want) {
					t.Errorf("config reload does not say %q: %s", want, diag)
				}
				if !strings.Contains(warnings, want) {
					t.Errorf("show warnings does not say %q: %s", want, warnings)
				}
			}
			if r := lab.Burst(t, s.Client, site.Target, 20, 4); r.Lost != 0 {
				t.Errorf("does not serve on: %v", r)
			}
			if diff := cmp.Diff(before, s.kernel(t)); diff != "" {
				t.Errorf("the kernel changed:\n%s", diff)
			}
		})
	}
	s.node.WriteFile(t, "/etc/seesaw/cluster.pb", cluster)
	if out, diag, code := s.node.CLI(t, "config", "reload"); code != 0 {
		t.Errorf("mended file: exit %d: %s%s", code, out, diag)
	}
	if out, _, _ := s.node.CLI(t, "show", "warnings"); out != "No warnings.\n" {
		t.Errorf("warnings after the mending: %s", out)
	}
}

// kernel is everything that we could change, without what changes by itself.
func (s *rig) kernel(t *testing.T) string {
	t.Helper()
	text := s.node.Run(t, "sh", "-c", "ipvsadm -Sn; ip -o addr; ip -o link; ip rule; ip route show table all; nft list ruleset")
	return regexp.MustCompile(`valid_lft \S+ preferred_lft \S+`).ReplaceAllString(text, "")
}

// TestStartWithABadFile: a node that starts with a broken file runs on the copy
// of what was last accepted, and says so.
func TestStartWithABadFile(t *testing.T) {
	s := newRig(t)
	s.serve(t)
	s.healthy(t)
	s.node.WriteFile(t, "/etc/seesaw/cluster.pb", "vserver: <")
	s.underLoad(t, "kill -9 of the engine with a broken cluster file", func() {
		s.node.KillAndWait(t, "engine")
		s.healthy(t)
	})
	s.node.WaitCLI(t, site.Patience, "/etc/seesaw/cluster.pb:", "show", "warnings")
}
