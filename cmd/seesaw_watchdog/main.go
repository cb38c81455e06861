// Command seesaw_watchdog starts the daemons of a node in order, restarts what ends and stops all.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"seesaw/internal/config"
	"seesaw/internal/daemon"
	"seesaw/watchdog"
)

func main() {
	// Children are started from threads that give up their rights and end; the main thread cannot end, so
	// it is kept for this goroutine.
	runtime.LockOSThread()

	var flags *flag.FlagSet
	var file string
	os.Exit(daemon.Program{
		Name: "seesaw_watchdog",
		Flags: func(fs *flag.FlagSet) {
			flags = fs
			fs.StringVar(&file, "config", "/etc/seesaw/watchdog.cfg", "watchdog config `file`")
		},
		Run: func(ctx context.Context, log *slog.Logger) error {
			return run(ctx, log, file, flags.Lookup("log_dir").Value.String())
		},
	}.Main(os.Args[1:]))
}

func run(ctx context.Context, log *slog.Logger, file, logDir string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read watchdog config: %w", err)
	}
	parsed, err := config.ParseWatchdog(file, data)
	if err != nil {
		return err
	}
	cfg := watchdog.Config{LogDir: logDir}
	for _, s := range parsed.Services {
		cfg.Services = append(cfg.Services, watchdog.Service(s))
	}
	w, err := watchdog.New(cfg, log)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := daemon.Ready(fmt.Sprintf("supervising %d services", len(cfg.Services))); err != nil {
		log.Warn("cannot tell the starter that we are ready", "err", err)
	}
	return w.Run(ctx)
}
