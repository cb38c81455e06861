package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun runs the program as a shell would, with no engine about.
func TestRun(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine.sock")
	for _, tt := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // how they begin
	}{
		{"help", []string{"-h"}, 0, "Usage: seesaw [flags] [command]\n", ""},
		{"version", []string{"-version"}, 0, "seesaw_cli ", ""},
		{"bad flag", []string{"-zz"}, 2, "", "seesaw: flag provided but not defined: -zz (seesaw -h "},
		{"command in words", []string{"help"}, 0, "Use ? for context-aware command completions.\n", ""},
		{"command behind -c", []string{"-c", "help"}, 0, "Use ? for context-aware command completions.\n", ""},
		{"incomplete", []string{"show"}, 2, "", "Incomplete command.\n"},
		{"no engine", []string{"-engine", socket, "show", "ha"}, 1, "", "seesaw: show ha: engine does not answer on " + socket},
		{"version without engine", []string{"-engine", socket, "show", "version"}, 1, "Seesaw ", "seesaw: version of the engine: "},
		{"no terminal", []string{"-engine", socket}, 2, "", "seesaw: standard input is not a terminal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := capture(t, tt.args)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.HasPrefix(stdout, tt.stdout) || (tt.stdout == "" && stdout != "") {
				t.Errorf("stdout %q, want %q", stdout, tt.stdout)
			}
			if !strings.HasPrefix(stderr, tt.stderr) || (tt.stderr == "" && stderr != "") {
				t.Errorf("stderr %q, want %q", stderr, tt.stderr)
			}
		})
	}
}

// capture runs the program with files for its three streams.
func capture(t *testing.T, args []string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	in, out, err := os.Stdin, os.Stdout, os.Stderr
	defer func() { os.Stdin, os.Stdout, os.Stderr = in, out, err }()
	for stream, name := range map[**os.File]string{&os.Stdin: "in", &os.Stdout: "out", &os.Stderr: "err"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		*stream = f
	}
	code = run(args)
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return code, read("out"), read("err")
}
