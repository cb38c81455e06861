package probe

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"seesaw/internal/lb"
)

// zone is what the test's name server knows: the records of each question.
func zone(t *testing.T, q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) {
	rr := func(name string, body dnsmessage.ResourceBody, kind dnsmessage.Type) dnsmessage.Resource {
		return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET, TTL: 60}, Body: body}
	}
	a := func(name, addr string) dnsmessage.Resource {
		return rr(name, &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()}, dnsmessage.TypeA)
	}
	cname := func(name, to string) dnsmessage.Resource {
		return rr(name, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)}, dnsmessage.TypeCNAME)
	}
	all := map[string][]dnsmessage.Resource{
		"www.example.com. A":          {a("WWW.Example.com.", "192.0.2.7"), a("www.example.com.", "192.0.2.8")},
		"www.example.com. AAAA":       {rr("www.example.com.", &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::7").As16()}, dnsmessage.TypeAAAA)},
		"alias.example.com. A":        {a("www.example.com.", "192.0.2.7"), cname("b.example.com.", "www.example.com."), cname("alias.example.com.", "b.example.com.")},
		"loop.example.com. A":         {cname("loop.example.com.", "pool.example.com."), cname("pool.example.com.", "loop.example.com.")},
		"stray.example.com. A":        {a("other.example.com.", "192.0.2.7")},
		"alias.example.com. CNAME":    {cname("alias.example.com.", "b.example.com.")},
		"example.com. NS":             {rr("example.com.", &dnsmessage.NSResource{NS: dnsmessage.MustNewName("NS1.example.com.")}, dnsmessage.TypeNS)},
		"example.com. MX":             {rr("example.com.", &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName("mail.example.com.")}, dnsmessage.TypeMX)},
		"example.com. TXT":            {rr("example.com.", &dnsmessage.TXTResource{TXT: []string{"v=spf1 ", "-all"}}, dnsmessage.TypeTXT)},
		"example.com. SOA":            {rr("example.com.", &dnsmessage.SOAResource{NS: dnsmessage.MustNewName("ns1.example.com."), MBox: dnsmessage.MustNewName("root.example.com.")}, dnsmessage.TypeSOA)},
		"_s._tcp.example.com. SRV":    {rr("_s._tcp.example.com.", &dnsmessage.SRVResource{Target: dnsmessage.MustNewName("srv.example.com."), Port: 1}, dnsmessage.TypeSRV)},
		"7.2.0.192.in-addr.arpa. PTR": {rr("7.2.0.192.in-addr.arpa.", &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("www.example.com.")}, dnsmessage.TypePTR)},
		"empty.example.com. A":        {},
	}
	records, ok := all[strings.ToLower(q.Name.String())+" "+typeName(q.Type)]
	if !ok {
		return dnsmessage.RCodeNameError, nil
	}
	return dnsmessage.RCodeSuccess, records
}

// reply answers a packed query; mend may change the reply before it is packed.
func reply(t *testing.T, packed []byte, mend func(*dnsmessage.Message)) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(packed); err != nil {
		t.Errorf("query: %v", err)
		return nil
	}
	m.Response = true
	m.RCode, m.Answers = zone(t, m.Questions[0])
	if mend != nil {
		mend(&m)
	}
	out, err := m.Pack()
	if err != nil {
		t.Errorf("reply: %v", err)
	}
	return out
}

func TestDNS(t *testing.T) {
	tests := []struct {
		name, method, send, receive string
		ok                          bool
		words                       string
	}{
		{"address", "A", "www.example.com", "192.0.2.7", true, "www.example.com. A is 192.0.2.7"},
		{"second address", "A", "www.example.com", "192.0.2.8", true, "192.0.2.8"},
		{"A is the default", "", "www.example.com.", "192.0.2.7", true, ""},
		{"type in lower case", "a", "www.example.com", "192.0.2.7", true, ""},
		{"name in another case", "A", "wWw.eXample.com", "192.0.2.8", true, ""},
		{"any address", "A", "www.example.com", "", true, ""},
		{"wrong address", "A", "www.example.com", "192.0.2.9", false, "is 192.0.2.7, 192.0.2.8, want 192.0.2.9"},
		{"IPv6", "AAAA", "www.example.com", "2001:db8:0::7", true, "2001:db8::7"},
		{"through CNAMEs", "A", "alias.example.com", "192.0.2.7", true, ""},
		{"CNAMEs in a circle", "A", "loop.example.com", "192.0.2.7", false, "no record of type A"},
		{"somebody else's record", "A", "stray.example.com", "192.0.2.7", false, "no record of type A for stray.example.com."},
		{"CNAME itself", "CNAME", "alias.example.com", "b.example.com", true, ""},
		{"NS", "NS", "example.com", "ns1.example.com", true, ""},
		{"MX", "MX", "example.com", "mail.example.com.", true, ""},
		{"SOA", "SOA", "example.com", "ns1.example.com", true, ""},
		{"SRV", "SRV", "_s._tcp.example.com", "srv.example.com", true, ""},
		{"PTR", "PTR", "7.2.0.192.in-addr.arpa", "www.example.com", true, ""},
		{"TXT", "TXT", "example.com", "v=spf1 -all", true, ""},
		{"TXT in another case", "TXT", "example.com", "V=spf1 -all", false, "want V=spf1 -all"},
		{"no such name", "A", "nowhere.example.com", "192.0.2.7", false, "answered NameError for nowhere.example.com. A"},
		{"no record", "A", "empty.example.com", "", false, "no record of type A"},
		{"answer of the other family", "A", "www.example.com", "2001:db8::7", false, "is no address for a record of type A"},
		{"answer that is no address", "AAAA", "www.example.com", "www", false, "is no address for a record of type AAAA"},
		{"unknown type", "HINFO", "www.example.com", "", false, `DNS type "HINFO" is not supported`},
		{"name too long", "A", strings.Repeat("x", 300), "", false, "DNS name"},
	}
	for _, host := range loopbacks {
		at := packets(t, host, func(b []byte) []byte { return reply(t, b, nil) })
		for _, tt := range tests {
			t.Run(host+"/"+tt.name, func(t *testing.T) {
				c := checkOf(lb.CheckDNS, at)
				c.Method, c.Send, c.Receive = tt.method, tt.send, tt.receive
				wantResult(t, run(t, c), tt.ok, tt.words)
			})
		}
	}
}

// TestDNSForeignReplies sends replies to other questions: none may pass for
// the answer.
func TestDNSForeignReplies(t *testing.T) {
	for name, mend := range map[string]func(*dnsmessage.Message){
		"another id":       func(m *dnsmessage.Message) { m.ID++ },
		"a query":          func(m *dnsmessage.Message) { m.Response = false },
		"another name":     func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("x.") },
		"another type":     func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeNS },
		"without question": func(m *dnsmessage.Message) { m.Questions = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := checkOf(lb.CheckDNS, packets(t, "127.0.0.1", func(b []byte) []byte { return reply(t, b, mend) }))
			c.Send, c.Timeout = "www.example.com", 100*time.Millisecond
			wantResult(t, run(t, c), false, "timed out after 100ms")
		})
	}
}

func TestDNSNobody(t *testing.T) {
	c := checkOf(lb.CheckDNS, closedTCP(t, "127.0.0.1"))
	c.Send = "www.example.com"
	wantResult(t, run(t, c), false, "connection refused")
}

// TestDNSTruncated has the answer come by TCP only.
func TestDNSTruncated(t *testing.T) {
	asked := make(chan []byte, 1) // the query by UDP
	at := listen(t, "127.0.0.1", func(c net.Conn) {
		size := make([]byte, 2)
		io.ReadFull(c, size)
		query := make([]byte, binary.BigEndian.Uint16(size))
		io.ReadFull(c, query)
		if before := <-asked; !bytes.Equal(query, before) {
			t.Errorf("query by TCP % x, want the one by UDP % x", query, before)
		}
		out := reply(t, query, nil)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
	})
	pc, err := net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		asked <- buf[:n]
		pc.WriteTo(reply(t, buf[:n], func(m *dnsmessage.Message) { m.Truncated, m.Answers = true, nil }), from)
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	c := checkOf(lb.CheckDNS, at)
	c.Send, c.Receive = "www.example.com", "192.0.2.8"
	wantResult(t, run(t, c), true, "192.0.2.8")
}
