package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the transcripts anew; read the difference before it is committed")

// TestTranscripts runs every `### command` of testdata/*.txt and compares all that is printed.
func TestTranscripts(t *testing.T) {
	engines := map[string]func() *fakeEngine{
		"fieldreport": fieldReport,
		"busy":        busy,
		"empty":       func() *fakeEngine { return &fakeEngine{} },
		"away": func() *fakeEngine {
			return &fakeEngine{err: errors.New("engine does not answer on /tmp/engine.sock (is it running, and may you open the socket?)")}
		},
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != len(engines) {
		t.Fatalf("%d transcripts (%v), want %d", len(files), err, len(engines))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := rerun(t, engines[name], name != "fieldreport", string(want)) // that one is a script's
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// rerun runs the commands of a transcript, each against a new engine, and returns what they make of it.
func rerun(t *testing.T, engine func() *fakeEngine, person bool, transcript string) string {
	var out bytes.Buffer
	for line := range strings.Lines(transcript) {
		line = strings.TrimSuffix(line, "\n")
		command, ok := strings.CutPrefix(line, "### ")
		if !ok || strings.HasPrefix(command, "exit ") {
			if strings.HasPrefix(line, "# ") {
				fmt.Fprintln(&out, line)
			}
			continue
		}
		fmt.Fprintln(&out, line)
		a, err := ParseArgs(strings.Fields(command))
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		f := engine()
		c := New(f, Options{Version: "1.0", JSON: a.JSON, Person: person, Stdout: &out, Stderr: &out, Now: func() time.Time { return now }})
		code := c.Run(t.Context(), a.Command)
		for _, told := range f.told {
			fmt.Fprintf(&out, "(engine: %s)\n", told)
		}
		fmt.Fprintf(&out, "### exit %d\n", code)
	}
	return out.String()
}
