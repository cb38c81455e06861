//go:build lab

package ipvs

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// These tests need a kernel with IPVS and root:
//
//	CGO_ENABLED=0 go test -c -tags lab -o ipvs.test ./ipvs && go run ./lab/cmd/lab -- ./ipvs.test -test.run Lab

var record = flag.String("record", "", "`file` to append the kernel's answers to, for testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	// ip_vs_pe_sip is not loaded on demand by all kernels, dummy not at all in the lab.
	for _, module := range []string{"ip_vs", "ip_vs_pe_sip", "dummy"} {
		if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "modprobe %s: %v %s\n", module, err, out)
		}
	}
	os.Exit(m.Run())
}

// lab is a network namespace of a test's own and a handle on it.
type lab struct {
	*Handle
	t  *testing.T
	ns netns.NsHandle
}

func newLab(t *testing.T) *lab {
	t.Helper()
	ns := newNamespace(t)
	h, err := New(InNamespace(ns))
	if err != nil {
		t.Fatalf("%v (run by: go run ./lab/cmd/lab)", err)
	}
	t.Cleanup(func() {
		// The namespace may outlive the test; its services would keep modules in use.
		if err := errors.Join(h.Flush(), h.Close()); err != nil {
			t.Error(err)
		}
	})
	if *record != "" {
		h.conn.link = &recorder{link: h.conn.link, name: t.Name()}
	}
	l := &lab{Handle: h, t: t, ns: ns}
	l.run("", "ip", "link", "set", "lo", "up")
	return l
}

// recorder appends every datagram from the kernel to the -record file.
type recorder struct {
	link
	name string
}

func (r *recorder) receive(b []byte, deadline time.Time) (int, error) {
	n, err := r.link.receive(b, deadline)
	if err == nil {
		f, ferr := os.OpenFile(*record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if ferr != nil {
			return n, ferr
		}
		fmt.Fprintf(f, "%s %s\n", r.name, hex.EncodeToString(b[:n]))
		return n, f.Close()
	}
	return n, err
}

// run runs a program in the namespace and returns what it prints.
func (l *lab) run(stdin, name string, args ...string) string {
	l.t.Helper()
	var out []byte
	err := inNamespace(l.ns, func() (err error) {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		l.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// saved returns the lines of ipvsadm -Sn, sorted.
func (l *lab) saved() []string {
	l.t.Helper()
	lines := strings.Split(strings.TrimSpace(l.run("", "ipvsadm", "-Sn")), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	slices.Sort(lines)
	return lines
}

// wantSaved compares with ipvsadm's own view.
func (l *lab) wantSaved(want ...string) {
	l.t.Helper()
	slices.Sort(want)
	if len(want) == 0 {
		want = []string{""}
	}
	if diff := cmp.Diff(want, l.saved()); diff != "" {
		l.t.Errorf("ipvsadm -Sn (-want +got):\n%s", diff)
	}
}

// must fails the test on an error.
func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// wantErr demands an error of that number.
func (l *lab) wantErr(err error, want unix.Errno) {
	l.t.Helper()
	if !errors.Is(err, want) {
		l.t.Errorf("got %v, want %v", err, want)
	}
}

// only returns the service if it is the only one.
func (l *lab) only() Service {
	l.t.Helper()
	all, err := l.ListServices()
	l.must(err)
	if len(all) != 1 {
		l.t.Fatalf("%d services, want 1: %v", len(all), all)
	}
	return all[0]
}

func TestLabServices(t *testing.T) {
	vip4, vip6 := addr("192.0.2.1"), addr("2001:db8::") // ends in zeros like an IPv4 address
	tests := []struct {
		name string
		s    Service
		want string
	}{
		{"TCP", Service{Address: vip4, Protocol: TCP, Port: 80, Scheduler: "wlc"}, "-A -t 192.0.2.1:80 -s wlc"},
		{"UDP", Service{Address: vip4, Protocol: UDP, Port: 53, Scheduler: "rr"}, "-A -u 192.0.2.1:53 -s rr"},
		{"SCTP", Service{Address: vip4, Protocol: SCTP, Port: 5000, Scheduler: "rr"}, "-A --sctp-service 192.0.2.1:5000 -s rr"},
		{"IPv6", Service{Address: vip6, Protocol: TCP, Port: 80, Scheduler: "rr"}, "-A -t [2001:db8::]:80 -s rr"},
		{"IPv6 UDP", Service{Address: addr("2001:db8::53"), Protocol: UDP, Port: 53, Scheduler: "rr"}, "-A -u [2001:db8::53]:53 -s rr"},
		{"any port", Service{Address: vip4, Protocol: TCP, Scheduler: "rr", Flags: FlagPersistent, Timeout: 10 * time.Second}, "-A -t 192.0.2.1:0 -s rr -p 10"},
		{"mark", Service{FWMark: 256, Scheduler: "rr"}, "-A -f 256 -s rr"},
		{"mark, IPv6", Service{Family: IPv6, FWMark: 257, Scheduler: "rr"}, "-A -f 257 -6 -s rr"},
		{"persistent", Service{Address: vip4, Protocol: TCP, Port: 443, Scheduler: "wlc", Flags: FlagPersistent, Timeout: 300 * time.Second}, "-A -t 192.0.2.1:443 -s wlc -p 300"},
		{"persistent net", Service{Address: vip4, Protocol: TCP, Port: 443, Scheduler: "wlc", Flags: FlagPersistent, Timeout: 300 * time.Second, Netmask: PrefixNetmask(IPv4, 24)},
			"-A -t 192.0.2.1:443 -s wlc -p 300 -M 255.255.255.0"},
		{"persistent, all as one", Service{Address: vip4, Protocol: TCP, Port: 443, Scheduler: "wlc", Flags: FlagPersistent, Timeout: time.Second, Netmask: PrefixNetmask(IPv4, 0)},
			"-A -t 192.0.2.1:443 -s wlc -p 1 -M 0.0.0.0"},
		{"persistent net, IPv6", Service{Address: vip6, Protocol: TCP, Port: 443, Scheduler: "wlc", Flags: FlagPersistent, Timeout: 60 * time.Second, Netmask: PrefixNetmask(IPv6, 64)},
			"-A -t [2001:db8::]:443 -s wlc -p 60 -M 64"},
		{"one packet", Service{Address: vip4, Protocol: UDP, Port: 53, Scheduler: "rr", Flags: FlagOnePacket}, "-A -u 192.0.2.1:53 -s rr -o"},
		{"engine", Service{Address: vip4, Protocol: UDP, Port: 5060, Scheduler: "wlc", Flags: FlagPersistent, Timeout: 60 * time.Second, PEName: "sip"},
			"-A -u 192.0.2.1:5060 -s wlc -p 60 --pe sip"},
		{"sh", Service{Address: vip4, Protocol: TCP, Port: 80, Scheduler: "sh", Flags: FlagSHFallback | FlagSHPort}, "-A -t 192.0.2.1:80 -s sh -b sh-fallback,sh-port"},
		{"mh", Service{Address: vip4, Protocol: TCP, Port: 80, Scheduler: "mh", Flags: FlagMHFallback | FlagMHPort}, "-A -t 192.0.2.1:80 -s mh -b mh-fallback,mh-port"},
		{"wlc flags", Service{Address: vip4, Protocol: TCP, Port: 80, Scheduler: "wlc", Flags: FlagScheduler1 | FlagScheduler2 | FlagScheduler3}, "-A -t 192.0.2.1:80 -s wlc -b flag-1,flag-2,flag-3"},
	}
	for _, scheduler := range strings.Fields("rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh") {
		tests = append(tests, struct {
			name string
			s    Service
			want string
		}{"scheduler " + scheduler, Service{Address: vip4, Protocol: TCP, Port: 1, Scheduler: scheduler}, "-A -t 192.0.2.1:1 -s " + scheduler})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			l.must(l.NewService(tt.s))
			l.wantSaved(tt.want)
			if got := l.only(); !got.Equal(tt.s) || got.Key() != tt.s.Key() {
				t.Errorf("listed %s, want %s", got, tt.s)
			}
			if got, err := l.GetService(Service{Family: tt.s.Family, Address: tt.s.Address, Protocol: tt.s.Protocol, Port: tt.s.Port, FWMark: tt.s.FWMark}); err != nil || !got.Equal(tt.s) {
				t.Errorf("got %s, %v; want %s", got, err, tt.s)
			}
			l.wantErr(l.NewService(tt.s), unix.EEXIST)
			l.must(l.DelService(tt.s))
			l.wantSaved()
			l.wantErr(l.DelService(tt.s), unix.ESRCH)
			l.wantErr(l.UpdateService(tt.s), unix.ESRCH)
			_, err := l.GetService(tt.s)
			l.wantErr(err, unix.ESRCH)
			// What ipvsadm makes reads the same.
			l.run(tt.want+"\n", "ipvsadm", "-R")
			if got := l.only(); !got.Equal(tt.s) {
				t.Errorf("of ipvsadm's making: %s, want %s", got, tt.s)
			}
		})
	}
}

func TestLabUpdateService(t *testing.T) {
	l := newLab(t)
	s := Service{Address: addr("192.0.2.1"), Protocol: UDP, Port: 5060, Scheduler: "wlc", Flags: FlagPersistent, Timeout: time.Minute, PEName: "sip", Netmask: PrefixNetmask(IPv4, 8)}
	l.must(l.NewService(s))
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() { s.Scheduler, s.Flags = "mh", FlagPersistent|FlagMHPort }, "-A -u 192.0.2.1:5060 -s mh -p 60 -M 255.0.0.0 --pe sip -b mh-port"},
		{func() { s.PEName, s.Netmask = "", 0 }, "-A -u 192.0.2.1:5060 -s mh -p 60 -b mh-port"},
		{func() { s.Scheduler, s.Flags, s.Timeout = "rr", FlagOnePacket, 0 }, "-A -u 192.0.2.1:5060 -s rr -o"},
	} {
		step.change()
		l.must(l.UpdateService(s))
		if got := l.only(); !got.Equal(s) {
			t.Errorf("read back %s, want %s", got, s)
		}
		l.wantSaved(step.want)
	}
	s.Scheduler = "nonesuch"
	l.wantErr(l.UpdateService(s), unix.ENOENT)
	s.Port++
	l.wantErr(l.NewService(s), unix.ENOENT)
}

func TestLabDestinations(t *testing.T) {
	v4 := Service{Address: addr("192.0.2.1"), Protocol: TCP, Port: 80, Scheduler: "wlc"}
	v6 := Service{Address: addr("2001:db8::1"), Protocol: TCP, Port: 80, Scheduler: "wlc"}
	mark := Service{Family: IPv6, FWMark: 300, Scheduler: "rr"}
	be4, be6 := addr("10.0.0.7"), addr("2001:db8:7::")
	const on4, on6 = "-a -t 192.0.2.1:80 -r ", "-a -t [2001:db8::1]:80 -r "
	tests := []struct {
		name string
		s    Service
		d    Destination
		want string
		tun  string // of ipvsadm -Ln --tun-info
	}{
		{"masq", v4, Destination{Address: be4, Port: 8080, Forward: ForwardMasq, Weight: 3}, on4 + "10.0.0.7:8080 -m -w 3", ""},
		{"route", v4, Destination{Address: be4, Port: 80, Forward: ForwardRoute}, on4 + "10.0.0.7:80 -g -w 0", ""},
		{"weight of more than 16 bits", v4, Destination{Address: be4, Port: 80, Forward: ForwardRoute, Weight: 100000}, on4 + "10.0.0.7:80 -g -w 100000", ""},
		{"greatest weight", v4, Destination{Address: be4, Port: 80, Forward: ForwardRoute, Weight: 2147483647}, on4 + "10.0.0.7:80 -g -w 2147483647", ""},
		{"IPv6 masq", v6, Destination{Address: be6, Port: 80, Forward: ForwardMasq, Weight: 1}, on6 + "[2001:db8:7::]:80 -m -w 1", ""},
		{"ipip", v4, Destination{Address: be4, Port: 80, Forward: ForwardTunnel, Weight: 1}, on4 + "10.0.0.7:80 -i -w 1 --tun-type ipip", "ipip"},
		{"gue", v4, Destination{Address: be4, Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGUE, TunnelPort: 6080, Weight: 1}, on4 + "10.0.0.7:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum", "gue:6080:-c"},
		{"gue csum", v4, Destination{Address: be4, Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGUE, TunnelPort: 6080, TunnelFlags: TunnelCsum, Weight: 1}, on4 + "10.0.0.7:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum", "gue:6080:+c"},
		{"gue remcsum", v4, Destination{Address: be4, Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGUE, TunnelPort: 6080, TunnelFlags: TunnelRemCsum, Weight: 1}, on4 + "10.0.0.7:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum", "gue:6080:r+c"},
		{"gre", v4, Destination{Address: be4, Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGRE, Weight: 1}, on4 + "10.0.0.7:80 -i -w 1 --tun-type gre --tun-nocsum", "gre:-c"},
		{"gre csum", v4, Destination{Address: be4, Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGRE, TunnelFlags: TunnelCsum, Weight: 1}, on4 + "10.0.0.7:80 -i -w 1 --tun-type gre --tun-csum", "gre:+c"},
		{"IPv4 tunnel of IPv6", v6, Destination{Address: addr("10.0.0.3"), Port: 80, Forward: ForwardTunnel, Weight: 1}, on6 + "10.0.0.3:80 -i -w 1 --tun-type ipip", "ipip"},
		{"IPv6 tunnel of IPv4", v4, Destination{Address: be6, Port: 80, Forward: ForwardTunnel, Weight: 1}, on4 + "[2001:db8:7::]:80 -i -w 1 --tun-type ipip", "ipip"},
		{"mark", mark, Destination{Address: be6, Forward: ForwardRoute, Weight: 1}, "-a -f 300 -6 -r [2001:db8:7::]:0 -g -w 1", ""},
		{"thresholds", v4, Destination{Address: be4, Port: 80, Forward: ForwardRoute, Weight: 1, UpperThreshold: 2000, LowerThreshold: 1000}, on4 + "10.0.0.7:80 -g -w 1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			l.wantErr(l.NewDestination(tt.s, tt.d), unix.ESRCH)
			l.must(l.NewService(tt.s))
			service := l.saved()[0]
			l.must(l.NewDestination(tt.s, tt.d))
			l.wantDestination(tt.s, tt.d)
			l.wantSaved(service, tt.want)
			if tt.tun != "" && !slices.Contains(strings.Fields(l.run("", "ipvsadm", "-Ln", "--tun-info")), tt.tun) {
				t.Errorf("no %s in %s", tt.tun, l.run("", "ipvsadm", "-Ln", "--tun-info"))
			}
			if tt.d.UpperThreshold != 0 && !strings.Contains(strings.Join(strings.Fields(l.run("", "ipvsadm", "-Ln", "--thresholds")), " "), "10.0.0.7:80 2000 1000 0 0") {
				t.Errorf("thresholds: %s", l.run("", "ipvsadm", "-Ln", "--thresholds"))
			}
			l.wantErr(l.NewDestination(tt.s, tt.d), unix.EEXIST)

			changed := tt.d
			changed.Weight, changed.UpperThreshold, changed.LowerThreshold = 7, 20, 10
			if tt.d.Forward == ForwardTunnel {
				changed.TunnelType, changed.TunnelPort, changed.TunnelFlags = TunnelIPIP, 0, 0
			}
			l.must(l.UpdateDestination(tt.s, changed))
			l.wantDestination(tt.s, changed)

			l.must(l.DelDestination(tt.s, tt.d))
			l.wantSaved(service)
			l.wantErr(l.DelDestination(tt.s, tt.d), unix.ENOENT)
			l.wantErr(l.UpdateDestination(tt.s, tt.d), unix.ENOENT)
			if found, err := l.ListDestinations(tt.s); err != nil || len(found) != 0 {
				t.Errorf("left: %v, %v", found, err)
			}
		})
	}
}

func (l *lab) wantDestination(s Service, want Destination) {
	l.t.Helper()
	found, err := l.ListDestinations(s)
	l.must(err)
	if len(found) != 1 || !found[0].Equal(want) {
		l.t.Errorf("read back %v, want %s", found, want)
	}
}

func TestLabRefusals(t *testing.T) {
	l := newLab(t)
	s := Service{Address: addr("2001:db8::1"), Protocol: TCP, Port: 80, Scheduler: "wlc"}
	l.must(l.NewService(s))
	l.wantErr(l.NewDestination(s, Destination{Address: addr("10.0.0.3"), Port: 80, Forward: ForwardMasq}), unix.EINVAL)
	l.wantErr(l.NewDestination(s, Destination{Address: addr("2001:db8::3"), Port: 80, Weight: 1 << 31}), unix.ERANGE)
	l.wantErr(l.NewDestination(s, Destination{Address: addr("2001:db8::3"), Port: 80, UpperThreshold: 1, LowerThreshold: 2}), unix.ERANGE)
	l.wantErr(l.NewDestination(s, Destination{Address: addr("2001:db8::3"), Port: 80, Forward: ForwardTunnel, TunnelType: TunnelGUE}), unix.EINVAL)
	if found, err := l.ListDestinations(Service{FWMark: 9}); err != nil || found == nil || len(found) != 0 {
		t.Errorf("destinations of a missing service: %v, %v", found, err)
	}
}

func TestLabEmpty(t *testing.T) {
	l := newLab(t)
	if got, err := l.ListServices(); err != nil || got == nil || len(got) != 0 {
		t.Errorf("services: %v, %v", got, err)
	}
	if got, err := l.ListDaemons(); err != nil || got == nil || len(got) != 0 {
		t.Errorf("daemons: %v, %v", got, err)
	}
	l.must(l.Flush())
	l.must(l.ZeroAll())
	l.wantErr(l.Zero(web), unix.ESRCH)
}

func TestLabNamespacesAreApart(t *testing.T) {
	a, b := newLab(t), newLab(t)
	a.must(a.NewService(web))
	b.wantSaved()
	if got, err := b.ListServices(); err != nil || len(got) != 0 {
		t.Errorf("the other namespace: %v, %v", got, err)
	}
	a.must(a.Flush())
	a.wantSaved()
}

func TestLabInfo(t *testing.T) {
	l := newLab(t)
	got, err := l.Info()
	l.must(err)
	want := fmt.Sprintf("version %s (size=%d)", got.Version, got.TableSize)
	if out := l.run("", "ipvsadm", "-Ln"); !strings.Contains(out, want) {
		t.Errorf("%s is not in %s", want, out)
	}
}

func TestLabTimeouts(t *testing.T) {
	l := newLab(t)
	before, err := l.GetTimeouts()
	l.must(err)
	l.must(l.SetTimeouts(Timeouts{TCPFin: 33 * time.Second}))
	got, err := l.GetTimeouts()
	l.must(err)
	want := before
	want.TCPFin = 33 * time.Second
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	l.must(l.SetTimeouts(Timeouts{TCP: 100 * time.Second, TCPFin: 20 * time.Second, UDP: 30 * time.Second}))
	if out := l.run("", "ipvsadm", "-L", "--timeout"); !strings.Contains(out, "100 20 30") {
		t.Errorf("ipvsadm shows %s", out)
	}
}

func TestLabDaemons(t *testing.T) {
	l := newLab(t)
	l.run("", "ip", "link", "add", "d0", "type", "dummy")
	l.run("", "ip", "link", "set", "d0", "up")
	l.run("", "ip", "addr", "add", "10.9.9.9/24", "dev", "d0")
	l.run("", "ip", "addr", "add", "2001:db8:9::9/64", "dev", "d0", "nodad")
	master := Daemon{State: DaemonMaster, Interface: "d0", SyncID: 51, MaxLen: 1000, Group: addr("224.0.0.99"), Port: 9000, TTL: 3}
	backup := Daemon{State: DaemonBackup, Interface: "d0", SyncID: 52}
	l.must(l.StartDaemon(master))
	l.must(l.StartDaemon(backup))
	l.wantErr(l.StartDaemon(master), unix.EEXIST)
	found, err := l.ListDaemons()
	l.must(err)
	if len(found) != 2 || found[0] != master || !backup.Matches(found[1]) {
		t.Errorf("found %v, want %v and %v", found, master, backup)
	}
	if len(found) == 2 && (found[1].Port != 8848 || found[1].TTL != 1 || found[1].Group != addr("224.0.0.81") || found[1].MaxLen == 0) {
		t.Errorf("the kernel's defaults read as %s", found[1])
	}
	out := l.run("", "ipvsadm", "-L", "--daemon")
	if !strings.Contains(out, "master sync daemon (mcast=d0, syncid=51, maxlen=1000, group=224.0.0.99, port=9000, ttl=3)") {
		t.Errorf("ipvsadm shows %s", out)
	}
	l.must(l.StopDaemon(DaemonMaster))
	l.wantErr(l.StopDaemon(DaemonMaster), unix.ESRCH)

	six := Daemon{State: DaemonMaster, Interface: "d0", Group: addr("ff02::99")}
	l.must(l.StartDaemon(six))
	if found, err := l.ListDaemons(); err != nil || len(found) != 2 || !six.Matches(found[0]) {
		t.Errorf("found %v, %v; want %s", found, err, six)
	}
	// The kernel refuses mixed families while it syncs.
	s := Service{Address: addr("2001:db8::1"), Protocol: TCP, Port: 80, Scheduler: "wlc"}
	l.must(l.NewService(s))
	l.wantErr(l.NewDestination(s, Destination{Address: addr("10.0.0.3"), Port: 80, Forward: ForwardTunnel}), unix.EINVAL)
	l.must(l.StopDaemon(DaemonMaster))
	l.must(l.StopDaemon(DaemonBackup))
	l.wantErr(l.StartDaemon(Daemon{State: DaemonMaster, Interface: "nonesuch"}), unix.ENODEV)
}

// TestLabStats sends UDP to a service on lo and waits for its counters.
func TestLabStats(t *testing.T) {
	l := newLab(t)
	l.run("", "ip", "addr", "add", "10.0.0.1/32", "dev", "lo")
	l.run("", "ip", "addr", "add", "192.0.2.9/32", "dev", "lo")
	s := Service{Address: addr("192.0.2.9"), Protocol: UDP, Port: 9999, Scheduler: "rr"}
	d := Destination{Address: addr("10.0.0.1"), Port: 9999, Forward: ForwardRoute, Weight: 1}
	l.must(l.NewService(s))
	l.must(l.NewDestination(s, d))
	l.must(inNamespace(l.ns, func() error {
		// Someone listens, or the kernel's refusals count as packets too.
		server, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(server) })
		if err := unix.Bind(server, &unix.SockaddrInet4{Port: 9999}); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 9}, Port: 9999}
		for range 5 {
			if err := unix.Sendto(fd, make([]byte, 72), 0, to); err != nil {
				return err
			}
		}
		return nil
	}))
	found, err := l.ListDestinations(s)
	l.must(err)
	if len(found) != 1 || found[0].InactiveConns != 1 || found[0].ActiveConns != 0 {
		t.Errorf("destination with connections %v, want one inactive", found)
	}
	want := Stats{Connections: 1, PacketsIn: 5, BytesIn: 500}
	totals := func(s Stats) Stats { s.CPS, s.PPSIn, s.BPSIn, s.PPSOut, s.BPSOut = 0, 0, 0, 0, 0; return s }
	// The kernel renews what it shows every 2 seconds.
	l.eventually(fmt.Sprintf("the service shows %s", want), func() (string, bool) {
		got, err := l.GetService(s)
		l.must(err)
		return got.Stats.String(), totals(got.Stats) == want
	})
	l.eventually(fmt.Sprintf("the destination shows %s", want), func() (string, bool) {
		found, err := l.ListDestinations(s)
		l.must(err)
		return found[0].Stats.String(), totals(found[0].Stats) == want
	})
	out := strings.Join(strings.Fields(l.run("", "ipvsadm", "-Ln", "--stats", "--exact")), " ")
	if !strings.Contains(out, "UDP 192.0.2.9:9999 1 5 0 500 0") {
		t.Errorf("ipvsadm shows %s", out)
	}
	l.must(l.Zero(s))
	got, err := l.GetService(s)
	l.must(err)
	if totals(got.Stats) != (Stats{}) {
		t.Errorf("after Zero: %s", got.Stats)
	}
}

// eventually asks until ok, for 20 seconds, and then says what it last saw.
func (l *lab) eventually(what string, ask func() (saw string, ok bool)) {
	l.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		saw, ok := ask()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("it did not happen that %s; last seen: %s", what, saw)
		}
	}
}
