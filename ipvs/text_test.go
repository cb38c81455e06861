package ipvs

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestString(t *testing.T) {
	web := Service{Address: addr("192.0.2.1"), Protocol: TCP, Port: 80, Scheduler: "wlc"}
	sip := Service{
		Address: addr("2001:db8::1"), Protocol: UDP, Port: 5060, Scheduler: "mh", PEName: "sip", Timeout: time.Minute, Netmask: PrefixNetmask(IPv6, 64),
		Flags: FlagPersistent | FlagHashed | FlagOnePacket | FlagMHFallback | FlagMHPort,
	}
	odd := web
	odd.Flags, odd.Timeout, odd.Netmask = FlagPersistent|FlagScheduler3, 300*time.Second, 0x00ff00ff
	net24 := web
	net24.Flags, net24.Timeout, net24.Netmask = FlagPersistent, 300*time.Second, PrefixNetmask(IPv4, 24)
	gue := Destination{
		Address: addr("10.0.0.7"), Port: 80, Forward: ForwardTunnel, Weight: 5, UpperThreshold: 9, LowerThreshold: 2,
		TunnelType: TunnelGUE, TunnelPort: 6080, TunnelFlags: TunnelCsum | TunnelRemCsum,
	}
	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{IPv4, "IPv4"}, {IPv6, "IPv6"}, {Family(3), "family(3)"},
		{TCP, "TCP"}, {UDP, "UDP"}, {SCTP, "SCTP"}, {Protocol(47), "IP(47)"},
		{web, "192.0.2.1:80/TCP wlc"},
		{sip, "[2001:db8::1]:5060/UDP mh persistent 1m0s/64 one-packet|mh-fallback|mh-port pe sip"},
		{odd, "192.0.2.1:80/TCP wlc persistent 5m0s/255.0.255.0 flag-3"},
		{net24, "192.0.2.1:80/TCP wlc persistent 5m0s/24"},
		{Service{FWMark: 7, Scheduler: "rr"}, "FWM 7 (IPv4) rr"},
		{Service{FWMark: 7, Address: addr("::"), Scheduler: "rr"}, "FWM 7 (IPv6) rr"},
		{Service{Port: 80, Protocol: TCP}.Key(), "(no address):80/TCP"},
		{ServiceFlags(0), "none"},
		{FlagPersistent | FlagHashed | FlagScheduler1 | 0x8000, "persistent|hashed|flag-1|0x8000"},
		{gue, "10.0.0.7:80 tunnel gue:6080 csum|remcsum weight 5 connections 2..9"},
		{Destination{Address: addr("2001:db8::7"), TunnelPort: 1}, "[2001:db8::7]:0 masq weight 0"},
		{ForwardMasq, "masq"}, {ForwardRoute, "route"}, {ForwardBypass, "bypass"}, {Forwarding(7), "forwarding(7)"},
		{TunnelIPIP, "ipip"}, {TunnelGRE, "gre"}, {TunnelType(9), "tunnel(9)"},
		{TunnelFlags(0), "nocsum"}, {TunnelCsum | 0x10, "csum|0x10"},
		{Stats{Connections: 1, PacketsIn: 2, PacketsOut: 3, BytesIn: 4, BytesOut: 5, CPS: 6, PPSIn: 7, PPSOut: 8, BPSIn: 9, BPSOut: 10},
			"1 connections, packets 2 in 3 out, bytes 4 in 5 out; per second 6 connections, packets 7 in 8 out, bytes 9 in 10 out"},
		{Info{Version: 0x010201, TableSize: 4096}, "IPVS 1.2.1, connection table of 4096"},
		{Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute}, "tcp 15m0s, tcpfin 2m0s, udp 5m0s"},
		{Daemon{State: DaemonBackup, Interface: "eth0"}, "backup on eth0, sync id 0"},
		{Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 51, MaxLen: 1472, Group: addr("224.0.0.81"), Port: 8848, TTL: 1},
			"master on eth0, sync id 51, maxlen 1472, group 224.0.0.81:8848, ttl 1"},
		{DaemonState(3), "daemon(3)"},
		{OpZero, "zero counters of"}, {Op(0), "operation(0)"}, {Op(99), "operation(99)"},
		{Request{Op: OpDelDestination, Service: web, Destination: gue}, "delete destination 10.0.0.7:80 from 192.0.2.1:80/TCP"},
		{Request{Op: OpUpdateService, Service: web}, "update service 192.0.2.1:80/TCP"},
		{Request{Op: 99}, "operation(99)"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			if got := tt.value.String(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestServiceEqual(t *testing.T) {
	base := Service{Address: addr("192.0.2.1"), Protocol: TCP, Port: 80, Scheduler: "wlc", Timeout: time.Minute}
	mark := Service{FWMark: 7, Scheduler: "rr"}
	tests := []struct {
		name   string
		base   Service
		change func(*Service)
		want   bool
	}{
		{"same", base, func(*Service) {}, true},
		{"hashed", base, func(s *Service) { s.Flags |= FlagHashed }, true},
		{"counters", base, func(s *Service) { s.Stats.BytesIn = 1 }, true},
		{"family filled in", base, func(s *Service) { s.Family = IPv4 }, true},
		{"mapped address", base, func(s *Service) { s.Address = addr("::ffff:192.0.2.1") }, true},
		{"full mask", base, func(s *Service) { s.Netmask = PrefixNetmask(IPv4, 32) }, true},
		{"timeout rounded up", base, func(s *Service) { s.Timeout -= time.Millisecond }, true},
		{"mark: family", mark, func(s *Service) { s.Family = IPv4 }, true},
		{"mark: address beside it", mark, func(s *Service) { s.Address, s.Protocol = addr("0.0.0.0"), TCP }, true},
		{"address", base, func(s *Service) { s.Address = addr("192.0.2.2") }, false},
		{"protocol", base, func(s *Service) { s.Protocol = UDP }, false},
		{"port", base, func(s *Service) { s.Port = 81 }, false},
		{"scheduler", base, func(s *Service) { s.Scheduler = "rr" }, false},
		{"flags", base, func(s *Service) { s.Flags = FlagPersistent }, false},
		{"timeout", base, func(s *Service) { s.Timeout = time.Second }, false},
		{"mask", base, func(s *Service) { s.Netmask = PrefixNetmask(IPv4, 24) }, false},
		{"mask 0.0.0.0", base, func(s *Service) { s.Netmask = PrefixNetmask(IPv4, 0) }, false},
		{"engine", base, func(s *Service) { s.PEName = "sip" }, false},
		{"mark: other", mark, func(s *Service) { s.FWMark = 8 }, false},
		{"mark: other family", mark, func(s *Service) { s.Family = IPv6 }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			other := tt.base
			tt.change(&other)
			if got := tt.base.Equal(other); got != tt.want {
				t.Errorf("Equal is %t, want %t", got, tt.want)
			}
			if got := other.Equal(tt.base); got != tt.want {
				t.Errorf("turned round, Equal is %t, want %t", got, tt.want)
			}
		})
	}
}

func TestDestinationEqual(t *testing.T) {
	base := Destination{Address: addr("10.0.0.7"), Port: 80, Forward: ForwardTunnel, Weight: 1, TunnelType: TunnelGUE, TunnelPort: 6080}
	route := Destination{Address: addr("10.0.0.7"), Port: 80, Forward: ForwardRoute}
	tests := []struct {
		name   string
		base   Destination
		change func(*Destination)
		want   bool
	}{
		{"counters", base, func(d *Destination) { d.ActiveConns, d.InactiveConns, d.PersistentConns, d.Stats.CPS = 1, 2, 3, 4 }, true},
		{"mapped address", base, func(d *Destination) { d.Address = addr("::ffff:10.0.0.7") }, true},
		{"tunnel of a routed one", route, func(d *Destination) { d.TunnelType, d.TunnelPort, d.TunnelFlags = TunnelGUE, 1, TunnelCsum }, true},
		{"address", base, func(d *Destination) { d.Address = addr("10.0.0.8") }, false},
		{"port", base, func(d *Destination) { d.Port = 81 }, false},
		{"forwarding", base, func(d *Destination) { d.Forward = ForwardMasq }, false},
		{"weight", base, func(d *Destination) { d.Weight = 0 }, false},
		{"upper", base, func(d *Destination) { d.UpperThreshold = 1 }, false},
		{"lower", base, func(d *Destination) { d.LowerThreshold = 1 }, false},
		{"tunnel type", base, func(d *Destination) { d.TunnelType = TunnelGRE }, false},
		{"tunnel port", base, func(d *Destination) { d.TunnelPort = 6081 }, false},
		{"tunnel flags", base, func(d *Destination) { d.TunnelFlags = TunnelCsum }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			other := tt.base
			tt.change(&other)
			if got := tt.base.Equal(other); got != tt.want {
				t.Errorf("Equal is %t, want %t", got, tt.want)
			}
		})
	}
	if got, want := base.AddrPort(), netip.MustParseAddrPort("10.0.0.7:80"); got != want {
		t.Errorf("AddrPort is %s, want %s", got, want)
	}
}

func TestDaemonMatches(t *testing.T) {
	running := Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 1, MaxLen: 1472, Group: addr("224.0.0.81"), Port: 8848, TTL: 1}
	tests := []struct {
		name string
		want Daemon
		ok   bool
	}{
		{"defaults", Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 1}, true},
		{"all named", running, true},
		{"state", Daemon{State: DaemonBackup, Interface: "eth0", SyncID: 1}, false},
		{"interface", Daemon{State: DaemonMaster, Interface: "eth1", SyncID: 1}, false},
		{"sync id", Daemon{State: DaemonMaster, Interface: "eth0"}, false},
		{"maxlen", Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 1, MaxLen: 9}, false},
		{"group", Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 1, Group: addr("224.0.0.82")}, false},
		{"port", Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 1, Port: 9}, false},
		{"ttl", Daemon{State: DaemonMaster, Interface: "eth0", SyncID: 1, TTL: 9}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.want.Matches(running); got != tt.ok {
				t.Errorf("Matches is %t, want %t", got, tt.ok)
			}
		})
	}
}

func TestPrefixNetmask(t *testing.T) {
	tests := []struct {
		family Family
		length int
		want   Netmask
	}{
		{IPv4, 24, 0xff}, {IPv4, 32, 0}, {IPv4, 0, 0xffffffff}, {IPv4, 99, 0}, {IPv4, -1, 0xffffffff},
		{IPv6, 64, 64}, {IPv6, 128, 0}, {IPv6, 200, 0}, {IPv6, 1, 127}, {IPv6, 0, 127},
	}
	for _, tt := range tests {
		if got := PrefixNetmask(tt.family, tt.length); got != tt.want {
			t.Errorf("PrefixNetmask(%s, %d) is %#x, want %#x", tt.family, tt.length, got, tt.want)
		}
	}
}
