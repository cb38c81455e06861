// Command seesaw_healthcheck probes the backends and tells the engine which of
// them serve.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"

	"seesaw/engine/client"
	"seesaw/healthcheck"
	"seesaw/healthcheck/probe"
	"seesaw/internal/daemon"
)

type options struct {
	engine string
	dryRun bool
}

func main() {
	var o options
	os.Exit(daemon.Program{
		Name: "seesaw_healthcheck",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.engine, "engine", "/var/run/seesaw/engine/engine.sock", "`socket` of seesaw_engine")
			fs.BoolVar(&o.dryRun, "dry_run", false, "send no probe and call every backend healthy")
			for _, name := range []string{
				"batch_delay", "batch_size", "channel_size", "fetch_interval", "max_failures", "notify_interval", "retry_delay",
			} {
				daemon.Obsolete(fs, name, "healthcheck and engine hold one conversation; nothing is polled or held back")
			}
		},
		Run: func(ctx context.Context, log *slog.Logger) error { return run(ctx, log, o) },
	}.Main(os.Args[1:]))
}

func run(ctx context.Context, log *slog.Logger, o options) error {
	c, err := client.New(o.engine)
	if err != nil {
		return err
	}
	defer c.Close()
	d, err := healthcheck.New(healthcheck.Config{DryRun: o.dryRun}, engine{c}, probe.Probe, log)
	if err != nil {
		return err
	}
	if err := daemon.Ready("probing what the engine asks for"); err != nil {
		log.Warn("cannot tell the starter that we are ready", "err", err)
	}
	return d.Run(ctx)
}

// engine is the engine as healthcheck sees it.
type engine struct{ *client.Client }

// Session opens the conversation about checks and verdicts.
func (e engine) Session(ctx context.Context) (healthcheck.Session, error) {
	return e.Healthchecks(ctx)
}
