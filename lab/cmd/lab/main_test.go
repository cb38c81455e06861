package main

import (
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		err  string // "" for none
	}{
		{"help", []string{"-h"}, 0, ""},
		{"unknown flag", []string{"-nope"}, 2, ""},
		{"bad place", []string{"-vm=maybe", "--", "true"}, 0, "-vm=maybe: want auto, always or never"},
		{"no command", []string{"-vm=never"}, 0, "no command"},
		{"bad environment", []string{"-vm=never", "-env", "a b=c", "--", "true"}, 0, "need NAME=VALUE"},
		{"blank in a path", []string{"-vm=never", "-out", "/a b", "--", "true"}, 0, "without blanks"},
		{"no test matches", []string{"-vm=never", "-cache", t.TempDir(), "test", "-run", "TestNone", "."}, 0, `no tests to run: "TestNone" matches none in .`},
		{"bad flag of test", []string{"-vm=never", "test", "-nope"}, 2, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, err := run(t.Context(), test.args)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if code != test.code || (test.err == "") != (err == nil) || !strings.Contains(got, test.err) {
				t.Errorf("got %d, %q; want %d, %q", code, got, test.code, test.err)
			}
		})
	}
}
