//go:build lab

package lab_test

import (
	"os"
	"strings"
	"testing"

	"seesaw/lab"
)

// TestModulesCold takes IPVS out of the kernel, hides it, and gets it back.
func TestModulesCold(t *testing.T) {
	l := lab.New(t)
	hidden, other := l.Host("hidden"), l.Host("other")
	other.Run(t, "ipvsadm", "-A", "-t", "10.0.0.1:80", "-s", "rr")
	other.Run(t, "ipvsadm", "-C")
	lab.UnloadModules(t)
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		t.Fatal("IPVS is still there after UnloadModules")
	}
	t.Run("hidden", func(t *testing.T) {
		hidden.HideModules(t)
		out, err := hidden.Try(t, "modprobe", "ip_vs")
		if err == nil || !strings.Contains(out, "Module ip_vs not found in directory /lib/modules/") {
			t.Errorf("modprobe ip_vs: %v, %q; want not found", err, out)
		}
		if out, err := hidden.Try(t, "ipvsadm", "-Ln"); err == nil {
			t.Errorf("ipvsadm works without the module:\n%s", out)
		}
		if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
			t.Error("the kernel loaded IPVS by itself")
		}
	})
	other.Run(t, "modprobe", "ip_vs")
	other.Run(t, "ipvsadm", "-Ln")
}
