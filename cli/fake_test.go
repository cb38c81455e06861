package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"seesaw/internal/lb"
)

// fakeEngine answers from memory and remembers what it was told to do.
type fakeEngine struct {
	cluster   lb.ClusterView
	ha        lb.HAView
	config    lb.ConfigView
	vservers  []lb.VserverView
	vlans     []lb.VLANView
	neighbors []lb.BGPNeighborView
	err       error // for every call
	told      []string
}

var _ Engine = (*fakeEngine)(nil)

func (f *fakeEngine) ClusterStatus(context.Context) (lb.ClusterView, error) { return f.cluster, f.err }
func (f *fakeEngine) HAStatus(context.Context) (lb.HAView, error)           { return f.ha, f.err }
func (f *fakeEngine) ConfigStatus(context.Context) (lb.ConfigView, error)   { return f.config, f.err }
func (f *fakeEngine) Vservers(context.Context) ([]lb.VserverView, error)    { return f.vservers, f.err }
func (f *fakeEngine) VLANs(context.Context) ([]lb.VLANView, error)          { return f.vlans, f.err }

func (f *fakeEngine) BGPNeighbors(context.Context) ([]lb.BGPNeighborView, error) {
	return f.neighbors, f.err
}

func (f *fakeEngine) ConfigReload(context.Context) error { return f.tell("reload") }
func (f *fakeEngine) Failover(context.Context) error     { return f.tell("failover") }

func (f *fakeEngine) ConfigSource(_ context.Context, source string) (string, error) {
	before := f.config.Source
	if source == "peer" {
		return "", errors.New("a peer cannot be asked for its config yet (use disk)")
	}
	if source != "" {
		f.config.Source, f.config.InUse = source, source
		return before, f.tell("source " + source)
	}
	return before, f.err
}

func (f *fakeEngine) OverrideVserver(_ context.Context, name string, state lb.Override) error {
	for _, v := range f.vservers {
		if v.Name == name {
			return f.tell(fmt.Sprintf("override %s %v", name, state))
		}
	}
	return fmt.Errorf("no vserver %q (seesaw show vservers lists them)", name)
}

func (f *fakeEngine) tell(what string) error {
	if f.err == nil {
		f.told = append(f.told, what)
	}
	return f.err
}

// now is the time in all tests.
var now = time.Date(2026, 11, 20, 10, 54, 26, 0, time.UTC)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func dest(vserver, backend, addr string, port uint16, protocol lb.Protocol) lb.DestinationView {
	a := netip.MustParseAddr(addr)
	return lb.DestinationView{
		Name: fmt.Sprintf("%s/%v/%v", vserver, netip.AddrPortFrom(a, port), protocol), Backend: backend, Addr: a, Port: port,
		Weight: 1, Enabled: true, Healthy: true, Active: true,
	}
}

// fieldReport is one node with one vserver, two backends and a config server that is away.
func fieldReport() *fakeEngine {
	return &fakeEngine{
		cluster: lb.ClusterView{Version: "1.0", Site: "test", Nodes: []lb.NodeView{{
			Hostname: "node01.localdomain.", IPv4: prefix("192.168.37.76/24"), Priority: 254, Local: true,
			HAEnabled: true, VserversEnabled: true,
		}}},
		ha: lb.HAView{
			State: lb.RoleLeader, Since: now.Add(-24 * time.Second).In(time.FixedZone("CET", 3600)), Transitions: 2, Sent: 45,
			LastUpdate: now.Add(-time.Second).In(time.FixedZone("CET", 3600)),
		},
		config: lb.ConfigView{Source: "server", InUse: "disk", Reason: "the config server does not answer"},
		vservers: []lb.VserverView{{
			Name: "test-vserver", Hostname: "lb-test.localdomain.", IPv4: prefix("192.168.37.200/24"), Enabled: true, ConfigEnabled: true,
			Services: []lb.ServiceView{{
				Family: lb.IPv4, Protocol: lb.TCP, Port: 80, Mode: lb.DSR, Scheduler: "rr", Enabled: true, Healthy: true, Active: true, Current: 1,
				Destinations: []lb.DestinationView{
					dest("test-vserver", "backend01.localdomain.", "192.168.37.71", 80, lb.TCP),
					dest("test-vserver", "backend02.localdomain.", "192.168.37.72", 80, lb.TCP),
				},
			}},
		}},
	}
}

// busy has something of everything.
func busy() *fakeEngine {
	f := fieldReport()
	f.cluster.Version = "2.0"
	f.cluster.Nodes = append(f.cluster.Nodes, lb.NodeView{
		Hostname: "node02.localdomain.", IPv4: prefix("192.168.37.77/24"), IPv6: prefix("2001:db8::77/64"), Priority: 253,
		HAEnabled: true, AnycastEnabled: true, BGPEnabled: true,
	})
	f.ha = lb.HAView{}
	f.config = lb.ConfigView{
		LastUpdate: time.Date(2026, 11, 3, 7, 5, 9, 0, time.FixedZone("CET", 3600)), Source: "disk", InUse: "disk", LoadedAt: now,
		Attributes: []lb.Attribute{{Name: "revision", Value: "1234"}, {Name: "a-name-longer-than-its-column", Value: "x"}},
		Warnings:   []string{"vserver broken: port 70000: want at most 65535", "vserver tests has no checks"},
	}
	down := dest("dns", "backend10.localdomain.", "192.168.37.10", 53, lb.UDP)
	down.Healthy, down.Active, down.Reason = false, false, "no answer in 5s"
	off := dest("dns", "backend03.localdomain.", "192.168.37.9", 53, lb.UDP)
	off.Enabled, off.Healthy, off.Active = false, false, false
	mail := dest("mail", "backend01.localdomain.", "192.168.37.71", 25, lb.TCP)
	mail.Enabled, mail.Healthy, mail.Active = false, false, false
	f.vservers = append([]lb.VserverView{{
		Name: "dns", Hostname: "dns.localdomain.", IPv4: prefix("192.168.37.201/24"), IPv6: prefix("2001:db8::201/64"),
		Enabled: true, ConfigEnabled: false, Override: lb.OverrideEnabled,
		Services: []lb.ServiceView{
			{Family: lb.IPv4, Protocol: lb.UDP, Port: 53, Mode: lb.NAT, Scheduler: "wrr", OnePacket: true, Persistence: 60, Enabled: true,
				Low: 0.25, High: 0.5, Current: 1. / 3, Reason: "1 of 3 healthy", Destinations: []lb.DestinationView{down, off}},
			{Family: lb.IPv6, Mark: 256, Mode: lb.TUN, Scheduler: "sh", Enabled: true, Healthy: true},
		},
		Warnings: []string{"no checks: always healthy", "192.168.37.201 is held by another host"},
	}, {
		Name: "mail", Hostname: "mail.localdomain.", ConfigEnabled: true, Override: lb.OverrideDisabled,
		Services: []lb.ServiceView{{Family: lb.IPv4, Protocol: lb.TCP, Port: 25, Mode: lb.DSR, Scheduler: "lc", Destinations: []lb.DestinationView{mail}}},
	}, {
		Name: "test", Hostname: "t.", Enabled: true, ConfigEnabled: true,
	}}, f.vservers...)
	f.vlans = []lb.VLANView{
		{ID: 116, Hostname: "seesaw1-vlan116.", IPv4: prefix("192.168.116.5/24")},
		{ID: 117, Hostname: "seesaw1-vlan117.", IPv4: prefix("192.168.117.5/24"), IPv6: prefix("2001:db8:117::5/64"), IPv4Backends: 3, IPv6Backends: 2, IPv4VIPs: 1},
	}
	f.neighbors = []lb.BGPNeighborView{
		{Addr: netip.MustParseAddr("192.0.2.1"), RouterID: netip.MustParseAddr("192.0.2.9"), ASN: 64512, Description: "rack switch", State: "Established", Uptime: 90*time.Minute + 400*time.Millisecond},
		{Addr: netip.MustParseAddr("2001:db8::1"), ASN: 64512, State: "Idle"},
	}
	return f
}
