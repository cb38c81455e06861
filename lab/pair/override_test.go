//go:build lab

package pair_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// authority makes certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.pem = a.sign(t, a.cert, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(t *testing.T, cert *x509.Certificate, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// install gives a node a certificate, where the example config says.
func (a *authority) install(t *testing.T, n *site.Node, serial int64) {
	t.Helper()
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	n.WriteFile(t, "/etc/seesaw/ssl/ca.crt", a.pem)
	n.WriteFile(t, "/etc/seesaw/ssl/node.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	n.WriteFile(t, "/etc/seesaw/ssl/node.crt", a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: n.Name}, NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key))
}

const peerSection = `[peer]
ca = /etc/seesaw/ssl/ca.crt
cert = /etc/seesaw/ssl/node.crt
key = /etc/seesaw/ssl/node.key
`

const disabled = "override state disabled"

// TestOverrideOutlivesTheLeader: what an operator has overridden on the leader is
// in force on the other node when the leader is gone, and on both when both
// engines have been restarted.
func TestOverrideOutlivesTheLeader(t *testing.T) {
	p := &pair{Site: site.New(t, 2), interval: standard, more: peerSection}
	ca := newAuthority(t)
	for i, n := range p.Nodes {
		ca.install(t, n, int64(2+i))
	}
	p.start(t)
	leader, backup := p.roles(t)
	if out, diag, code := leader.CLI(t, "override", "vserver", "state", "disabled", "test-vserver"); code != 0 {
		t.Fatalf("override: exit %d: %s%s", code, out, diag)
	}
	backup.WaitCLI(t, site.Patience, disabled, "show", "vservers")

	leader.Run(t, "sh", "-c", "kill -9 $(pgrep -f 'seesaw_')")
	p.LAN.Cut(t, leader.Host)
	p.waitServing(t, backup)
	p.inForce(t, "after the leader's death", backup)

	p.LAN.Mend(t, leader.Host)
	leader.Start(t)
	for _, n := range p.Nodes {
		n.WaitCLI(t, site.Patience, disabled, "show", "vservers")
		n.KillAndWait(t, "engine")
	}
	for _, n := range p.Nodes {
		n.WaitCLI(t, site.Patience, disabled, "show", "vservers")
	}
	p.inForce(t, "after both engines' restart", p.Nodes...)

	if out, diag, code := leader.CLI(t, "override", "vserver", "state", "default", "test-vserver"); code != 0 {
		t.Fatalf("override: exit %d: %s%s", code, out, diag)
	}
	p.settled(t)
	p.WaitFor(t, site.Patience, "backend01", "backend02")
}

// waitServing waits until a node leads by its own word; who is cut off and dead
// cannot lower its LB interface.
func (p *pair) waitServing(t *testing.T, n *site.Node) {
	t.Helper()
	n.WaitCLI(t, site.Patience, "LEADER", "show", "ha")
}

// inForce demands that the nodes say that the vserver is disabled, and that
// nobody serves it.
func (p *pair) inForce(t *testing.T, when string, nodes ...*site.Node) {
	t.Helper()
	for _, n := range nodes {
		if out := n.WaitCLI(t, site.Patience, "VServer", "show", "vservers"); !strings.Contains(out, disabled) {
			t.Errorf("%s: %s does not say %q:\n%s", when, n.Name, disabled, out)
		}
		if table := n.IPVS(t); strings.Contains(table, site.Target) {
			t.Errorf("%s: %s has the service of a disabled vserver:\n%s", when, n.Name, table)
		}
	}
	if r := lab.Burst(t, p.Client, site.Target, 5, 1); r.Lost != r.Sent {
		t.Errorf("%s: a disabled vserver is served: %v", when, r)
	}
}
