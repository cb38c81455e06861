// Command lab runs a command, or test binaries, on a kernel that has IPVS.
//
//	lab [flags] -- COMMAND ARG...     run one command, return its exit status
//	lab [flags] test [-run RE] PKG... build test binaries, run them in one machine
//	lab [flags] suite [-run RE] PKG... the unit tests of all packages, then "test"
//	lab [flags] install               only fetch what is missing
//
// The machine is a virtual one unless the host's own kernel has IPVS.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"seesaw/lab/vm"
)

// trouble is the exit status for what is the lab's own fault and not the command's.
const trouble = 125

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = trouble
	}
	os.Exit(code)
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return fmt.Sprint(*l) }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// run parses the arguments and does what they ask for.
func run(ctx context.Context, args []string) (int, error) {
	root, err := projectRoot()
	if err != nil {
		return 0, err
	}
	var env list
	job := vm.Job{Output: os.Stdout, Log: os.Stderr}
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	where := flags.String("vm", "auto", "`when` to use a virtual machine: auto (unless this kernel has IPVS), always, never")
	flags.Var(&env, "env", "`K=V` for the command's environment; may be repeated")
	flags.StringVar(&job.Dir, "dir", "", "the command's working `directory` (default the current one)")
	flags.StringVar(&job.Out, "out", filepath.Join(root, "lab-out"), "`directory` for results, shared with the machine")
	flags.StringVar(&job.Cache, "cache", cacheDir(root), "`directory` for kernel and initramfs; or LAB_CACHE")
	flags.DurationVar(&job.Timeout, "timeout", 20*time.Minute, "kill the machine after this `time`")
	terminal := flags.Bool("terminal", false, "if this is a terminal, it is the command's, which may then take its time")
	flags.IntVar(&job.Forward, "forward", 0, "`port` of 127.0.0.1 from which a command with a terminal is reached")
	flags.IntVar(&job.Memory, "memory", 4096, "the machine's memory in `MiB`")
	flags.IntVar(&job.CPUs, "cpus", 2, "the machine's processors")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0, nil
		}
		return 2, nil
	}
	if err := absolute(&job.Dir, &job.Out, &job.Cache); err != nil {
		return 0, err
	}
	job.Env = env
	if *terminal && term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
		job.Terminal, job.Timeout = os.Stdin, 24*time.Hour
	}
	virtual, err := virtual(*where)
	if err != nil {
		return 0, err
	}
	switch command := flags.Args(); flags.Arg(0) {
	case "test":
		return buildAndTest(ctx, job, virtual, root, command[1:])
	case "suite":
		return wholeSuite(ctx, job, virtual, root, command[1:])
	case "run-tests": // what "test" runs in the machine
		return runTests(ctx, os.Stdout, command[1:])
	case "install":
		if virtual {
			return 0, vm.Install(ctx, job.Log, job.Cache)
		}
		return 0, vm.Install(ctx, job.Log)
	default:
		job.Command = command
		return start(ctx, job, virtual)
	}
}

// start runs the job where it belongs.
func start(ctx context.Context, job vm.Job, virtual bool) (int, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	job.Env = append([]string{"LAB_EXE=" + exe, "LAB_CACHE=" + job.Cache}, job.Env...)
	if virtual {
		fmt.Fprintln(job.Log, "lab: starting a virtual machine")
		return vm.Run(ctx, job)
	}
	return vm.Direct(ctx, job)
}

// virtual decides whether a virtual machine is needed.
func virtual(where string) (bool, error) {
	switch where {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return !vm.HostHasIPVS(), nil
	}
	return false, fmt.Errorf("lab: -vm=%s: want auto, always or never", where)
}

// projectRoot is the directory of the go.mod above the current one.
func projectRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == "/" {
			return start, nil // results go below the current directory then
		}
	}
}

// cacheDir is the default for -cache.
func cacheDir(root string) string {
	if dir := os.Getenv("LAB_CACHE"); dir != "" {
		return dir
	}
	return filepath.Join(root, ".cache", "lab")
}

// absolute makes the paths absolute, an empty one the current directory.
func absolute(paths ...*string) error {
	for _, p := range paths {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		*p = abs
	}
	return nil
}
