// Command seesaw_ha takes part in the election of the node that leads.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"time"

	"seesaw/engine/client"
	"seesaw/ha"
	"seesaw/internal/daemon"
	"seesaw/internal/lb"
)

type options struct {
	engine   string
	interval time.Duration
	preempt  bool
}

func main() {
	var o options
	os.Exit(daemon.Program{
		Name: "seesaw_ha",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.engine, "engine", "/var/run/seesaw/engine/engine.sock", "`socket` of seesaw_engine")
			fs.DurationVar(&o.interval, "master_advert_interval", 0, "pause between adverts, a multiple of 10ms; 0 = as in seesaw.cfg")
			fs.BoolVar(&o.preempt, "preempt", false, "take the lead from a node of lower priority, even if seesaw.cfg does not say so")
			for _, name := range []string{
				"config_check_interval", "config_check_max_failures", "config_check_retry_delay", "init_config_retry_delay",
				"status_report_interval", "status_report_max_failures", "status_report_retry_delay",
			} {
				daemon.Obsolete(fs, name, "ha and engine hold one conversation; nothing is polled")
			}
			for _, name := range []string{"local_addr", "remote_addr", "priority", "vrid"} {
				daemon.Obsolete(fs, name, "the config comes from the engine; there is no test mode")
			}
			daemon.ObsoleteBool(fs, "test_mode", "the config comes from the engine; there is no test mode")
		},
		Run: func(ctx context.Context, log *slog.Logger) error { return run(ctx, log, o) },
	}.Main(os.Args[1:]))
}

func run(ctx context.Context, log *slog.Logger, o options) error {
	if err := daemon.LockMemory(); err != nil {
		log.Warn("memory is not locked: a node short of memory may miss adverts", "err", err)
	}
	engine, err := client.New(o.engine)
	if err != nil {
		return err
	}
	defer engine.Close()
	d, err := ha.New(ha.Config{
		Join: func(ctx context.Context) (ha.Session, error) { return engine.HA(ctx) },
		Open: func(conf lb.HAConfig) (ha.Wire, error) { return ha.OpenMulticast(conf, log) },
		Watch: func(ctx context.Context, names []string, changed func(ha.Link)) {
			ha.WatchLinks(ctx, log, names, changed)
		},
		Now:      ha.BootTime,
		Interval: o.interval,
		Preempt:  o.preempt,
	}, log)
	if err != nil {
		return err
	}
	if err := daemon.Ready("taking part in the election"); err != nil {
		log.Warn("cannot tell the starter that we are ready", "err", err)
	}
	return d.Run(ctx)
}
