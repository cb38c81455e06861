package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"seesaw/internal/lb"
)

// dnsTypes are the types that a check may ask for.
var dnsTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "CNAME": dnsmessage.TypeCNAME, "MX": dnsmessage.TypeMX,
	"NS": dnsmessage.TypeNS, "PTR": dnsmessage.TypePTR, "SOA": dnsmessage.TypeSOA, "SRV": dnsmessage.TypeSRV, "TXT": dnsmessage.TypeTXT,
}

// dnsProbe asks for the name in Check.Send, of the type in Check.Method (A
// when empty), and looks for Check.Receive among the answers: an address for A
// and AAAA, a name for CNAME, NS, PTR and MX, the text of TXT. With nothing
// expected, any record of the type will do. Replies to other questions are
// skipped, truncated ones asked for again by TCP (RFC 7766), CNAMEs followed
// as far as the reply holds them.
func dnsProbe(ctx context.Context, c lb.Check) Result {
	query, err := newQuery(c)
	if err != nil {
		return failed(err)
	}
	reply, err := askUDP(ctx, c, query)
	if err == nil && reply.Truncated {
		reply, err = askTCP(ctx, c, query)
	}
	if err != nil {
		return failed(err)
	}
	return judgeReply(c, query.Questions[0], reply)
}

// newQuery builds the query with an id that nobody can guess.
func newQuery(c lb.Check) (dnsmessage.Message, error) {
	kind, ok := dnsTypes[strings.ToUpper(c.Method)]
	if c.Method == "" {
		kind, ok = dnsmessage.TypeA, true
	}
	if !ok {
		return dnsmessage.Message{}, fmt.Errorf("health check's DNS type %q is not supported (use A, AAAA, CNAME, MX, NS, PTR, SOA, SRV or TXT)", c.Method)
	}
	name, err := dnsmessage.NewName(strings.TrimSuffix(c.Send, ".") + ".")
	if err != nil {
		return dnsmessage.Message{}, fmt.Errorf("health check's DNS name %q: %w", clip(c.Send, longest), err)
	}
	if want, err := netip.ParseAddr(c.Receive); c.Receive != "" &&
		(kind == dnsmessage.TypeA && (err != nil || !want.Is4()) || kind == dnsmessage.TypeAAAA && (err != nil || !want.Is6())) {
		return dnsmessage.Message{}, fmt.Errorf("health check's expected answer %q is no address for a record of type %s", c.Receive, typeName(kind))
	}
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: kind, Class: dnsmessage.ClassINET}},
	}, nil
}

func askUDP(ctx context.Context, c lb.Check, query dnsmessage.Message) (dnsmessage.Message, error) {
	nc, err := dial(ctx, "udp", c)
	if err != nil {
		return dnsmessage.Message{}, err
	}
	defer nc.Close()
	packed, err := query.Pack()
	if err != nil {
		return dnsmessage.Message{}, explain(ctx, c, sending, err)
	}
	if _, err := nc.Write(packed); err != nil {
		return dnsmessage.Message{}, explain(ctx, c, sending, err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			return dnsmessage.Message{}, explain(ctx, c, receiving, err)
		}
		var reply dnsmessage.Message
		if reply.Unpack(buf[:n]) == nil && answers(reply, query) {
			return reply, nil
		}
	}
}

func askTCP(ctx context.Context, c lb.Check, query dnsmessage.Message) (dnsmessage.Message, error) {
	var reply dnsmessage.Message
	nc, err := dial(ctx, "tcp", c)
	if err != nil {
		return reply, err
	}
	defer nc.Close()
	packed, err := query.AppendPack(make([]byte, 2, 514))
	if err != nil {
		return reply, explain(ctx, c, sending, err)
	}
	binary.BigEndian.PutUint16(packed, uint16(len(packed)-2))
	if _, err := nc.Write(packed); err != nil {
		return reply, explain(ctx, c, sending, err)
	}
	var size [2]byte
	if _, err := io.ReadFull(nc, size[:]); err != nil {
		return reply, explain(ctx, c, receiving, err)
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(nc, buf); err != nil {
		return reply, explain(ctx, c, receiving, err)
	}
	if err := reply.Unpack(buf); err != nil {
		return reply, explain(ctx, c, receiving, err)
	}
	if !answers(reply, query) {
		return reply, mismatch(c, "the reply by TCP answers another question")
	}
	return reply, nil
}

// answers says whether a message is the reply to a query: id and question are
// the same, names compared without regard to case (RFC 4343).
func answers(reply, query dnsmessage.Message) bool {
	if !reply.Response || reply.ID != query.ID || len(reply.Questions) != 1 {
		return false
	}
	got, want := reply.Questions[0], query.Questions[0]
	return got.Type == want.Type && got.Class == want.Class && sameName(got.Name.String(), want.Name.String())
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// judgeReply looks for the expected answer.
func judgeReply(c lb.Check, q dnsmessage.Question, reply dnsmessage.Message) Result {
	name := q.Name.String()
	if reply.RCode != dnsmessage.RCodeSuccess {
		return failed(mismatch(c, "answered %s for %s %s", strings.TrimPrefix(reply.RCode.String(), "RCode"), name, typeName(q.Type)))
	}
	owner := canonical(name, q.Type, reply.Answers)
	var got []string
	for _, r := range reply.Answers {
		if r.Header.Type != q.Type || r.Header.Class != q.Class || !sameName(r.Header.Name.String(), owner) {
			continue
		}
		text := recordText(r.Body)
		if c.Receive == "" || matches(q.Type, text, c.Receive) {
			return passed(clip(fmt.Sprintf("%s %s is %s", name, typeName(q.Type), text), longest))
		}
		got = append(got, text)
	}
	if len(got) == 0 {
		return failed(mismatch(c, "no record of type %s for %s", typeName(q.Type), name))
	}
	return failed(mismatch(c, "%s %s is %s, want %s", name, typeName(q.Type), clip(strings.Join(got, ", "), longest), c.Receive))
}

// canonical follows the CNAMEs of a reply from name to the name that the
// records of the wanted type belong to.
func canonical(name string, kind dnsmessage.Type, answers []dnsmessage.Resource) string {
	if kind == dnsmessage.TypeCNAME {
		return name
	}
	for range answers { // no chain is longer, whatever the order or loops
		for _, r := range answers {
			if to, ok := r.Body.(*dnsmessage.CNAMEResource); ok && sameName(r.Header.Name.String(), name) {
				name = to.CNAME.String()
				break
			}
		}
	}
	return name
}

func matches(kind dnsmessage.Type, got, want string) bool {
	switch kind {
	case dnsmessage.TypeA, dnsmessage.TypeAAAA:
		a, err := netip.ParseAddr(want)
		return err == nil && a.String() == got
	case dnsmessage.TypeTXT:
		return got == want
	}
	return sameName(got, want)
}

// recordText is the part of a record that a check can expect.
func recordText(body dnsmessage.ResourceBody) string {
	switch r := body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(r.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(r.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return r.CNAME.String()
	case *dnsmessage.MXResource:
		return r.MX.String()
	case *dnsmessage.NSResource:
		return r.NS.String()
	case *dnsmessage.PTRResource:
		return r.PTR.String()
	case *dnsmessage.SOAResource:
		return r.NS.String()
	case *dnsmessage.SRVResource:
		return r.Target.String()
	case *dnsmessage.TXTResource:
		return strings.Join(r.TXT, "")
	}
	return ""
}

func typeName(t dnsmessage.Type) string { return strings.TrimPrefix(t.String(), "Type") }
