package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// DefaultEngine is where the engine listens.
const DefaultEngine = "/var/run/seesaw/engine/engine.sock"

// Args is what stands on the program's command line.
type Args struct {
	Command string // one line to run; empty for an interactive session
	Engine  string // the engine's socket
	JSON    bool
	Version bool // print the version and leave
}

// ParseArgs reads the command line without the program's name. Words are a command, as after -c; flags may
// stand before and behind them. The error is flag.ErrHelp if help was asked for.
func ParseArgs(args []string) (Args, error) {
	var a Args
	fs := flags(&a)
	var words []string
	for rest := args; ; {
		if err := fs.Parse(rest); err != nil {
			return a, err
		}
		if fs.NArg() == 0 {
			break
		}
		words, rest = append(words, fs.Arg(0)), fs.Args()[1:]
	}
	if len(words) > 0 {
		if a.Command != "" {
			return a, fmt.Errorf("two commands, %q and %q: give one", a.Command, strings.Join(words, " "))
		}
		a.Command = strings.Join(words, " ")
	}
	return a, nil
}

func flags(a *Args) *flag.FlagSet {
	fs := flag.NewFlagSet("seesaw", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // flag would print its usage for every fault, longer than the fault itself
	fs.StringVar(&a.Command, "c", "", "run one `command` and leave")
	fs.StringVar(&a.Engine, "engine", DefaultEngine, "the engine's `socket`")
	fs.BoolVar(&a.JSON, "json", false, "print JSON")
	fs.BoolVar(&a.Version, "version", false, "print the version of this program and leave")
	return fs
}

// Usage returns the text for -h: the flags and all commands.
func Usage() string {
	var b strings.Builder
	fmt.Fprintln(&b, "Usage: seesaw [flags] [command]")
	fmt.Fprintln(&b, "Without a command an interactive session begins. Words may be shortened: seesaw sh vs")
	fmt.Fprintln(&b, "\nCommands:")
	for _, c := range commandTable() {
		fmt.Fprintf(&b, "  %-40s %s\n", c.name(), c.help)
	}
	fmt.Fprintln(&b, "\nFlags:")
	fs := flags(new(Args))
	fs.SetOutput(&b)
	fs.PrintDefaults()
	fmt.Fprintln(&b, "\nExit codes: 0 done, 1 refused or no such object, 2 wrong use.")
	return b.String()
}
