//go:build demo

package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

func kernelRelease(t testing.TB) string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// build makes the network of the example config; nothing of ours runs yet.
func build(t told) *demo {
	s := site.Bare(t, 2)
	d := &demo{Site: s, screen: t.screen}
	s.Client = s.Lab.Host("client")
	s.LAN.Plug(s.Client, "eth0", ours+"172/24")
	cert, key := certificate(t)
	for i, name := range []string{"www1", "www2"} {
		h := s.Lab.Host(name)
		s.LAN.Plug(h, "eth0", fmt.Sprintf(ours+"%d/24", 71+i), fmt.Sprintf("2001:db8:51:100::%d/64", 21+i))
		lab.DSRBackend(t, h, site.VIP, vip6)
		s.Backends = append(s.Backends, h)
		s.Web = append(s.Web, lab.Nginx(t, h, name, 80))
		https(t, h, cert, key)
	}
	d.resolver(t)
	clusterText := must(t, cluster, site.Read(t, "etc/seesaw/cluster.pb.example"))
	for i, n := range s.Nodes {
		n.Addr(t, site.NodeIf, fmt.Sprintf("2001:db8:51:100::%d/64", 18+i))
		cfg := must(t, func(text string) (string, error) { return node(text, i == 1, site.NodeIf, site.LBIf) },
			site.Read(t, "etc/seesaw/seesaw.cfg.example"))
		n.Configure(t, cfg, clusterText)
		n.Run(t, "ip", "link", "set", site.LBIf, "down") // up means that this node leads
	}
	d.leads = s.Watch(t)
	return d
}

func must(t told, f func(string) (string, error), text string) string {
	out, err := f(text)
	if err != nil {
		t.Fatalf("adapt the example config: %v", err)
	}
	return out
}

// resolver is the example's only backend of its second vserver, behind a VLAN.
func (d *demo) resolver(t told) {
	h := d.Lab.Host("dns1")
	d.LAN.Plug(h, "eth0")
	h.Run(t, "ip", "link", "add", "link", "eth0", "name", "vlan116", "type", "vlan", "id", "116")
	h.Run(t, "ip", "link", "set", "vlan116", "up")
	h.Addr(t, "vlan116", example+"35/28")
	lab.DSRBackend(t, h, dnsVIP)
	lab.Nginx(t, h, "dns1", 53) // the example checks no more than that it accepts
}

// https starts a second nginx in the host: the example's port 443.
func https(t told, h *lab.Host, cert, key string) {
	const dir = "/run/lab/nginx-443"
	h.WriteFile(t, dir+"/cert.pem", cert)
	h.WriteFile(t, dir+"/key.pem", key)
	h.WriteFile(t, dir+"/nginx.conf", strings.ReplaceAll(`daemon off;
master_process off;
pid DIR/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path DIR;
	proxy_temp_path DIR;
	fastcgi_temp_path DIR;
	uwsgi_temp_path DIR;
	scgi_temp_path DIR;
	server {
		listen 443 ssl;
		listen [::]:443 ssl;
		ssl_certificate DIR/cert.pem;
		ssl_certificate_key DIR/key.pem;
		location / { return 200; }
	}
}
`, "DIR", dir))
	h.Start(t, "nginx", "-c", dir+"/nginx.conf", "-e", "stderr")
}

// certificate makes one for the web site, signed by itself.
func certificate(t told) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "www.ams.example.net"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}
