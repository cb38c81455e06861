// Command seesaw_ncc changes the host for the engine: IPVS, interfaces,
// addresses, settings. It is the only one of our daemons that may.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/user"
	"strconv"

	"seesaw/internal/daemon"
	"seesaw/internal/rpc"
	"seesaw/ncc"
	"seesaw/ncc/kernel"
)

type options struct {
	socket, record string
}

func main() {
	var o options
	os.Exit(daemon.Program{
		Name: "seesaw_ncc",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&o.socket, "socket", "/var/run/seesaw/ncc/ncc.sock", "`socket` to serve on")
			fs.StringVar(&o.record, "record", ncc.DefaultRecord, "`file` that says which objects of the host are ours")
		},
		Run: func(ctx context.Context, log *slog.Logger) error { return run(ctx, log, o) },
	}.Main(os.Args[1:]))
}

func run(ctx context.Context, log *slog.Logger, o options) error {
	k, err := kernel.New(kernel.Config{}, log)
	if err != nil {
		return err
	}
	n, err := ncc.New(ncc.Config{Record: o.record}, k, log)
	if err != nil {
		return errors.Join(err, k.Close())
	}
	lis, err := rpc.Listen(o.socket)
	if err != nil {
		return errors.Join(err, k.Close())
	}
	srv := ncc.NewServer(n, access(log), log)
	if err := daemon.Ready("serving on " + o.socket); err != nil {
		log.Warn("cannot tell the starter that we are ready", "err", err)
	}
	err = daemon.RunAll(ctx, log,
		daemon.Task{Name: "ncc", Run: n.Run},
		daemon.Task{Name: "rpc", Run: func(ctx context.Context) error { return rpc.Serve(ctx, srv, lis) }},
	)
	return errors.Join(err, k.Close())
}

// access lets user and group seesaw in, as far as this host has them.
func access(log *slog.Logger) ncc.Access {
	var a ncc.Access
	if u, err := user.Lookup("seesaw"); err == nil {
		a.UIDs = ids(u.Uid)
	}
	if g, err := user.LookupGroup("seesaw"); err == nil {
		a.GIDs = ids(g.Gid)
	}
	if len(a.UIDs)+len(a.GIDs) == 0 {
		log.Info("there is no user or group seesaw: only root may call")
	}
	return a
}

// ids is empty for what is no number, which the user database never holds.
func ids(text string) []uint32 {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return nil
	}
	return []uint32{uint32(id)}
}
