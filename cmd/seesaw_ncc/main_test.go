package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_SEESAW_NCC") != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"-h"}, 0, "(default \"/var/run/seesaw/ncc/ncc.sock\")"},
		{[]string{"-version"}, 0, "seesaw_ncc "},
		{[]string{"-sockt", "x"}, 2, "flag provided but not defined: -sockt"},
		{[]string{"start"}, 2, `surplus argument "start"`},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], tt.args...)
			cmd.Env = append(os.Environ(), "RUN_SEESAW_NCC=1")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(out.String(), tt.out) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, tt.code, tt.out, out.String())
			}
		})
	}
}
