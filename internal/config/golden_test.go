package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the tests see into testdata")

// TestBadFiles reads one file for each rule and compares the exact messages
// with the .want file beside it.
func TestBadFiles(t *testing.T) {
	for _, kind := range []struct {
		glob string
		read func(name string, data []byte) string
	}{
		{"testdata/cluster/*.pb", func(name string, data []byte) string {
			return tellCluster(ParseCluster(name, data))
		}},
		{"testdata/node/*.cfg", func(name string, data []byte) string {
			_, err := ParseNode(name, data)
			return tellError(err)
		}},
		{"testdata/watchdog/*.cfg", func(name string, data []byte) string {
			_, err := ParseWatchdog(name, data)
			return tellError(err)
		}},
	} {
		files, err := filepath.Glob(kind.glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", kind.glob, len(files), err)
		}
		for _, file := range files {
			t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
				golden(t, file, kind.read(filepath.Base(file), readFile(t, file)))
			})
		}
	}
}

// tellCluster is what becomes of a cluster file, for reading.
func tellCluster(c *Cluster, err error) string {
	if err != nil {
		return tellError(err)
	}
	var b strings.Builder
	for _, v := range c.Vservers {
		fmt.Fprintf(&b, "served: %s\n", v.Name)
		for _, w := range v.Warnings {
			fmt.Fprintf(&b, "  warning: %s\n", w)
		}
	}
	for _, f := range c.Faulty {
		fmt.Fprintf(&b, "left out: %.20q\n  %s\n", f.Name,
			strings.ReplaceAll(f.Problems.Error(), "\n", "\n  "))
	}
	if len(c.Notices) > 0 {
		fmt.Fprintf(&b, "noticed:\n  %s\n", strings.ReplaceAll(c.Notices.Error(), "\n", "\n  "))
	}
	return b.String()
}

func tellError(err error) string {
	var problems Problems
	switch {
	case err == nil:
		return "no fault\n"
	case !errors.As(err, &problems):
		return fmt.Sprintf("error of type %T\n", err)
	}
	return "refused:\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ") + "\n"
}

// golden compares a text with the .want file beside an input.
func golden(t *testing.T, input, got string) {
	t.Helper()
	want := strings.TrimSuffix(input, filepath.Ext(input)) + ".want"
	if *update {
		if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(readFile(t, want)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", want, diff)
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
