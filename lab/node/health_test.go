//go:build lab

package node_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// The timing of the checks in checkedCluster.
const (
	interval = time.Second
	timeout  = time.Second
	retries  = 1
	slack    = 100 * time.Millisecond
)

// checkedCluster is the field report's with fast checks.
func checkedCluster(t *testing.T) (cfg, cluster string) {
	cfg, cluster = site.FieldReport(t)
	return cfg, strings.Replace(cluster, "type: HTTP", fmt.Sprintf("type: HTTP\n      interval: %d\n      timeout: %d\n      retries: %d",
		interval/time.Second, timeout/time.Second, retries), 1)
}

// inTable waits until the kernel has or has not got a destination, and returns
// how long that took. It looks every few milliseconds, at the kernel itself.
func (s *rig) inTable(t *testing.T, began time.Time, addr string, want bool) time.Duration {
	t.Helper()
	var b [4]byte
	if _, err := fmt.Sscanf(addr, "%d.%d.%d.%d", &b[0], &b[1], &b[2], &b[3]); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%02X%02X%02X%02X:0050", b[0], b[1], b[2], b[3])
	lab.WaitFor(t, site.Patience, fmt.Sprintf("%s in the table: %v", addr, want), func() (bool, string) {
		var table []byte
		err := s.node.Do(func() (err error) {
			table, err = os.ReadFile("/proc/thread-self/net/ip_vs")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(table), hex) == want, string(table)
	})
	return time.Since(began)
}

// TestBackendStoppedAndReturned: out of the table and back within the time that
// the check's config promises.
func TestBackendStoppedAndReturned(t *testing.T) {
	s := newRig(t)
	cfg, cluster := checkedCluster(t)
	s.node.Configure(t, cfg, cluster)
	s.serve(t)
	for i := range 3 {
		began := time.Now()
		s.Web[1].Stop(t)
		out := s.inTable(t, began, "192.168.37.72", false)
		limit := interval*(retries+1) + timeout + slack
		t.Logf("round %d: out after %v (at most %v)", i, out, limit)
		if out > limit {
			t.Errorf("out after %v, want at most %v", out, limit)
		}
		s.WaitFor(t, site.Patience, "backend01")
		s.Web[1].Start(t)
		back := s.inTable(t, time.Now(), "192.168.37.72", true)
		limit = interval + timeout + slack
		t.Logf("round %d: back after %v (at most %v)", i, back, limit)
		if back > limit {
			t.Errorf("back after %v, want at most %v", back, limit)
		}
		s.WaitFor(t, site.Patience, "backend01", "backend02")
	}
}

// TestDSRBackendWithoutTheVIP: in DSR mode the probe goes to the VIP through the
// backend, so a backend that does not have the VIP is out, and the log says what
// to look for.
func TestDSRBackendWithoutTheVIP(t *testing.T) {
	s := newRig(t)
	cfg, cluster := checkedCluster(t)
	s.node.Configure(t, cfg, cluster)
	s.serve(t)
	s.Backends[1].Run(t, "ip", "addr", "del", site.VIP+"/32", "dev", "lo")
	s.inTable(t, time.Now(), "192.168.37.72", false)
	s.WaitFor(t, site.Patience, "backend01")
	log := s.node.Logs(t, "engine")
	for _, want := range []string{"destination unhealthy", "backend02", "VIP on its loopback"} {
		if !strings.Contains(log, want) {
			t.Errorf("the engine's log does not say %q:\n%s", want, log)
		}
	}
	s.Backends[1].Run(t, "ip", "addr", "add", site.VIP+"/32", "dev", "lo")
	s.WaitFor(t, site.Patience, "backend01", "backend02")
}
