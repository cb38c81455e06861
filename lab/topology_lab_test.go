//go:build lab

package lab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
)

// pair is a web server and a client on one segment.
func pair(t *testing.T) (lan *lab.Segment, web, client *lab.Host) {
	l := lab.New(t)
	lan = l.Segment("lan")
	web, client = l.Host("web"), l.Host("client")
	lan.Plug(web, "eno16777728", "10.0.0.1/24", "fd00::1/64")
	lan.Plug(client, "eth0", "10.0.0.2/24", "fd00::2/64")
	lab.Nginx(t, web, "web", 80, 8080)
	return lan, web, client
}

// TestLoadSeesACut cuts a server off for a second: the load must tell just that.
func TestLoadSeesACut(t *testing.T) {
	lan, web, client := pair(t)
	lan.Plug(web, "eth1") // all ports go down, not one of them

	load := lab.StartLoad(t, client, "10.0.0.1:80", lab.Every)
	load.WaitForAnswers(t, 10*time.Second, 25)
	if r := load.SoFar(); r.Lost != 0 || r.Gap > lab.Answer {
		t.Fatalf("before the cut: %v; want no loss and no gap over %v", r, lab.Answer)
	}
	start := time.Now()
	lan.Cut(t, web)
	for _, ifname := range []string{"eno16777728", "eth1"} {
		if carrier := strings.TrimSpace(web.ReadFile(t, "/sys/class/net/"+ifname+"/carrier")); carrier != "0" {
			t.Errorf("%s has carrier %s after the cut", ifname, carrier)
		}
	}
	lab.WaitFor(t, 5*time.Second, "second to pass", func() (bool, string) {
		return time.Since(start) >= time.Second, time.Since(start).String()
	})
	lan.Mend(t, web)
	cut := time.Since(start)
	load.WaitForAnswers(t, 10*time.Second, 25)
	got := load.Stop(t)
	t.Logf("cut for %v: %v", cut, got)

	const slack = 2 * lab.Answer
	if got.Gap < cut-slack || got.Gap > cut+slack {
		t.Errorf("gap %v, want %v within %v", got.Gap, cut, slack)
	}
	low, high := int((cut-slack)/lab.Every), int((cut+slack)/lab.Every)
	if got.Lost < low || got.Lost > high {
		t.Errorf("%d lost, want between %d and %d", got.Lost, low, high)
	}
	if got.Answers["web"] != got.Sent-got.Lost || len(got.Answers) != 1 {
		t.Errorf("answers %v, want %d of web", got.Answers, got.Sent-got.Lost)
	}
}

// TestWebServer covers what a backend can do: two ports, both families, stop, start.
func TestWebServer(t *testing.T) {
	l := lab.New(t)
	lan := l.Segment("lan")
	host, client := l.Host("web"), l.Host("client")
	lan.Plug(host, "eth0", "10.0.0.1/24", "fd00::1/64")
	lan.Plug(client, "eth0", "10.0.0.2/24", "fd00::2/64")
	web := lab.Nginx(t, host, "body", 80, 8080)
	for _, target := range []string{"10.0.0.1:80", "10.0.0.1:8080", "[fd00::1]:80"} {
		if r := lab.Burst(t, client, target, 5, 2); r.Lost != 0 || r.Answers["body"] != 5 {
			t.Errorf("%s: %v, want 5 answers", target, r)
		}
	}
	web.Stop(t)
	if r := lab.Burst(t, client, "10.0.0.1:80", 5, 2); r.Errors["connect: connection refused"] != 5 {
		t.Errorf("stopped: %v, want 5 refused", r)
	}
	web.Start(t)
	if r := lab.Burst(t, client, "10.0.0.1:80", 5, 2); r.Lost != 0 {
		t.Errorf("started again: %v, want no loss", r)
	}
}

// TestHostIsItsOwn shows what hosts share and what not.
func TestHostIsItsOwn(t *testing.T) {
	l := lab.New(t)
	a, b := l.Host("a"), l.Host("b")
	for _, dir := range []string{"/run/seesaw", "/var/run/seesaw", "/etc/seesaw", "/var/log/seesaw", "/var/lib/seesaw", "/tmp/x"} {
		a.WriteFile(t, dir+"/file", "a's")
		if out, err := b.Try(t, "cat", dir+"/file"); err == nil {
			t.Errorf("b sees a's %s/file: %q", dir, out)
		}
		if got := a.ReadFile(t, dir+"/file"); got != "a's" {
			t.Errorf("a's %s/file is %q", dir, got)
		}
	}
	if got := a.Run(t, "cat", "/run/seesaw/file"); got != "a's" {
		t.Errorf("/run and /var/run of a differ: %q", got)
	}
	if got := strings.TrimSpace(a.Run(t, "hostname")); got != "a" {
		t.Errorf("a's name is %q", got)
	}
	if got := a.Run(t, "getent", "hosts", "a"); !strings.HasPrefix(got, "127.0.1.1") {
		t.Errorf("a finds itself as %q", got)
	}
	if got := a.Run(t, "id", "seesaw"); !strings.Contains(got, "(seesaw)") {
		t.Errorf("user seesaw: %q", got)
	}
	a.Sysctl(t, "net.ipv4.ip_forward", "1")
	b.Sysctl(t, "net.ipv4.ip_forward", "0")
	if got := strings.TrimSpace(a.ReadFile(t, "/proc/sys/net/ipv4/ip_forward")); got != "1" {
		t.Errorf("a's ip_forward is %s after b's was set to 0", got)
	}
	if got := a.Run(t, "ip", "-o", "link", "show", "up"); !strings.Contains(got, "lo:") || strings.Count(got, "\n") != 1 {
		t.Errorf("links that are up in a new host: %q, want lo", got)
	}
}

// TestHostReapsAndKills leaves an orphan behind that dies, and one that does not.
func TestHostReapsAndKills(t *testing.T) {
	var daemon string // its pid as the test sees it
	t.Run("host", func(t *testing.T) {
		h := lab.New(t).Host("h")
		h.Run(t, "sh", "-c", "sleep 0.1 & sleep 987654 & true")
		lab.WaitFor(t, 10*time.Second, "end of the short orphan", func() (bool, string) {
			ps := h.Run(t, "ps", "-eo", "stat,args")
			return !strings.Contains(ps, "sleep 0.1") && !strings.Contains(ps, "defunct"), ps
		})
		out, err := exec.Command("pgrep", "-f", "^sleep 987654").Output()
		if err != nil {
			t.Fatalf("find the long orphan: %v", err)
		}
		daemon = strings.TrimSpace(string(out))
		p := h.Start(t, "sh", "-c", "echo said; exec sleep 100")
		lab.WaitFor(t, 10*time.Second, "output", func() (bool, string) { return p.Output(t) == "said\n", p.Output(t) })
		if !p.Running() {
			t.Error("a sleeping process does not count as running")
		}
	})
	lab.WaitFor(t, 10*time.Second, "end of the host's processes", func() (bool, string) {
		_, err := os.Stat("/proc/" + daemon)
		return err != nil, "pid " + daemon
	})
}

// TestFailingTestLeavesBundle runs itself as a test that fails and looks at what
// is left of it.
func TestFailingTestLeavesBundle(t *testing.T) {
	if os.Getenv("LAB_TEST_FAILS") != "" {
		lan, web, client := pair(t)
		web.WriteFile(t, "/var/log/seesaw/engine.log", "the engine's last words\n")
		web.WriteFile(t, "/run/seesaw/ncc/owned", "what ncc owns\n")
		lab.WaitFor(t, 20*time.Second, "capture", func() (bool, string) {
			r := lab.Burst(t, client, "10.0.0.1:80", 1, 1)
			return lan.Captured(t) > 100, r.String()
		})
		t.Error("on purpose")
		return
	}
	out := t.TempDir()
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "LAB_TEST_FAILS=1", "LAB_OUT="+out)
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "on purpose") {
		t.Fatalf("the test that should fail: %v\n%s", err, said)
	}
	bundle := filepath.Join(out, t.Name())
	for file, want := range map[string]string{
		"web/ip.txt":                    "10.0.0.1/24",
		"client/ip.txt":                 "10.0.0.1 dev eth0 lladdr",
		"web/ipvs.txt":                  "",
		"web/nft.txt":                   "",
		"web/ps.txt":                    "nginx",
		"web/files.txt":                 "owned",
		"web/sysctl.txt":                "net.ipv4.ip_forward",
		"web/var/log/seesaw/engine.log": "the engine's last words",
		"web/run/seesaw/ncc/owned":      "what ncc owns",
		"web-00-nginx.log":              "",
		"lan-fdb.txt":                   "port1",
		"capture-lan.pcap0":             "GET / HTTP/1.0",
	} {
		text, err := os.ReadFile(filepath.Join(bundle, file))
		if err != nil {
			t.Errorf("bundle: %v", err)
		} else if !strings.Contains(string(text), want) {
			t.Errorf("bundle: %s has no %q:\n%.500s", file, want, text)
		}
	}
}

// TestPassingTestLeavesNothing is the other half of it.
func TestPassingTestLeavesNothing(t *testing.T) {
	out := t.TempDir()
	t.Setenv("LAB_OUT", out)
	t.Run("passes", func(t *testing.T) { lab.New(t).Host("h") })
	if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
