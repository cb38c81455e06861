package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("SEESAW_WATCHDOG_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestCommandLine(t *testing.T) {
	circle := filepath.Join(t.TempDir(), "circle.cfg")
	if err := os.WriteFile(circle, []byte("[a]\nbinary = /bin/true\ndependency = a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want string // in standard output or error
	}{
		{"help", []string{"-h"}, 0, "/etc/seesaw/watchdog.cfg"},
		{"version", []string{"-version"}, 0, "seesaw_watchdog "},
		{"wrong flag", []string{"-confg", "x"}, 2, "flag provided but not defined: -confg"},
		{"surplus argument", []string{"start"}, 2, `surplus argument "start"`},
		{"no file", []string{"-config", "/nonexistent/watchdog.cfg"}, 1, "/nonexistent/watchdog.cfg: no such file or directory"},
		{"circle", []string{"-config", circle}, 1, circle},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0], tt.args...)
			c.Env = append(os.Environ(), "SEESAW_WATCHDOG_MAIN=1")
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			_ = c.Run()
			if got := c.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit code = %d, want %d", got, tt.code)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("output = %q, want it to contain %q", out.String(), tt.want)
			}
		})
	}
}
