package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// large is a cluster of n vservers with four backends and a check each. The
// last of them is at fault if bad.
func large(n int, bad bool) []byte {
	var b strings.Builder
	b.WriteString(vip)
	for i := range n {
		port := 80
		if bad && i == n-1 {
			port = 70000
		}
		a := fmt.Sprintf("%d.%d", i/250, i%250+1)
		fmt.Fprintf(&b, `vserver: <
  name: "vserver%d"
  entry_address: <
    fqdn: "v%d.example.net."
    ipv4: "10.0.%s/8"
    status: PRODUCTION
  >
  rp: "admin@example.net"
  vserver_entry: <
    protocol: TCP
    port: %d
    scheduler: WLC
    healthcheck: <
      type: TCP
      interval: 5
    >
  >
`, i, i, a, port)
		for k := 1; k <= 4; k++ {
			fmt.Fprintf(&b, `  backend: <
    host: <
      fqdn: "b%d-%d.example.net."
      ipv4: "10.%d.%s/8"
      status: PRODUCTION
    >
    weight: 1
  >
`, i, k, k, a)
		}
		b.WriteString(">\n")
	}
	return []byte(b.String())
}

// BenchmarkParseCluster reads 4,000 vservers with 4 backends each: as text,
// with one fault, which costs the positions, and as binary.
func BenchmarkParseCluster(b *testing.B) {
	for name, text := range map[string][]byte{"text": large(4000, false), "one_fault": large(4000, true)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if c, err := ParseCluster("cluster.pb", text); err != nil || len(c.Vservers) < 3999 {
					b.Fatal(err)
				}
			}
		})
	}
	c := parse(b, string(large(4000, false)))
	data := binary(b, c)
	b.Run("binary", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseClusterBinary("cluster.pb", data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("marshal", func(b *testing.B) {
		for b.Loop() {
			if _, err := MarshalText(c.Raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestLargeClusterIsFast is far from the edge: it is here to catch what grows
// with the square of the size.
func TestLargeClusterIsFast(t *testing.T) {
	const n = 1000
	text := large(n, true)
	begun := time.Now()
	c, err := ParseCluster("cluster.pb", text)
	took := time.Since(begun)
	if err != nil || len(c.Vservers) != n-1 || len(c.Faulty) != 1 {
		t.Fatalf("%v", err)
	}
	lines := 1 + 50*(n-1) + 11 // the VIP's; each vserver's; to the port of the last
	want := fmt.Sprintf(`cluster.pb:%d:5: vserver[999] "vserver999" vserver_entry[0].port: 70000: want 1 to 65535`, lines)
	if got := c.Faulty[0].Problems.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	t.Logf("%d vservers with 4 backends, one fault: %v", n, took)
	if limit := 10 * time.Second; took > limit {
		t.Errorf("took %v, want under %v", took, limit)
	}
}
