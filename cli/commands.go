package cli

import (
	"context"
	"fmt"
	"strings"

	"seesaw/internal/lb"
)

// commandTable lists all commands, sorted by path.
func commandTable() []command {
	return []command{
		{"config reload", "", 0, 0, "read the cluster config again and put it in force", (*CLI).configReload},
		{"config source", "[disk|none|peer|server]", 0, 1, "show or change where cluster config comes from", (*CLI).configSource},
		{"config status", "", 0, 0, "show which cluster config is in force", (*CLI).configStatus},
		{"exit", "", 0, 0, "leave", (*CLI).quit},
		{"failover", "", 0, 0, "hand the lead to the peer", (*CLI).failover},
		{"help", "", 0, 0, "say where help is", (*CLI).help},
		{"override vserver state default", "VSERVER", 1, 1, "let the config decide again", override(lb.OverrideDefault)},
		{"override vserver state disabled", "VSERVER", 1, 1, "disable a vserver, whatever the config says", override(lb.OverrideDisabled)},
		{"override vserver state enabled", "VSERVER", 1, 1, "enable a vserver, whatever the config says", override(lb.OverrideEnabled)},
		{"quit", "", 0, 0, "leave", (*CLI).quit},
		{"show backends", "[HOSTNAME]", 0, 1, "list backends, or show one", (*CLI).showBackends},
		{"show bgp neighbors", "[ADDRESS]", 0, 1, "list BGP neighbors, or show one", (*CLI).showNeighbors},
		{"show destinations", "[NAME]", 0, 1, "list destinations, or show one", (*CLI).showDestinations},
		{"show ha", "", 0, 0, "show this node's part in the election", (*CLI).showHA},
		{"show nodes", "[HOSTNAME]", 0, 1, "list the cluster's nodes, or show one", (*CLI).showNodes},
		{"show version", "", 0, 0, "show the version of this program and of the engine", (*CLI).showVersion},
		{"show vlans", "[ID|ADDRESS]", 0, 1, "list VLANs, or show one", (*CLI).showVLANs},
		{"show vservers", "[NAME]", 0, 1, "list vservers, or show one", (*CLI).showVservers},
		{"show warnings", "", 0, 0, "show what is wrong with the config or the node", (*CLI).showWarnings},
	}
}

// done is the answer in JSON to a command that only does something.
type done struct {
	Message string `json:"message"`
}

func (c *CLI) say(message string) error {
	return c.emit(done{message}, func(p *page) { p.line("%s", message) })
}

func (c *CLI) quit(context.Context, []string) error { return errQuit }

func (c *CLI) help(context.Context, []string) error {
	return c.say("Use ? for context-aware command completions.")
}

func (c *CLI) failover(ctx context.Context, _ []string) error {
	if err := c.engine.Failover(ctx); err != nil {
		return fmt.Errorf("failover: %w", err)
	}
	return c.say("Failover requested.")
}

func (c *CLI) configReload(ctx context.Context, _ []string) error {
	if err := c.engine.ConfigReload(ctx); err != nil {
		return fmt.Errorf("config reload: %w", err)
	}
	return c.say("Config reloaded.")
}

// sourceView is the answer in JSON about the config source.
type sourceView struct {
	Source string `json:"source"`
	Was    string `json:"was,omitempty"`
	InUse  string `json:"in_use,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (c *CLI) configSource(ctx context.Context, args []string) error {
	wanted := strings.Join(args, "")
	before, err := c.engine.ConfigSource(ctx, wanted)
	if err != nil {
		return fmt.Errorf("config source: %w", err)
	}
	view := sourceView{Source: before}
	if wanted != "" {
		view.Source, view.Was = wanted, before
	}
	// Without a config in force there is a source all the same, and nothing to say about its use.
	if status, err := c.engine.ConfigStatus(ctx); err == nil {
		view.InUse, view.Reason = status.InUse, status.Reason
	}
	return c.emit(view, func(p *page) {
		if wanted != "" {
			p.line("Config source is %s (was %s)", wanted, before)
			return
		}
		p.line("Config source is %s", before)
	})
}

// override returns the command that sets a vserver's override. Like the original's it says nothing when it
// has done so.
func override(state lb.Override) func(*CLI, context.Context, []string) error {
	return func(c *CLI, ctx context.Context, args []string) error {
		if err := c.engine.OverrideVserver(ctx, args[0], state); err != nil {
			return fmt.Errorf("override vserver: %w", err)
		}
		return c.emit(done{fmt.Sprintf("vserver %s: override state %v", args[0], state)}, func(*page) {})
	}
}
