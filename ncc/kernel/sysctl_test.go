package kernel

import (
	"errors"
	"strings"
	"testing"

	"seesaw/ncc/plan"
)

func TestSysctl(t *testing.T) {
	h := newHost(t)
	h.veth("eth0.100")
	k := h.kernel()
	for _, name := range []string{
		"net/ipv4/ip_forward",
		"net/ipv4/conf/all/arp_ignore",
		"net/ipv4/conf/eth0.100/arp_announce",
		"net/ipv4/conf/eth0.100/rp_filter",
		"net/ipv4/conf/eth0.100/accept_local",
		"net/ipv6/conf/eth0.100/keep_addr_on_down",
	} {
		for _, value := range []string{"1", "1", "0"} {
			do(t, k, plan.SetSysctl{Name: name, Value: value})
			if got := strings.TrimSpace(h.sysctl(name)); got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
			if got := read(t, k).Sysctls[name]; got != value {
				t.Errorf("%s reads as %q, want %s", name, got, value)
			}
		}
	}
}

func TestReadSysctls(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	h.setSysctl("net/ipv4/conf/eth0/rp_filter", "2")
	got := read(t, h.kernel()).Sysctls
	for _, link := range []string{"all", "lo", "eth0", "p-eth0"} {
		for _, name := range linkSettings4 {
			if _, ok := got[linkSetting("ipv4", link, name)]; !ok {
				t.Errorf("IPv4 setting %s of %s is missing", name, link)
			}
		}
		// "all" has some of IPv6's and not the others; a plan wants none of them.
		if link == "all" {
			continue
		}
		for _, name := range linkSettings6 {
			if _, ok := got[linkSetting("ipv6", link, name)]; !ok {
				t.Errorf("IPv6 setting %s of %s is missing", name, link)
			}
		}
	}
	if got["net/ipv4/conf/eth0/rp_filter"] != "2" {
		t.Errorf("rp_filter of eth0 is %q, want 2", got["net/ipv4/conf/eth0/rp_filter"])
	}
}

func TestSysctlRefused(t *testing.T) {
	k := newHost(t).kernel()
	for name, want := range map[string]struct {
		op      plan.SetSysctl
		message string
		missing bool
	}{
		"no such setting": {
			plan.SetSysctl{Name: "net/ipv4/neigh/default/gc_thresh_zebra", Value: "1"},
			"set sysctl net/ipv4/neigh/default/gc_thresh_zebra to 1: no such setting in this kernel: /proc/sys/net/ipv4/neigh/default/gc_thresh_zebra",
			true,
		},
		"no such interface": {
			plan.SetSysctl{Name: "net/ipv4/conf/eno9/arp_ignore", Value: "1"},
			"set sysctl net/ipv4/conf/eno9/arp_ignore to 1: no such setting in this kernel: /proc/sys/net/ipv4/conf/eno9/arp_ignore",
			true,
		},
		"value refused": {
			plan.SetSysctl{Name: "net/ipv4/ip_forward", Value: "zebra"},
			"set sysctl net/ipv4/ip_forward to zebra: /proc/sys/net/ipv4/ip_forward: invalid argument",
			false,
		},
		"way out": {
			plan.SetSysctl{Name: "net/../../../etc/passwd", Value: "1"},
			`set sysctl net/../../../etc/passwd to 1: "net/../../../etc/passwd" is not a path below /proc/sys`,
			false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := fails(t, k, want.op)
			if err.Error() != want.message {
				t.Errorf("\n got %q\nwant %q", err, want.message)
			}
			if errors.Is(err, plan.ErrNoSysctl) != want.missing {
				t.Errorf("wraps ErrNoSysctl: %v, want %v", !want.missing, want.missing)
			}
		})
	}
}

func TestSysctlFile(t *testing.T) {
	for name, want := range map[string]string{
		"net/ipv4/ip_forward":                 "/proc/sys/net/ipv4/ip_forward",
		"net/ipv4/conf/eth0.100/arp_ignore":   "/proc/sys/net/ipv4/conf/eth0.100/arp_ignore",
		"":                                    "",
		"/etc/passwd":                         "",
		"..":                                  "",
		"../../etc/passwd":                    "",
		"net/ipv4/conf/../../kernel/modprobe": "",
		"net//ipv4":                           "",
		"net/":                                "",
	} {
		got, err := sysctlFile(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
}
