package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"seesaw/internal/lb"
)

// unknown says that there is no such object.
func unknown(kind, name, list string) error {
	return fmt.Errorf("no %s matches %q (seesaw %s lists them)", kind, name, list)
}

// list shows what a show command found: the items that fit its argument, if there is one. One item alone is
// shown whole, several as a list.
type list[T any] struct {
	kind, command string
	items         []T
	fits          func(items []T, arg string) []T
	whole         func(*page, T)
	rows          func(*page, []T)
	alwaysRows    bool // without an argument, one item is a list too
}

func show[T any](c *CLI, args []string, l list[T]) error {
	items := l.items
	if len(args) > 0 {
		items = l.fits(items, args[0])
		if len(items) == 0 {
			return unknown(l.kind, args[0], l.command)
		}
	}
	noNull(&items)
	return c.emit(items, func(p *page) {
		if len(items) == 1 && (len(args) > 0 || !l.alwaysRows) {
			l.whole(p, items[0])
			return
		}
		l.rows(p, items)
	})
}

// noNull makes an empty list an empty array in JSON, where a nil slice is null.
func noNull[T any](items *[]T) {
	if *items == nil {
		*items = []T{}
	}
}

func (c *CLI) showVservers(ctx context.Context, args []string) error {
	vservers, err := c.engine.Vservers(ctx)
	if err != nil {
		return fmt.Errorf("show vservers: %w", err)
	}
	for i := range vservers {
		noNull(&vservers[i].Services)
		for j := range vservers[i].Services {
			noNull(&vservers[i].Services[j].Destinations)
		}
	}
	return show(c, args, list[lb.VserverView]{
		kind: "vserver", command: "show vservers", items: vservers,
		fits: func(all []lb.VserverView, name string) []lb.VserverView {
			return pick(all, name, func(v lb.VserverView) string { return v.Name })
		},
		whole: layVserver, rows: layVservers,
	})
}

func (c *CLI) showBackends(ctx context.Context, args []string) error {
	vservers, err := c.engine.Vservers(ctx)
	if err != nil {
		return fmt.Errorf("show backends: %w", err)
	}
	return show(c, args, list[backend]{
		kind: "backend", command: "show backends", items: backendsOf(vservers),
		fits: func(all []backend, name string) []backend {
			return pick(all, name, func(b backend) string { return b.Hostname })
		},
		whole: layBackend, rows: layBackends,
	})
}

func (c *CLI) showDestinations(ctx context.Context, args []string) error {
	vservers, err := c.engine.Vservers(ctx)
	if err != nil {
		return fmt.Errorf("show destinations: %w", err)
	}
	return show(c, args, list[destination]{
		kind: "destination", command: "show destinations", items: destinationsOf(vservers),
		fits: func(all []destination, name string) []destination {
			return pick(all, name, func(d destination) string { return d.Name })
		},
		whole: layDestination, rows: layDestinations,
	})
}

// node is a node with the site it belongs to.
type node struct {
	lb.NodeView
	Site string `json:"site"`
}

func (c *CLI) showNodes(ctx context.Context, args []string) error {
	cluster, err := c.engine.ClusterStatus(ctx)
	if err != nil {
		return fmt.Errorf("show nodes: %w", err)
	}
	var nodes []node
	for _, n := range cluster.Nodes {
		nodes = append(nodes, node{n, cluster.Site})
	}
	return show(c, args, list[node]{
		kind: "node", command: "show nodes", items: nodes,
		fits: func(all []node, name string) []node {
			name = strings.TrimSuffix(name, ".")
			return filter(all, func(n node) bool { return strings.TrimSuffix(n.Hostname, ".") == name })
		},
		whole: layNode, rows: layNodes, alwaysRows: true,
	})
}

func (c *CLI) showVLANs(ctx context.Context, args []string) error {
	vlans, err := c.engine.VLANs(ctx)
	if err != nil {
		return fmt.Errorf("show vlans: %w", err)
	}
	wanted, err := vlanArgument(args)
	if err != nil {
		return err
	}
	return show(c, args, list[lb.VLANView]{
		kind: "VLAN", command: "show vlans", items: vlans,
		fits:  func(all []lb.VLANView, _ string) []lb.VLANView { return filter(all, wanted) },
		whole: layVLAN, rows: layVLANs, alwaysRows: true,
	})
}

// vlanArgument reads an id, or an address of something in the VLAN.
func vlanArgument(args []string) (func(lb.VLANView) bool, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if id, err := strconv.ParseUint(args[0], 10, 16); err == nil {
		return func(v lb.VLANView) bool { return uint64(v.ID) == id }, nil
	}
	addr, err := netip.ParseAddr(args[0])
	if err != nil {
		return nil, usageError{"", fmt.Sprintf("%q is neither a VLAN id nor an address: usage: seesaw show vlans [ID|ADDRESS]", args[0])}
	}
	return func(v lb.VLANView) bool { return v.IPv4.Contains(addr) || v.IPv6.Contains(addr) }, nil
}

func (c *CLI) showNeighbors(ctx context.Context, args []string) error {
	var wanted netip.Addr
	if len(args) > 0 {
		var err error
		if wanted, err = netip.ParseAddr(args[0]); err != nil {
			return usageError{"", fmt.Sprintf("%q is not an address: usage: seesaw show bgp neighbors [ADDRESS]", args[0])}
		}
	}
	neighbors, err := c.engine.BGPNeighbors(ctx)
	if err != nil {
		return fmt.Errorf("show bgp neighbors: %w", err)
	}
	return show(c, args, list[lb.BGPNeighborView]{
		kind: "BGP neighbor", command: "show bgp neighbors", items: neighbors,
		fits: func(all []lb.BGPNeighborView, _ string) []lb.BGPNeighborView {
			return filter(all, func(n lb.BGPNeighborView) bool { return n.Addr == wanted })
		},
		whole: layNeighbor, rows: layNeighbors, alwaysRows: true,
	})
}

func filter[T any](items []T, keep func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(items), func(item T) bool { return !keep(item) })
}

func (c *CLI) showHA(ctx context.Context, _ []string) error {
	ha, err := c.engine.HAStatus(ctx)
	if err != nil {
		return fmt.Errorf("show ha: %w", err)
	}
	ha.Since, ha.LastUpdate = ha.Since.UTC(), ha.LastUpdate.UTC()
	return c.emit(ha, func(p *page) { layHA(p, ha, c.o.Now()) })
}

func (c *CLI) configStatus(ctx context.Context, _ []string) error {
	status, err := c.engine.ConfigStatus(ctx)
	if err != nil {
		return fmt.Errorf("config status: %w", err)
	}
	status.LastUpdate, status.LoadedAt = status.LastUpdate.UTC(), status.LoadedAt.UTC()
	return c.emit(status, func(p *page) { layConfig(p, status) })
}

func (c *CLI) showWarnings(ctx context.Context, _ []string) error {
	status, err := c.engine.ConfigStatus(ctx)
	if err != nil {
		return fmt.Errorf("show warnings: %w", err)
	}
	noNull(&status.Warnings)
	return c.emit(status.Warnings, func(p *page) { layWarnings(p, status.Warnings) })
}

// versions is the answer in JSON to show version.
type versions struct {
	CLI    string `json:"cli"`
	Engine string `json:"engine,omitempty"`
}

// showVersion prints this program's version even if the engine does not answer.
func (c *CLI) showVersion(ctx context.Context, _ []string) error {
	cluster, lost := c.engine.ClusterStatus(ctx)
	v := versions{CLI: c.o.Version, Engine: cluster.Version}
	err := c.emit(v, func(p *page) {
		p.line("Seesaw %s", v.CLI)
		if v.Engine != "" && v.Engine != v.CLI {
			p.line("Engine %s", v.Engine)
		}
	})
	if err == nil && lost != nil {
		err = fmt.Errorf("version of the engine: %w", lost)
	}
	return err
}
