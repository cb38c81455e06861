package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"seesaw/lab/vm"
)

// suite is one package's compiled tests.
type suite struct {
	pkg    string // import path
	dir    string // where its tests expect to run
	binary string
	skip   string // regexp of the tests that need no lab: go test runs them elsewhere
}

// suiteWords is how many words a suite is on a command line.
const suiteWords = 4

// words is the suite on a command line; suiteOf reads it.
func (s suite) words() []string { return []string{s.pkg, s.dir, s.binary, s.skip} }

func suiteOf(words []string) suite {
	return suite{pkg: words[0], dir: words[1], binary: words[2], skip: words[3]}
}

// buildAndTest compiles the packages' tests with the tag "lab", finds those that
// have a test for -run, and runs these in one machine. Tests in files without the
// tag are left out.
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
	matched := false
	for _, s := range suites {
		found, err := matches(ctx, s, *pattern)
		if err != nil {
			return 0, err
		}
		if found {
			matched = true
			job.Command = append(job.Command, s.words()...)
		}
	}
	if !matched {
		return 0, fmt.Errorf("lab: no tests to run: %q matches none in %s", *pattern, strings.Join(flags.Args(), " "))
	}
	job.Dir = root
	job.Env = append([]string{"LAB_BIN=" + filepath.Join(root, "bin")}, job.Env...)
	return start(ctx, job, virtual)
}

// build compiles one static test binary for each package that has tests with the tag.
func build(ctx context.Context, dir string, patterns []string) ([]suite, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	plain, err := testFiles(ctx, "", patterns)
	if err != nil {
		return nil, err
	}
	tagged, err := testFiles(ctx, "lab", patterns)
	if err != nil {
		return nil, err
	}
	byPath := make(map[string]pkgFiles) // a package with nothing but tagged files is not in it
	for _, p := range plain {
		byPath[p.path] = p
	}
	var suites []suite
	for _, p := range tagged {
		if len(p.files) == len(byPath[p.path].files) {
			continue
		}
		s := suite{pkg: p.path, dir: p.dir, binary: filepath.Join(dir, strings.ReplaceAll(p.path, "/", "_")+".test")}
		if s.skip, err = testNames(byPath[p.path]); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "lab", "-o", s.binary, s.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("lab: go test -c %s: %w\n%s", s.pkg, err, out)
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// pkgFiles is a package and its test files for one set of build tags.
type pkgFiles struct {
	path, dir string
	files     []string
}

// testFiles lists packages with their test files.
func testFiles(ctx context.Context, tags string, patterns []string) ([]pkgFiles, error) {
	format := `{{.ImportPath}} {{.Dir}}{{range .TestGoFiles}} {{.}}{{end}}{{range .XTestGoFiles}} {{.}}{{end}}`
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-e", "-tags", tags, "-f", format}, patterns...)...)
	cmd.Stderr = os.Stderr
	listed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lab: go list %s: %w", strings.Join(patterns, " "), err)
	}
	var pkgs []pkgFiles
	for line := range strings.Lines(string(listed)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			return nil, fmt.Errorf("lab: go list: no package in %q", line)
		}
		pkgs = append(pkgs, pkgFiles{path: words[0], dir: words[1], files: words[2:]})
	}
	return pkgs, nil
}

// testFunction finds the names of top-level tests in a test file.
var testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

// testNames makes a regexp of the tests in a package's files; "" if there are none.
func testNames(p pkgFiles) (string, error) {
	var names []string
	for _, file := range p.files {
		text, err := os.ReadFile(filepath.Join(p.dir, file))
		if err != nil {
			return "", fmt.Errorf("lab: %w", err)
		}
		for _, m := range testFunction.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	if len(names) == 0 {
		return "", nil
	}
	return "^(" + strings.Join(names, "|") + ")$", nil
}

// matches reports whether a suite has a test for the pattern.
func matches(ctx context.Context, s suite, pattern string) (bool, error) {
	cmd := exec.CommandContext(ctx, s.binary, "-test.list", topLevel(pattern))
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		return false, fmt.Errorf("lab: list the tests of %s: %w\n%s", s.pkg, err, out)
	}
	skip, err := regexp.Compile(s.skip)
	if err != nil {
		return false, fmt.Errorf("lab: tests of %s: %w", s.pkg, err)
	}
	for line := range strings.Lines(string(out)) {
		name := strings.TrimSpace(line)
		isTest := strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Example")
		if isTest && (s.skip == "" || !skip.MatchString(name)) {
			return true, nil
		}
	}
	return false, nil
}

// topLevel is the part of a -run pattern that is about top-level tests: up to
// the first slash outside brackets, as in go test. It is never empty, because an
// empty -test.list means to run the tests.
func topLevel(pattern string) string {
	if pattern == "" || pattern[0] == '/' {
		return "."
	}
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
// and a total. The arguments are a pattern, then the words of each suite. Its
// result is 1 when anything failed.
func runTests(ctx context.Context, out io.Writer, args []string) (int, error) {
	if len(args)%suiteWords != 1 {
		return 0, errors.New("lab: run-tests: want PATTERN { PACKAGE DIR BINARY SKIP }")
	}
	var summary []string
	var total tally
	code := 0
	begin := time.Now()
	for words := range slices.Chunk(args[1:], suiteWords) {
		s := suiteOf(words)
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
	cmd := exec.CommandContext(ctx, s.binary, "-test.v", "-test.run", pattern, "-test.skip", s.skip, "-test.timeout", "15m")
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
			counts.count(string(line))
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
