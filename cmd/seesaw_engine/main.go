// Command seesaw_engine decides what network this node should have and sees to
// it that ncc makes it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"seesaw/engine"
	"seesaw/internal/config"
	"seesaw/internal/daemon"
	"seesaw/internal/rpc"
	"seesaw/ncc/client"
)

type options struct {
	conf, cluster, ncc, socket string
}

func main() {
	var o options
	os.Exit(daemon.Program{
		Name: "seesaw_engine",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.conf, "conf", "/etc/seesaw/seesaw.cfg", "node config `file`")
			fs.StringVar(&o.cluster, "cluster", "/etc/seesaw/cluster.pb", "cluster config `file`, never written")
			fs.StringVar(&o.ncc, "ncc_socket", "/var/run/seesaw/ncc/ncc.sock", "`socket` of seesaw_ncc")
			fs.StringVar(&o.socket, "socket", "/var/run/seesaw/engine/engine.sock", "`socket` to serve on")
		},
		Run: func(ctx context.Context, log *slog.Logger) error { return run(ctx, log, o) },
	}.Main(os.Args[1:]))
}

func run(ctx context.Context, log *slog.Logger, o options) error {
	data, err := os.ReadFile(o.conf)
	if err != nil {
		return fmt.Errorf("read node config: %w", err)
	}
	node, err := config.ParseNode(o.conf, data)
	if err != nil {
		return err
	}
	ncc, err := client.New(o.ncc)
	if err != nil {
		return err
	}
	defer ncc.Close()
	e, err := engine.New(engine.Config{Node: node, ClusterFile: o.cluster, Version: daemon.VersionString()}, ncc, log)
	if err != nil {
		return err
	}
	lis, err := rpc.Listen(o.socket)
	if err != nil {
		return err
	}
	if err := daemon.Ready("serving on " + o.socket); err != nil {
		log.Warn("cannot tell the starter that we are ready", "err", err)
	}
	return e.Run(ctx, lis)
}
