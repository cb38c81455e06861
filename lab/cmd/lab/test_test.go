package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTopLevel(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", "."},
		{"TestX", "TestX"},
		{"TestX/sub/deeper", "TestX"},
		{"/sub", "."},
		{"Test[/]X/sub", "Test[/]X"},
		{"Test(A/B|C)/sub", "Test(A/B|C)"},
		{`Test\/X/sub`, `Test\/X`},
		{"^TestX$", "^TestX$"},
	} {
		if got := topLevel(test.in); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestTestNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a_test.go", "func TestA(t *testing.T) {}\nfunc helper() {}\n// func TestNo(\nfunc (x T) TestMethod(t) {}\n")
	write(t, dir, "b_test.go", "func FuzzB(f *testing.F) {}\nfunc ExampleC() {}\nfunc BenchmarkD(b *testing.B) {}\n")
	for _, test := range []struct {
		name  string
		files []string
		want  string
	}{
		{"two files", []string{"a_test.go", "b_test.go"}, "^(TestA|FuzzB|ExampleC)$"},
		{"no files", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := testNames(pkgFiles{dir: dir, files: test.files})
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
	if _, err := testNames(pkgFiles{dir: dir, files: []string{"absent"}}); err == nil {
		t.Error("no error for an absent file")
	}
}

// write makes an executable file.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRunTests runs scripts in the place of test binaries.
func TestRunTests(t *testing.T) {
	dir := t.TempDir()
	good := suite{pkg: "x/good", dir: dir, skip: "^(TestUnit)$", binary: write(t, dir, "good",
		"#!/bin/sh\necho \"$@\" >args\npwd\necho '--- PASS: TestA (0.1s)'\necho '    --- PASS: TestA/sub (0.1s)'\necho '--- SKIP: TestB (0.1s)'\n")}
	bad := suite{pkg: "x/bad", dir: dir, binary: write(t, dir, "bad", "#!/bin/sh\necho '--- FAIL: TestC (0.1s)'\nexit 1\n")}
	broken := suite{pkg: "x/broken", dir: dir, binary: filepath.Join(dir, "absent")}
	panics := suite{pkg: "x/panics", dir: dir, binary: write(t, dir, "panics", "#!/bin/sh\nprintf 'panic: no line end'\nexit 2\n")}
	for _, test := range []struct {
		name   string
		suites []suite
		code   int
		want   []string // in this order
	}{
		{"pass", []suite{good}, 0, []string{
			"=== x/good", dir, "--- PASS: TestA", "ok    x/good  ", "  1 passed, 0 failed, 1 skipped\n",
			"lab: 1 passed, 0 failed, 1 skipped in 1 packages, ",
		}},
		{"one of two fails", []suite{bad, good}, 1, []string{
			"=== x/bad", "=== x/good", "FAIL  x/bad  ", "  0 passed, 1 failed, 0 skipped  (exit status 1)\n", "ok    x/good  ",
			"lab: 1 passed, 1 failed, 1 skipped in 2 packages, ",
		}},
		{"cannot run", []suite{broken}, 1, []string{"FAIL  x/broken  ", "no such file", "lab: 0 passed"}},
		{"dies", []suite{panics}, 1, []string{"panic: no line end", "FAIL  x/panics  ", "(exit status 2)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"Test.*"}
			for _, s := range test.suites {
				args = append(args, s.words()...)
			}
			var out bytes.Buffer
			code, err := runTests(t.Context(), &out, args)
			if err != nil || code != test.code {
				t.Errorf("got %d, %v; want %d", code, err, test.code)
			}
			rest := out.String()
			for _, want := range test.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("no %q (in this place) in:\n%s", want, out.String())
				}
				rest = after
			}
		})
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if want := "-test.v -test.run Test.* -test.skip ^(TestUnit)$ -test.timeout 15m\n"; err != nil || string(args) != want {
		t.Errorf("arguments %q, %v; want %q", args, err, want)
	}
	if _, err := runTests(t.Context(), &bytes.Buffer{}, []string{"a", "b"}); err == nil {
		t.Error("no error for half a suite")
	}
}

func TestMatches(t *testing.T) {
	dir := t.TempDir()
	// Lists what it was asked for, then as a test binary does.
	lists := write(t, dir, "lists", "#!/bin/sh\n[ \"$1\" = -test.list ] || exit 1\necho \"$2\" >>asked\nprintf 'TestUnit\\nTestLab\\nBenchmarkX\\n' | grep \"$2\"\nexit 0\n")
	for _, test := range []struct {
		name, pattern, skip string
		want                bool
	}{
		{"all", "", "^(TestUnit)$", true},
		{"one", "TestLab/sub", "^(TestUnit)$", true},
		{"only what needs no lab", "TestUnit", "^(TestUnit)$", false},
		{"nothing to skip", "TestUnit", "", true},
		{"no such test", "TestNone", "", false},
		{"benchmarks are no tests", "Benchmark", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := matches(t.Context(), suite{dir: dir, binary: lists, skip: test.skip}, test.pattern)
			if err != nil || got != test.want {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if diff := cmp.Diff(".\nTestLab\nTestUnit\nTestUnit\nTestNone\nBenchmark\n", string(asked)); err != nil || diff != "" {
		t.Errorf("asked for (-want +got): %v\n%s", err, diff)
	}
}

// TestBuild compiles a module with one package of each kind.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	const test, tag = "package x\nimport \"testing\"\nfunc Test%s(t *testing.T) {}\n", "//go:build lab\n\n"
	for name, text := range map[string]string{
		"go.mod":             "module m\n",
		"plain/x.go":         "package x\n",
		"plain/x_test.go":    strings.ReplaceAll(test, "%s", "Plain"),
		"both/x_test.go":     strings.ReplaceAll(test, "%s", "Unit"),
		"both/lab_test.go":   tag + strings.ReplaceAll(test, "%s", "Lab"),
		"tagged/lab_test.go": tag + strings.ReplaceAll(test, "%s", "Lab"),
		"none/x.go":          "package x\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, text)
	}
	t.Chdir(dir)
	out := t.TempDir()
	got, err := build(t.Context(), out, []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	want := []suite{
		{pkg: "m/both", dir: dir + "/both", binary: out + "/m_both.test", skip: "^(TestUnit)$"},
		{pkg: "m/tagged", dir: dir + "/tagged", binary: out + "/m_tagged.test"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(suite{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range got {
		if found, err := matches(t.Context(), s, ""); err != nil || !found {
			t.Errorf("%s: found %v, %v; want a test", s.pkg, found, err)
		}
		if found, err := matches(t.Context(), s, "TestUnit"); err != nil || found {
			t.Errorf("%s: found %v, %v; want no TestUnit", s.pkg, found, err)
		}
	}
	write(t, dir, "both/lab_test.go", tag+"package x\nbroken\n")
	if _, err := build(t.Context(), out, []string{"./..."}); err == nil || !strings.Contains(err.Error(), "lab_test.go:4") {
		t.Errorf("broken test file: got %v, want its line", err)
	}
}
