package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readyWithin is how long a server may take to answer; seconds under emulation.
const readyWithin = 20 * time.Second

// Web is an nginx in a host. It answers every request with one line, its body.
type Web struct {
	host   *Host
	config string
	probe  string // an address it listens on
	proc   *Proc
}

// Nginx starts a web server that answers with body (usually the host's name) on
// the ports given, for IPv4 and IPv6 and every address, and waits until it does.
func Nginx(t testing.TB, h *Host, body string, ports ...int) *Web {
	t.Helper()
	if len(ports) == 0 {
		t.Fatal("lab: Nginx: no port")
	}
	dir := fmt.Sprintf("/run/lab/nginx-%d", ports[0])
	w := &Web{host: h, config: dir + "/nginx.conf", probe: fmt.Sprintf("127.0.0.1:%d", ports[0])}
	var listen strings.Builder
	for _, p := range ports {
		fmt.Fprintf(&listen, "\t\tlisten %d backlog=1024;\n\t\tlisten [::]:%d backlog=1024;\n", p, p)
	}
	h.WriteFile(t, w.config, fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr;
events { worker_connections 2048; }
http {
	access_log off;
	default_type text/plain;
	client_body_temp_path %[1]s;
	proxy_temp_path %[1]s;
	fastcgi_temp_path %[1]s;
	uwsgi_temp_path %[1]s;
	scgi_temp_path %[1]s;
	server {
%[2]s		location / { return 200 "%[3]s\n"; }
	}
}
`, dir, listen.String(), body))
	w.Start(t)
	return w
}

// Start starts the server and waits until it answers; Nginx has done so already.
func (w *Web) Start(t testing.TB) {
	t.Helper()
	w.proc = w.host.Start(t, "nginx", "-c", w.config, "-e", "stderr")
	WaitFor(t, readyWithin, "answer of nginx in "+w.host.Name, func() (bool, string) {
		if !w.proc.Running() {
			t.Fatalf("nginx in %s ended: %v\n%s", w.host.Name, w.proc.err, w.proc.Output(t))
		}
		err := w.host.Do(func() error {
			c, err := net.DialTimeout("tcp", w.probe, time.Second)
			if err != nil {
				return err
			}
			return c.Close()
		})
		return err == nil, fmt.Sprint(err)
	})
}

// Stop ends the server: from then on its ports refuse connections.
func (w *Web) Stop(t testing.TB) {
	t.Helper()
	w.proc.Signal(t, syscall.SIGTERM)
	w.proc.Wait(t, readyWithin)
}

// DSRBackend makes the host ready to answer for VIPs that a balancer forwards to
// it unchanged: they are on its loopback, and it does not say so by ARP.
func DSRBackend(t testing.TB, h *Host, vips ...string) {
	t.Helper()
	h.Sysctl(t, "net.ipv4.conf.all.arp_ignore", "1")
	h.Sysctl(t, "net.ipv4.conf.all.arp_announce", "2")
	for _, vip := range vips {
		addr, err := netip.ParseAddr(vip)
		if err != nil {
			t.Fatalf("lab: DSR address of %s: %v", h.Name, err)
		}
		h.Addr(t, "lo", netip.PrefixFrom(addr, addr.BitLen()).String())
	}
}
