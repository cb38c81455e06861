package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"seesaw/lab/vm"
)

// wholeSuite runs everything that there is to test: the unit tests of all packages
// with the race detector here, then the lab tests of the packages named, in one
// machine. Its last line has the counts of both.
func wholeSuite(ctx context.Context, job vm.Job, virtual bool, root string, args []string) (int, error) {
	out := job.Output
	unit, unitErr := unitTests(ctx, out, root)
	fmt.Fprintf(out, "unit tests: %v\n", unit)

	counter := &lineCounter{out: out}
	job.Output = counter
	code, err := buildAndTest(ctx, job, virtual, root, args)
	if err != nil {
		return 0, err
	}
	if code == 0 && unitErr != nil {
		fmt.Fprintln(out, unitErr)
		code = 1
	}
	total := tally{unit.passed + counter.passed, unit.failed + counter.failed, unit.skipped + counter.skipped}
	if code != 0 && total.failed == 0 {
		total.failed = 1 // a package that does not build, a machine that does not boot
	}
	fmt.Fprintln(out, total)
	return code, nil
}

// unitTests runs go test with the race detector on all packages: a line for each
// package, and all that a failed one says.
func unitTests(ctx context.Context, out io.Writer, root string) (tally, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-race", "-json", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return tally{}, fmt.Errorf("lab: unit tests: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return tally{}, fmt.Errorf("lab: unit tests: %w", err)
	}
	counts := report(pipe, out)
	if err := cmd.Wait(); err != nil {
		return counts, fmt.Errorf("lab: unit tests: %w", err)
	}
	return counts, nil
}

// event is a line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// report reads the events of go test -json and returns the counts of top-level
// tests.
func report(events io.Reader, out io.Writer) (counts tally) {
	said := make(map[string]*bytes.Buffer) // by package
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		name := e.Package + e.ImportPath // the second for what the compiler says
		if said[name] == nil {
			said[name] = new(bytes.Buffer)
		}
		top := e.Test != "" && !strings.Contains(e.Test, "/")
		switch e.Action {
		case "output", "build-output":
			said[name].WriteString(e.Output)
		case "pass", "fail", "skip":
			switch {
			case top && e.Action == "pass":
				counts.passed++
			case top && e.Action == "fail":
				counts.failed++
			case top:
				counts.skipped++
			case e.Test == "":
				if e.Action == "fail" {
					out.Write(said[name].Bytes())
				}
				fmt.Fprintf(out, "%s\t%s\t%.1fs\n", e.Action, name, e.Elapsed)
			}
		case "build-fail":
			out.Write(said[name].Bytes())
		}
	}
	return counts
}

// lineCounter passes output on and counts the tests in it.
type lineCounter struct {
	tally
	out  io.Writer
	rest []byte // a line that has not ended yet
}

func (c *lineCounter) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		line, rest, ended := bytes.Cut(c.rest, []byte("\n"))
		if !ended {
			break
		}
		c.count(strings.TrimRight(string(line), "\r"))
		c.rest = rest
	}
	return c.out.Write(p)
}
