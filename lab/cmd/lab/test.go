package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"seesaw/lab/vm"
)

// suite is one package's compiled tests.
type suite struct {
	pkg    string // import path
	dir    string // where its tests expect to run
	binary string
}

// buildAndTest compiles the packages' tests with the tag "lab", finds those that
// have a test for -run, and runs these in one machine.
func buildAndTest(ctx context.Context, job vm.Job, virtual bool, root string, args []string) (int, error) {
	flags := flag.NewFlagSet("lab test", flag.ContinueOnError)
	pattern := flags.String("run", "", "only tests that match this `regexp`, as in go test")
	if err := flags.Parse(args); err != nil {
		return 2, nil
	}
	suites, err := build(ctx, filepath.Join(job.Cache, "test"), flags.Args())
	if err != nil {
		return 0, err
	}
	exe, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	job.Command = []string{exe, "run-tests", *pattern}
	for _, s := range suites {
		found, err := matches(ctx, s, *pattern)
		if err != nil {
			return 0, err
		}
		if found {
			job.Command = append(job.Command, s.pkg, s.dir, s.binary)
		}
	}
	if len(job.Command) == 3 {
		return 0, fmt.Errorf("lab: no tests to run: %q matches none in %s", *pattern, strings.Join(flags.Args(), " "))
	}
	job.Dir = root
	job.Env = append([]string{"LAB_BIN=" + filepath.Join(root, "bin")}, job.Env...)
	return start(ctx, job, virtual)
}

// build compiles one static test binary for each package that has tests.
func build(ctx context.Context, dir string, patterns []string) ([]suite, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	format := `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}`
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-tags", "lab", "-f", format}, patterns...)...)
	cmd.Stderr = os.Stderr
	listed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lab: go list %s: %w", strings.Join(patterns, " "), err)
	}
	var suites []suite
	for line := range strings.Lines(string(listed)) {
		pkg, pkgDir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		s := suite{pkg: pkg, dir: pkgDir, binary: filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_")+".test")}
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "lab", "-o", s.binary, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("lab: go test -c %s: %w\n%s", pkg, err, out)
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// matches reports whether a suite has a test for the pattern.
func matches(ctx context.Context, s suite, pattern string) (bool, error) {
	cmd := exec.CommandContext(ctx, s.binary, "-test.list", topLevel(pattern))
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		return false, fmt.Errorf("lab: list the tests of %s: %w\n%s", s.pkg, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Test") || strings.HasPrefix(line, "Fuzz") || strings.HasPrefix(line, "Example") {
			return true, nil
		}
	}
	return false, nil
}

// topLevel is the part of a -run pattern that is about top-level tests: up to
// the first slash outside brackets, as in go test.
func topLevel(pattern string) string {
	depth, escaped := 0, false
	for i, r := range pattern {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '[' || r == '(':
			depth++
		case r == ']' || r == ')':
			depth--
		case r == '/' && depth == 0:
			return pattern[:i]
		}
	}
	return pattern
}

// tally counts top-level tests by their outcome.
type tally struct{ passed, failed, skipped int }

// count takes one line of a test binary's output.
func (c *tally) count(line string) {
	switch {
	case strings.HasPrefix(line, "--- PASS: "):
		c.passed++
	case strings.HasPrefix(line, "--- FAIL: "):
		c.failed++
	case strings.HasPrefix(line, "--- SKIP: "):
		c.skipped++
	}
}

func (c tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// runTests runs test binaries one after the other, with a summary line for each
// and a total. The arguments are a pattern, then package, directory and binary
// of each suite. Its result is 1 when anything failed.
func runTests(ctx context.Context, out io.Writer, args []string) (int, error) {
	if len(args) == 0 || len(args)%3 != 1 {
		return 0, errors.New("lab: run-tests: want PATTERN { PACKAGE DIR BINARY }")
	}
	var summary []string
	var total tally
	code := 0
	begin := time.Now()
	for rest := args[1:]; len(rest) > 0; rest = rest[3:] {
		s := suite{pkg: rest[0], dir: rest[1], binary: rest[2]}
		fmt.Fprintf(out, "=== %s\n", s.pkg)
		start := time.Now()
		counts, err := runSuite(ctx, out, s, args[0])
		verdict := "ok  "
		if err != nil || counts.failed > 0 {
			verdict, code = "FAIL", 1
		}
		line := fmt.Sprintf("%s  %s  %.1fs  %v", verdict, s.pkg, time.Since(start).Seconds(), counts)
		if err != nil {
			line += fmt.Sprintf("  (%v)", err)
		}
		summary = append(summary, line)
		total.passed += counts.passed
		total.failed += counts.failed
		total.skipped += counts.skipped
	}
	fmt.Fprintln(out, strings.Join(summary, "\n"))
	fmt.Fprintf(out, "lab: %v in %d packages, %.1fs\n", total, len(summary), time.Since(begin).Seconds())
	return code, nil
}

// runSuite runs one test binary and copies its output as it comes.
func runSuite(ctx context.Context, out io.Writer, s suite, pattern string) (tally, error) {
	var counts tally
	cmd := exec.CommandContext(ctx, s.binary, "-test.v", "-test.run", pattern, "-test.timeout", "15m")
	cmd.Dir = s.dir
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	cmd.WaitDelay = time.Second
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadBytes('\n')
			out.Write(line)
			counts.count(string(bytes.TrimSpace(line)))
			if err != nil {
				return
			}
		}
	}()
	err := cmd.Run()
	w.Close()
	<-done
	return counts, err
}
