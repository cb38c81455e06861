package daemon

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestMain turns the test binary into a daemon when a test starts it as one.
func TestMain(m *testing.M) {
	if kind := os.Getenv("DAEMON_TEST_PROGRAM"); kind != "" {
		os.Exit(testProgram(kind).Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func testProgram(kind string) Program {
	p := Program{
		Name: "seesaw_test",
		Flags: func(fs *flag.FlagSet) {
			fs.Int("size", 7, "a number")
			Obsolete(fs, "fetch_interval", "health is streamed")
			ObsoleteBool(fs, "poll", "nothing polls")
		},
		Run: func(ctx context.Context, log *slog.Logger) error {
			log.Info("serving")
			<-ctx.Done()
			return ctx.Err()
		},
	}
	switch kind {
	case "fault":
		p.Run = func(context.Context, *slog.Logger) error { return errors.New("the moon is full") }
	case "panic":
		p.Run = func(context.Context, *slog.Logger) error { panic("impossible") }
	case "hangup":
		p.Hangup = func() { fmt.Fprintln(os.Stderr, "hangup called") }
	case "stubborn": // ends at the second TERM it is shown, which only HUP can tell it
		second := make(chan struct{})
		p.Hangup = func() { close(second) }
		p.Run = func(ctx context.Context, log *slog.Logger) error {
			log.Info("serving")
			<-ctx.Done()
			log.Info("draining")
			<-second
			return nil
		}
	case "chatty":
		p.Run = func(ctx context.Context, log *slog.Logger) error {
			for i := range 10000 {
				log.Error("line", "i", i)
			}
			stdlog.Print("a library's line")
			fmt.Println("survived")
			return nil
		}
	}
	return p
}

// command prepares a process that is the test program of this kind.
func command(t *testing.T, kind string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), "DAEMON_TEST_PROGRAM="+kind, "NOTIFY_SOCKET=")
	return c
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name, kind string
		args       []string
		code       int
		stdout     string // substring
		stderr     string // substring
	}{
		{"help", "plain", []string{"-h"}, 0, "-fetch_interval", ""},
		{"help lists glog flags", "plain", []string{"-help"}, 0, "-stderrthreshold", ""},
		{"version", "plain", []string{"-version"}, 0, "seesaw_test ", ""},
		{"wrong flag", "plain", []string{"-nonsense"}, 2, "", "seesaw_test: flag provided but not defined: -nonsense (seesaw_test -h lists the flags)\n"},
		{"wrong value", "plain", []string{"-size", "x"}, 2, "", `invalid value "x" for flag -size`},
		{"wrong vmodule", "plain", []string{"-vmodule", "x"}, 2, "", "vmodule"},
		{"surplus argument", "plain", []string{"-size", "1", "now"}, 2, "", `seesaw_test: surplus argument "now": only flags are taken`},
		{"fault", "fault", nil, 1, "", `err="the moon is full"`},
		{"panic", "panic", nil, 1, "", "panic in seesaw_test: impossible\ngoroutine "},
		{"clean end", "chatty", nil, 0, "survived", "i=9999"},
		{"standard logger", "chatty", nil, 0, "survived", "] a library's line\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			c := command(t, tt.kind, tt.args...)
			c.Stdout, c.Stderr = &stdout, &stderr
			_ = c.Run()
			if got := c.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit code = %d, want %d\n%s", got, tt.code, stderr.String())
			}
			if !strings.Contains(stdout.String(), tt.stdout) {
				t.Errorf("stdout = %q, want it to contain %q", stdout.String(), tt.stdout)
			}
			if !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stderr = %.2000q, want it to contain %q", stderr.String(), tt.stderr)
			}
		})
	}
}

// process is a running test program whose standard error is read line by line.
type process struct {
	*exec.Cmd
	lines *bufio.Scanner
	t     *testing.T
}

func start(t *testing.T, kind string, args ...string) *process {
	t.Helper()
	c := command(t, kind, args...)
	r, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return &process{Cmd: c, lines: bufio.NewScanner(r), t: t}
}

// await reads until a line contains want and returns that line.
func (p *process) await(want string) string {
	p.t.Helper()
	var seen []string
	for p.lines.Scan() {
		seen = append(seen, p.lines.Text())
		if strings.Contains(p.lines.Text(), want) {
			return p.lines.Text()
		}
	}
	p.t.Fatalf("standard error ended without %q:\n%s", want, strings.Join(seen, "\n"))
	return ""
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func TestStopSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			p := start(t, "plain")
			p.await("serving")
			p.signal(s)
			p.await("stopped")
			if err := p.Wait(); err != nil {
				t.Errorf("after %v: %v, want exit code 0", s, err)
			}
		})
	}
}

func TestSecondTermDoesNotKill(t *testing.T) {
	p := start(t, "stubborn")
	p.await("serving")
	p.signal(syscall.SIGTERM)
	p.await("draining")
	p.signal(syscall.SIGTERM)
	p.await("signal received, stopping")
	p.signal(syscall.SIGHUP)
	p.await("stopped")
	if err := p.Wait(); err != nil {
		t.Errorf("%v, want exit code 0", err)
	}
}

func TestUSR1DumpsAndCarriesOn(t *testing.T) {
	p := start(t, "plain")
	p.await("serving")
	for range 2 {
		p.signal(syscall.SIGUSR1)
		p.await("goroutine dump")
		p.await("goroutine ")
		p.await("daemon_test.go") // the stack of Run itself
	}
	p.signal(syscall.SIGTERM)
	p.await("stopped")
}

func TestHangup(t *testing.T) {
	t.Run("callback", func(t *testing.T) {
		p := start(t, "hangup")
		p.await("serving")
		for range 2 {
			p.signal(syscall.SIGHUP)
			p.await("hangup called")
		}
	})
	t.Run("none", func(t *testing.T) {
		p := start(t, "plain")
		p.await("serving")
		p.signal(syscall.SIGHUP)
		p.await("signal ignored signal=hangup")
		p.signal(syscall.SIGTERM)
		p.await("stopped")
	})
}

func TestObsoleteFlagsSaySo(t *testing.T) {
	p := start(t, "plain", "-fetch_interval", "15s", "-poll")
	p.await(`flag has no effect any more: remove it flag=-fetch_interval value=15s reason="health is streamed"`)
	p.await(`flag=-poll`)
	p.await("serving")
}

func TestObsoleteFlagsUnusedSayNothing(t *testing.T) {
	p := start(t, "plain")
	if line := p.await(""); !strings.Contains(line, "started program=seesaw_test") {
		t.Errorf("first line = %q, want the start line", line)
	}
}

// A reader of standard error that goes away must not take the daemon with it.
func TestBrokenStandardError(t *testing.T) {
	c := command(t, "chatty")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	c.Stderr = w
	out, err := c.Output()
	w.Close()
	if err != nil || string(out) != "survived\n" {
		t.Errorf("err = %v, output = %q, want a clean end", err, out)
	}
}

// A reader of standard error that never reads must not stop the daemon.
func TestBlockedStandardError(t *testing.T) {
	c := command(t, "chatty")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c.Stderr = w
	out, err := c.Output()
	w.Close()
	if err != nil || string(out) != "survived\n" {
		t.Errorf("err = %v, output = %q, want a clean end", err, out)
	}
}

func TestFullStandardError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	c := command(t, "chatty", "-log_dir", "/nonexistent/log/dir")
	c.Stderr = full
	if out, err := c.Output(); err != nil || string(out) != "survived\n" {
		t.Errorf("err = %v, output = %q, want a clean end", err, out)
	}
}

// logger returns a logger whose lines reach w only when flush is called.
func logger(w io.Writer, verb verbosity) (log *slog.Logger, flush func()) {
	out := newWriter(nil, w, options{toStderr: true})
	return slog.New(newHandler(out, verb)), func() { out.write(out.take()) }
}
