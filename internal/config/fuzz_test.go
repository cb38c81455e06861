package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// seed gives the fuzzer all files of a pattern.
func seed(f *testing.F, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// wellFormed checks an error of a parser.
func wellFormed(t *testing.T, data []byte, err error) {
	var ps Problems
	if !errors.As(err, &ps) || len(ps) == 0 {
		t.Fatalf("not a list of problems: %#v", err)
	}
	lines := strings.Count(string(data), "\n") + 1
	for _, p := range ps {
		if p.File != "f" || p.Rule == "" || p.Line < 0 || p.Line > lines || strings.Contains(p.String(), "\n") {
			t.Fatalf("a problem without a form: %#v", p)
		}
	}
	if !slices.IsSortedFunc(ps, Problem.compare) {
		t.Fatalf("not in order:\n%v", ps)
	}
}

// FuzzParseCluster reads anything, and what it accepts it writes and reads
// again to the same end.
func FuzzParseCluster(f *testing.F) {
	seed(f, "testdata/*.pb")
	seed(f, "testdata/cluster/*.pb")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCluster("f", data)
		if err != nil {
			wellFormed(t, data, err)
			return
		}
		for _, faulty := range c.Faulty {
			wellFormed(t, data, faulty.Problems)
		}
		text, err := MarshalText(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCluster("f", text)
		if err != nil {
			t.Fatalf("written and refused:\n%s\n%v", text, err)
		}
		if !slices.EqualFunc(c.Vservers, again.Vservers, (*Vserver).Equal) || len(c.Faulty) != len(again.Faulty) {
			t.Fatalf("written and read otherwise:\n%s", text)
		}
		if merged, _ := c.KeepLastGood(again); !slices.EqualFunc(c.Vservers, merged.Vservers, (*Vserver).Equal) {
			t.Fatal("a cluster changes when merged with itself")
		}
	})
}

// FuzzParseClusterBinary reads what a hostile server might send.
func FuzzParseClusterBinary(f *testing.F) {
	for _, file := range []string{"fieldreport.pb", "vservers.pb", "cluster_part.pb", "vlans.pb"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(binary(f, parse(f, string(data))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseClusterBinary("f", data); err != nil {
			wellFormed(t, nil, err)
		}
	})
}

func FuzzParseNode(f *testing.F) {
	seed(f, "testdata/*.cfg")
	seed(f, "testdata/node/*.cfg")
	seed(f, "../../etc/seesaw/seesaw.cfg.example")
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseNode("f", data)
		if err != nil {
			wellFormed(t, data, err)
			return
		}
		if n.Cluster == "" || !n.VIPs.Any() || !n.Addrs.Any() || n.VRID == 0 || n.AdvertInterval <= 0 || n.AnnounceEvery <= 0 {
			t.Fatalf("accepted: %+v", n)
		}
	})
}

func FuzzParseWatchdog(f *testing.F) {
	seed(f, "testdata/watchdog/*.cfg")
	seed(f, "../../etc/seesaw/watchdog.cfg")
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := ParseWatchdog("f", data)
		if err != nil {
			wellFormed(t, data, err)
			return
		}
		started := make(map[string]bool)
		for _, s := range w.Services {
			for _, d := range s.Dependencies {
				if !started[d] {
					t.Fatalf("%s starts before %s", s.Name, d)
				}
			}
			started[s.Name] = true
		}
	})
}
