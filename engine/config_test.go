package engine

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const dnsUp = "service 192.168.36.2:53/UDP rr 1.1.1.3:53 DSR weight 1"

var errBroken = errors.New("broken")

type brokenListener struct{}

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }
func (brokenListener) Close() error              { return nil }
func (brokenListener) Addr() net.Addr            { return &net.UnixAddr{Name: "broken", Net: "unix"} }

// A file that is refused changes nothing, and all that is wrong is said at once.
func TestReloadRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"truncated":         {head + dns[:50], []string{"cluster.pb"}},
		"unknown field":     {head + "colour: 5\n" + dns, []string{"colour"}},
		"several":           {strings.NewReplacer("192.168.10.1/24", "192.168.10.300/24", "192.168.10.3/24", "fish").Replace(head) + dns, []string{"192.168.10.300/24", "fish"}},
		"without this node": {strings.ReplaceAll(head, "192.168.10.2/", "192.168.10.9/"), []string{"192.168.10.2", "seesaw.cfg"}},
		"empty":             {" ", []string{"seesaw_vip"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t, nodeText, head+dns)
			r.tableIs(dnsUp)
			r.kernel.TakeOps()
			r.write(tc.text)
			err := r.client.ConfigReload(r.ctx())
			status, err2 := r.client.ConfigStatus(r.ctx())
			if err2 != nil {
				t.Fatal(err2)
			}
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v lacks %q", err, want)
				}
				if all := strings.Join(status.Warnings, "\n"); !strings.Contains(all, want) {
					t.Errorf("warnings lack %q:\n%s", want, all)
				}
			}
			if ops := r.kernel.TakeOps(); len(ops) > 0 || r.service("dns").Port != 53 {
				t.Errorf("it did %v", ops)
			}
			r.write(head + dns)
			if err := r.client.ConfigReload(r.ctx()); err != nil {
				t.Fatal(err)
			}
			if v, err := r.client.ConfigStatus(r.ctx()); err != nil || strings.Contains(strings.Join(v.Warnings, "\n"), "refused") {
				t.Errorf("mended, but the status is %+v, %v", v, err)
			}
		})
	}
}

// A fault in one vserver keeps its last good version; all others change.
func TestFaultyVserverKeepsServing(t *testing.T) {
	r := started(t, nodeText, head+dns)
	r.tableIs(dnsUp)
	bad := strings.Replace(dns, "192.168.36.2/24", "192.168.36.300/24", 1)
	other := strings.NewReplacer(`"dns"`, `"dns2"`, "192.168.36.2", "192.168.36.4").Replace(dns)
	const both = dnsUp + " service 192.168.36.4:53/UDP rr 1.1.1.3:53 DSR weight 1"
	r.write(head + bad + other)
	if err := r.client.ConfigReload(r.ctx()); err == nil || !strings.Contains(err.Error(), "all is in force but") || !strings.Contains(err.Error(), "192.168.36.300/24") {
		t.Errorf("reload: %v, want the vserver that was left out, and why", err)
	}
	r.tableIs(both)
	if v, err := r.client.ConfigStatus(r.ctx()); err != nil || !strings.Contains(strings.Join(v.Warnings, "\n"), "192.168.36.300/24") {
		t.Errorf("status %+v, %v", v, err)
	}
	if !strings.Contains(r.log.String(), "vserver is refused; all others are in force") {
		t.Error("the log does not say so")
	}
	// After a restart its last good version comes from the accepted copy.
	r.stop()
	r.start()
	if s := r.service("dns"); s.Port != 53 {
		t.Errorf("after a restart: %+v", s)
	}
	r.tableIs(both)
}

func TestWithoutConfig(t *testing.T) {
	r := started(t, nodeText, "")
	_, err := r.client.Vservers(r.ctx())
	if err == nil || !strings.Contains(err.Error(), "no cluster config is in force") || !strings.Contains(err.Error(), "cluster.pb.example") {
		t.Errorf("got %v, want what is missing and what to do", err)
	}
	if err := r.client.Failover(r.ctx()); err == nil || !strings.Contains(err.Error(), "no cluster config") {
		t.Errorf("failover: %v", err)
	}
	if len(r.wire.take()) > 0 {
		t.Error("ncc was told something although nothing is known")
	}
	r.write(head + dns)
	if err := r.client.ConfigReload(r.ctx()); err != nil {
		t.Fatal(err)
	}
	r.tableIs(dnsUp)
}

// The accepted copy stands in for a file that is refused at the start, until it
// is mended.
func TestFallbackAtBoot(t *testing.T) {
	for name, spoil := range map[string]func(*rig){
		"broken":      func(r *rig) { r.write("colour: 5") },
		"absent":      func(r *rig) { os.Remove(r.file()) },
		"other nodes": func(r *rig) { r.write(strings.ReplaceAll(head, "192.168.10.2/", "192.168.10.9/")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t, nodeText, head+dns)
			r.tableIs(dnsUp)
			r.stop()
			spoil(r)
			r.start()
			if s := r.service("dns"); s.Port != 53 {
				t.Errorf("service %+v", s)
			}
			v, err := r.client.ConfigStatus(r.ctx())
			if err != nil || !strings.Contains(v.Reason, "the copy of what was last accepted is in use") || len(v.Warnings) == 0 || v.Source != "disk" {
				t.Errorf("status %+v, %v", v, err)
			}
			r.write(head + dns) // the same as the copy
			if err := r.client.ConfigReload(r.ctx()); err != nil {
				t.Fatal(err)
			}
			if v, err := r.client.ConfigStatus(r.ctx()); err != nil || v.Reason != "" || strings.Contains(strings.Join(v.Warnings, "\n"), "refused") {
				t.Errorf("mended: status %+v, %v", v, err)
			}
		})
	}
}

// What was accepted is saved, at the latest when the engine stops.
func TestAcceptedConfigIsSaved(t *testing.T) {
	r := started(t, nodeText, head+dns)
	if err := r.client.ConfigReload(r.ctx()); err != nil {
		t.Fatal(err)
	}
	r.stop()
	text, err := os.ReadFile(filepath.Join(r.node.StateDir, "cluster.pb"))
	if err != nil || !strings.Contains(string(text), `name: "dns"`) {
		t.Errorf("saved %s, %v", text, err)
	}
}

func TestConfigSource(t *testing.T) {
	for name, tc := range map[string]struct {
		node, before string
		ask          string
		refused      string
		source       string // afterwards
		reason       string
	}{
		"only asked":           {nodeText, "disk", "", "", "disk", ""},
		"disk":                 {nodeText, "disk", "disk", "", "disk", ""},
		"none":                 {nodeText, "disk", "none", "", "none", ""},
		"server without one":   {nodeText, "disk", "server", "no config server is named", "disk", ""},
		"peer":                 {nodeText, "disk", "peer", "a peer cannot be asked", "disk", ""},
		"in capitals":          {nodeText, "disk", "DISK", "want disk, server, peer or none", "disk", ""},
		"a path":               {nodeText, "disk", "../../etc/shadow", `"../../etc/shadow"`, "disk", ""},
		"control characters":   {nodeText, "disk", "disk\x00\x1b[2J", `"disk\x00\x1b[2J"`, "disk", ""},
		"server, only asked":   {serverText, "server", "", "", "server", notPulled},
		"server again":         {serverText, "server", "server", "", "server", notPulled},
		"from server to disk":  {serverText, "server", "disk", "", "disk", ""},
		"from server to none":  {serverText, "server", "none", "", "none", ""},
		"from server to wrong": {serverText, "server", "moon", "moon", "server", notPulled},
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t, tc.node, head+dns)
			before, err := r.client.ConfigSource(r.ctx(), tc.ask)
			if tc.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refused) {
					t.Errorf("got %v, want a refusal with %q", err, tc.refused)
				}
			} else if err != nil || before != tc.before {
				t.Errorf("got %q, %v; want %q", before, err, tc.before)
			}
			v, err := r.client.ConfigStatus(r.ctx())
			if err != nil || v.Source != tc.source || v.InUse != "disk" || v.Reason != tc.reason {
				t.Errorf("status %+v, %v; want source %s because %q", v, err, tc.source, tc.reason)
			}
			if tc.node == serverText && strings.Count(r.log.String(), notPulled) != 1 {
				t.Error("the log does not say once that the local copy is in use")
			}
		})
	}
}

// A source whose file is refused is the source all the same, and says so.
func TestConfigSourceWithABrokenFile(t *testing.T) {
	r := started(t, serverText, head+dns)
	r.tableIs(dnsUp)
	r.write("colour: 5")
	if _, err := r.client.ConfigSource(r.ctx(), "disk"); err == nil || !strings.Contains(err.Error(), "the config source is disk now, but what it has is refused") {
		t.Errorf("got %v", err)
	}
	if before, err := r.client.ConfigSource(r.ctx(), ""); err != nil || before != "disk" {
		t.Errorf("source %q, %v", before, err)
	}
	r.tableIs(dnsUp)
}

// A config that says the same again is no change.
func TestReloadOfTheSame(t *testing.T) {
	r := started(t, nodeText, head+dns)
	r.tableIs(dnsUp)
	v, err := r.client.ConfigStatus(r.ctx())
	if err != nil {
		t.Fatal(err)
	}
	r.write("# a comment\n" + head + dns)
	if err := r.client.ConfigReload(r.ctx()); err != nil {
		t.Fatal(err)
	}
	if w, err := r.client.ConfigStatus(r.ctx()); err != nil || !w.LoadedAt.Equal(v.LoadedAt) {
		t.Errorf("loaded at %v, %v; want %v", w.LoadedAt, err, v.LoadedAt)
	}
	if n := strings.Count(r.log.String(), "cluster config in force"); n != 1 {
		t.Errorf("%d configs were put in force, want 1", n)
	}
}
