// Command seesaw_ecu shows this node's health and metrics to those outside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"

	"seesaw/ecu"
	"seesaw/engine/client"
	"seesaw/internal/daemon"
)

type options struct {
	engine, monitor, control string
}

func main() {
	var o options
	os.Exit(daemon.Program{
		Name: "seesaw_ecu",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.engine, "engine", "/var/run/seesaw/engine/engine.sock", "`socket` of seesaw_engine")
			fs.StringVar(&o.monitor, "monitor_address", ":10257", "`address` to serve /healthz and /metrics on")
			fs.StringVar(&o.control, "control_address", ":10256", "`address` for remote control, which is not built yet")
		},
		Run: func(ctx context.Context, log *slog.Logger) error { return run(ctx, log, o) },
	}.Main(os.Args[1:]))
}

func run(ctx context.Context, log *slog.Logger, o options) error {
	engine, err := client.New(o.engine)
	if err != nil {
		return err
	}
	defer engine.Close()
	e, err := ecu.New(ecu.Config{Version: daemon.VersionString(), ControlAddress: o.control}, engine, log)
	if err != nil {
		return err
	}
	monitor, err := net.Listen("tcp", o.monitor)
	if err != nil {
		return fmt.Errorf("listen for the monitor (-monitor_address): %w", err)
	}
	log.Info("serving /healthz and /metrics", "address", monitor.Addr().String())
	if err := daemon.Ready("serving on " + monitor.Addr().String()); err != nil {
		log.Warn("cannot tell the starter that we are ready", "err", err)
	}
	return e.Run(ctx, monitor)
}
