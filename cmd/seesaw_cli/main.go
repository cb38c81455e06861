// Command seesaw_cli, installed as seesaw, is the operator's command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"golang.org/x/term"

	"seesaw/cli"
	"seesaw/engine/client"
	"seesaw/internal/daemon"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	a, err := cli.ParseArgs(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(cli.Usage())
		return cli.ExitOK
	case err != nil:
		fmt.Fprintf(os.Stderr, "seesaw: %v (seesaw -h lists flags and commands)\n", err)
		return cli.ExitUsage
	case a.Version:
		fmt.Printf("seesaw_cli %s\n", daemon.VersionString())
		return cli.ExitOK
	}
	engine, err := client.New(a.Engine)
	if err != nil {
		fmt.Fprintf(os.Stderr, "seesaw: %v\n", err)
		return cli.ExitFault
	}
	defer engine.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	defer stop()
	c := cli.New(engine, cli.Options{
		Version: daemon.VersionString(), JSON: a.JSON, Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now,
		Person: term.IsTerminal(int(os.Stderr.Fd())),
	})
	if a.Command != "" {
		return c.Run(ctx, a.Command)
	}
	return c.Interactive(ctx, cli.Console{In: os.Stdin, Out: os.Stdout, User: userName(), Suspend: cli.Suspend})
}

// userName is the name for the prompt.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprint(os.Getuid())
}
