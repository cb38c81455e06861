package kernel

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

func TestExplain(t *testing.T) {
	link := plan.SetLink{Link: "eth0", Up: true}
	for name, test := range map[string]struct {
		op   plan.Op
		err  error
		want string
	}{
		"no right":      {link, unix.EPERM, "raise interface eth0: operation not permitted (does seesaw_ncc have CAP_NET_ADMIN?)"},
		"no raw socket": {plan.Announce{Link: "eth0", Addr: netip.MustParseAddr("192.0.2.1")}, unix.EPERM, "announce 192.0.2.1 on eth0: operation not permitted (does seesaw_ncc have CAP_NET_RAW?)"},
		"read-only":     {plan.SetSysctl{Name: "a", Value: "1"}, unix.EROFS, "set sysctl a to 1: read-only file system (is /proc/sys mounted read-only?)"},
		"link went":     {link, unix.ENODEV, "raise interface eth0: no such interface (is it named right in section [interface] of seesaw.cfg?)"},
		"anything else": {link, unix.EIO, "raise interface eth0: input/output error"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := explain(test.op, test.err); got.Error() != test.want {
				t.Errorf("\n got %q\nwant %q", got, test.want)
			}
		})
	}
	if err := explain(link, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

// TestWithoutCapabilities: the real kernel says no and we say why.
func TestWithoutCapabilities(t *testing.T) {
	h := newHost(t)
	h.veth("eth0")
	k := h.kernel()
	vip := netip.MustParsePrefix("192.0.2.80/32")
	ops := []plan.Op{
		plan.AddAddr{Link: "eth0", Prefix: vip},
		plan.SetLink{Link: "eth0"},
		plan.SetMAC{Link: "eth0", MAC: "00:00:5e:00:01:3c"},
		plan.DelLink{Link: "eth0"},
		plan.Announce{Link: "eth0", Addr: vip.Addr()},
	}
	done := make(chan []error)
	go func() {
		// Never unlocked: this thread without its capabilities ends here.
		runtime.LockOSThread()
		if err := dropCapabilities(unix.CAP_NET_ADMIN, unix.CAP_NET_RAW); err != nil {
			done <- []error{err}
			return
		}
		done <- k.Do(t.Context(), ops)
	}()
	errs := <-done
	if len(errs) != len(ops) {
		t.Fatal(errs)
	}
	for i, err := range errs {
		want := ops[i].String() + ": operation not permitted (does seesaw_ncc have CAP_NET_ADMIN?)"
		if i == len(ops)-1 {
			want = "announce 192.0.2.80 on eth0: open packet socket: operation not permitted (does seesaw_ncc have CAP_NET_RAW?)"
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
}

// dropCapabilities takes capabilities from the calling thread alone.
func dropCapabilities(drop ...int) error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return err
	}
	for _, c := range drop {
		data[c/32].Effective &^= 1 << (c % 32)
	}
	return unix.Capset(&head, &data[0])
}
