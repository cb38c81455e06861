package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpand(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"nothing", "", ""},
		{"unknown", "bogus", "bogus"},
		{"one word", "sh", "show "},
		{"leaf", "sh vs", "show vservers "},
		{"leaf and argument", "sh vs te", "show vservers te"},
		{"argument keeps its spaces", "sh vs  te  st ", "show vservers te  st "},
		{"ambiguous tail", "sh v", "show v"},
		{"unknown tail", " sh  xx yy", "show xx yy"},
		{"tabs", "\tsh\tvs\tte", "show vservers te"},
		{"expanded already", "show vservers ", "show vservers "},
		{"deep", "o v s d x", "override vserver state d x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := expand(tt.line); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if again := expand(expand(tt.line)); again != expand(tt.line) {
				t.Errorf("expanded twice: %q", again)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string // first words of the lines
	}{
		{"nothing", "", []string{"config", "exit", "failover", "help", "override", "quit", "show"}},
		{"one word", "conf", []string{"reload", "source", "status"}},
		{"ambiguous", "sh b", []string{"backends", "bgp"}},
		{"leaf", "sh vs", []string{"show"}},
		{"unknown", "sh x", []string{"Unknown"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for line := range strings.Lines(explain(tt.line)) {
				got = append(got, strings.Fields(line)[0])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Words in full win over longer ones that begin with them.
func TestExactBeatsPrefix(t *testing.T) {
	table := []command{{path: "show ha"}, {path: "show hardware"}, {path: "show hardware all"}}
	for line, want := range map[string]string{"show ha": "show ha", "sh har": "show hardware", "sh h": ""} {
		m := find(table, strings.Fields(line))
		got := ""
		if m.command != nil {
			got = m.command.path
		}
		if got != want {
			t.Errorf("%s: found %q, want %q", line, got, want)
		}
	}
}

func TestCommandTable(t *testing.T) {
	table := commandTable()
	if !slices.IsSortedFunc(table, func(a, b command) int { return strings.Compare(a.path, b.path) }) {
		t.Error("not sorted by path")
	}
	for _, c := range table {
		if c.help == "" || c.run == nil || c.least > c.most || (c.most > 0) != (c.args != "") {
			t.Errorf("%s: incomplete", c.path)
		}
		if m := find(table, strings.Fields(c.path)); m.command == nil || m.command.path != c.path {
			t.Errorf("%s: not found by its own name", c.path)
		}
		if !strings.Contains(Usage(), c.name()) {
			t.Errorf("%s: not in the usage text", c.path)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, line := range []string{"", "show vs test", "sh v", "conf rel", "bogus", "override vserver state d x", " \t?"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		m := find(commandTable(), words)
		if len(m.path)+len(m.rest) != len(words) {
			t.Errorf("%q: %d words read and %d left of %d", line, len(m.path), len(m.rest), len(words))
		}
		for i, full := range m.path {
			if !strings.HasPrefix(full, words[i]) {
				t.Errorf("%q: %q read as %q", line, words[i], full)
			}
		}
		expand(line)
		explain(line)
		if len(words) > 0 && m.command == nil && m.usage() == nil {
			t.Errorf("%q: neither a command nor an error", line)
		}
	})
}

func TestParseArgs(t *testing.T) {
	for _, tt := range []struct {
		name string
		args string
		want Args
		err  string
	}{
		{"nothing", "", Args{Engine: DefaultEngine}, ""},
		{"words", "show vservers test", Args{Command: "show vservers test", Engine: DefaultEngine}, ""},
		{"flags in front", "-json -engine /x show ha", Args{Command: "show ha", Engine: "/x", JSON: true}, ""},
		{"flags behind", "show ha -json", Args{Command: "show ha", Engine: DefaultEngine, JSON: true}, ""},
		{"-c", "-c failover", Args{Command: "failover", Engine: DefaultEngine}, ""},
		{"-version", "-version", Args{Version: true, Engine: DefaultEngine}, ""},
		{"two commands", "-c failover show ha", Args{}, `two commands, "failover" and "show ha": give one`},
		{"bad flag", "-zz", Args{}, "flag provided but not defined: -zz"},
		{"help", "-h", Args{}, flag.ErrHelp.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseArgs(strings.Fields(tt.args))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// broken is an output that cannot be written, like a pipe without a reader.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputLost(t *testing.T) {
	var complaint bytes.Buffer
	c := New(fieldReport(), Options{Stdout: broken{}, Stderr: &complaint})
	if got := c.Run(t.Context(), "show vservers"); got != ExitFault {
		t.Errorf("exit code %d, want %d", got, ExitFault)
	}
	if want := "seesaw: write the answer: broken pipe\n"; complaint.String() != want {
		t.Errorf("said %q, want %q", &complaint, want)
	}
}

// deadlineEngine sees whether a call may last for ever.
type deadlineEngine struct {
	*fakeEngine
	bounded bool
}

func (d *deadlineEngine) Failover(ctx context.Context) error {
	_, d.bounded = ctx.Deadline()
	return nil
}

func TestCommandsAreBounded(t *testing.T) {
	d := &deadlineEngine{fakeEngine: fieldReport()}
	New(d, Options{Stdout: &bytes.Buffer{}}).Run(t.Context(), "failover")
	if !d.bounded {
		t.Error("the engine was asked without a deadline")
	}
}
