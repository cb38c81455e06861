package lb

import (
	"encoding"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// What operators read. A number that has no name never breaks a line of output.
func TestWords(t *testing.T) {
	for want, got := range map[string]fmt.Stringer{
		"IPv4": IPv4, "IPv6": IPv6, "family(0)": Family(0), "family(5)": Family(5),
		"TCP": TCP, "UDP": UDP, "SCTP": SCTP, "ICMP": ICMP, "ICMPv6": ICMPv6, "IP(47)": Protocol(47),
		"DSR": DSR, "NAT": NAT, "TUN": TUN, "None": Mode(0),
		"Unicast": Unicast, "Dedicated": Dedicated, "Anycast": Anycast,
		"UNKNOWN": RoleUnknown, "BACKUP": RoleBackup, "DISABLED": RoleDisabled, "ERROR": RoleError,
		"LEADER": RoleLeader, "SHUTDOWN": RoleShutdown, "role(6)": Role(6), "role(255)": Role(255),
		"default": OverrideDefault, "disabled": OverrideDisabled, "enabled": OverrideEnabled, "override(3)": Override(3),
		"unknown": HealthUnknown, "unhealthy": Unhealthy, "healthy": Healthy,
		"as found": AsFound, "present": Present, "absent": Absent,
		"HTTPS": CheckHTTPS, "RADIUS": CheckRADIUS, "TCP_TLS": CheckTLS, "none": CheckKind(0),
		"192.0.2.1:80/TCP":     ServiceKey{Family: IPv4, Protocol: TCP, Addr: addr("192.0.2.1"), Port: 80},
		"[2001:db8::1]:53/UDP": ServiceKey{Family: IPv6, Protocol: UDP, Addr: addr("2001:db8::1"), Port: 53},
		"IPv6 FWM/257":         ServiceKey{Family: IPv6, Mark: 257},
		"link eth1: gone":      Problem{Object: "link eth1", Reason: "gone", Since: time.Unix(1, 0)},
	} {
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, s := range []fmt.Stringer{Mode(99), VIPKind(0), VIPKind(99)} {
		if s.String() != "None" {
			t.Errorf("%T without a name prints %q", s, s)
		}
	}
	for _, s := range []fmt.Stringer{Health(255), Want(255), CheckKind(255)} {
		if s.String() == "" {
			t.Errorf("%T without a name prints nothing", s)
		}
	}
}

// The numbers are the original's: they are in its files and on its wires.
func TestNumbers(t *testing.T) {
	for name, pair := range map[string][2]uint8{
		"leader": {uint8(RoleLeader), 4}, "backup": {uint8(RoleBackup), 1}, "shutdown": {uint8(RoleShutdown), 5},
		"override enabled": {uint8(OverrideEnabled), 2}, "override disabled": {uint8(OverrideDisabled), 1},
		"healthy": {uint8(Healthy), 2}, "unhealthy": {uint8(Unhealthy), 1},
		"TCP": {uint8(TCP), 6}, "UDP": {uint8(UDP), 17}, "SCTP": {uint8(SCTP), 132}, "ICMPv6": {uint8(ICMPv6), 58},
		"as found is what nobody has set": {uint8(AsFound), 0},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %d, want %d", name, pair[0], pair[1])
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	for r := RoleUnknown; r <= RoleShutdown; r++ {
		var back Role
		roundTrip(t, r, &back)
		if back != r {
			t.Errorf("%v came back as %v", r, back)
		}
	}
	for o := OverrideDefault; o <= OverrideEnabled; o++ {
		var back Override
		roundTrip(t, o, &back)
		if back != o {
			t.Errorf("%v came back as %v", o, back)
		}
	}
	for _, wrong := range []string{"", "leader", "LEADER ", "role(4)"} {
		r := RoleBackup
		if err := r.UnmarshalText([]byte(wrong)); err == nil || r != RoleBackup || !strings.Contains(err.Error(), fmt.Sprintf("%q", wrong)) {
			t.Errorf("role %q: %v, value %v", wrong, err, r)
		}
	}
	for _, wrong := range []string{"", "Enabled", "1", "override(1)"} {
		o := OverrideDisabled
		if err := o.UnmarshalText([]byte(wrong)); err == nil || o != OverrideDisabled || !strings.Contains(err.Error(), fmt.Sprintf("%q", wrong)) {
			t.Errorf("override %q: %v, value %v", wrong, err, o)
		}
	}
	for want, m := range map[string]encoding.TextMarshaler{"IPv4": IPv4, "TCP": TCP, "DSR": DSR, "healthy": Healthy} {
		if text, err := m.MarshalText(); err != nil || string(text) != want {
			t.Errorf("got %s, %v; want %s", text, err, want)
		}
	}
}

func roundTrip(t *testing.T, m encoding.TextMarshaler, back encoding.TextUnmarshaler) {
	t.Helper()
	text, err := m.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := back.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
}

func TestFamilyOf(t *testing.T) {
	for a, want := range map[netip.Addr]Family{
		addr("192.0.2.1"): IPv4, addr("2001:db8::1"): IPv6, addr("::ffff:192.0.2.1"): IPv6, {}: 0,
	} {
		if got := FamilyOf(a); got != want {
			t.Errorf("%v is of family %v, want %v", a, got, want)
		}
	}
	if got := Families(); got != [2]Family{IPv4, IPv6} {
		t.Errorf("families %v", got)
	}
}

func TestHost(t *testing.T) {
	h := Host{Name: "x", IPv4: netip.MustParsePrefix("192.0.2.1/24")}
	if h.Addr(IPv4) != addr("192.0.2.1") || h.Prefix(IPv4).Bits() != 24 {
		t.Errorf("IPv4 is %v", h.Prefix(IPv4))
	}
	if h.Addr(IPv6).IsValid() || h.Prefix(IPv6).IsValid() {
		t.Errorf("IPv6 is %v, want none", h.Prefix(IPv6))
	}
}

// Services sort by family, then mark, address, protocol, port.
func TestCompare(t *testing.T) {
	sorted := []ServiceKey{
		{Family: IPv4, Protocol: TCP, Addr: addr("192.0.2.1"), Port: 80},
		{Family: IPv4, Protocol: TCP, Addr: addr("192.0.2.1"), Port: 443},
		{Family: IPv4, Protocol: UDP, Addr: addr("192.0.2.1"), Port: 53},
		{Family: IPv4, Protocol: TCP, Addr: addr("192.0.2.10"), Port: 1},
		{Family: IPv4, Mark: 256},
		{Family: IPv4, Mark: 1000},
		{Family: IPv6, Protocol: TCP, Addr: addr("::1"), Port: 1},
		{Family: IPv6, Mark: 1},
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := a.Compare(b), min(1, max(-1, i-j)); got != want {
				t.Errorf("%v against %v: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestSortVserver(t *testing.T) {
	var v Vserver
	for i := range 10 {
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		v.VIPs = append(v.VIPs, VIP{Addr: a})
		s := Service{Key: ServiceKey{Family: IPv4, Protocol: TCP, Addr: a, Port: 80}}
		for j := range 5 {
			s.Destinations = append(s.Destinations, Destination{Addr: a, Port: uint16(j)})
		}
		v.Services = append(v.Services, s)
	}
	want := fmt.Sprint(v)
	rnd := rand.New(rand.NewPCG(1, 2))
	rnd.Shuffle(10, func(i, j int) { v.VIPs[i], v.VIPs[j] = v.VIPs[j], v.VIPs[i] })
	rnd.Shuffle(10, func(i, j int) { v.Services[i], v.Services[j] = v.Services[j], v.Services[i] })
	for _, s := range v.Services {
		slices.Reverse(s.Destinations)
	}
	if fmt.Sprint(v) == want {
		t.Fatal("not shuffled")
	}
	if SortVserver(&v); fmt.Sprint(v) != want {
		t.Errorf("got %v, want %s", v, want)
	}
}

func TestServiceName(t *testing.T) {
	for want, s := range map[string]ServiceView{
		"IPv4 TCP/80":  {Family: IPv4, Protocol: TCP, Port: 80},
		"IPv6 UDP/0":   {Family: IPv6, Protocol: UDP},
		"IPv4 FWM/256": {Family: IPv4, Mark: 256},
	} {
		if got := s.Name(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
