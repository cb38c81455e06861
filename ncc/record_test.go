package ncc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

func TestReadRecord(t *testing.T) {
	tests := []struct {
		name, content string
		want          plan.Owned
		err           string
	}{
		{"nothing", "", plan.Owned{}, ""},
		{"claims, notes and drops", "seesaw-ncc-owned 1\n+a b\t\n+lease eth1\teth0\n+c\t\n-c\n", plan.Owned{"a b": "", "lease eth1": "eth0"}, ""},
		{"torn", "seesaw-ncc-owned 1\n+a\t\n+serv", plan.Owned{"a": ""}, ""},
		{"torn header", "seesaw-ncc-ow", plan.Owned{}, ""},
		{"other file", "root:x:0:0\n", plan.Owned{}, `line 1 is not understood: "root:x:0:0"`},
		{"other version", "seesaw-ncc-owned 2\n+a\t\n", plan.Owned{}, `line 1 is not understood: "seesaw-ncc-owned 2"`},
		{"garbage", "seesaw-ncc-owned 1\n+a\t\n\x00\x00\n", plan.Owned{}, `line 3 is not understood: "\x00\x00"`},
		{"empty line", "seesaw-ncc-owned 1\n\n", plan.Owned{}, `line 2 is not understood: ""`},
		{"no name", "seesaw-ncc-owned 1\n+\tnote\n", plan.Owned{}, `line 2 is not understood: "+\tnote"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "owned")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, r, err := openRecord(path)
			defer r.close()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("owned (-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if again, err := readRecord(path); err != nil || !cmp.Equal(again, tt.want) {
				t.Errorf("written anew: %v, %v", again, err)
			}
		})
	}
}

// FuzzRecord: no content makes parsing fail otherwise than by an error, and
// what was understood is written and read back the same.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("seesaw-ncc-owned 1\n+a b\t\n+lease eth1\teth0\n-a b\n"))
	f.Add([]byte("seesaw-ncc-owned 1\n+a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		owned := plan.Owned{}
		if parseRecord(b, owned) != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "owned")
		r := &record{path: path}
		defer r.close()
		if err := r.rewrite(owned); err != nil {
			t.Fatal(err)
		}
		if again, err := readRecord(path); err != nil || !cmp.Equal(owned, again) {
			t.Errorf("%v read back as %v, %v", owned, again, err)
		}
	})
}

func TestRecordIsCompacted(t *testing.T) {
	path := recordIn(t)
	owned, r, err := openRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for i := range 5000 {
		name := fmt.Sprint("service ", i%3)
		claim := plan.Claim{Name: name, Drop: i%2 == 1}
		if delete(owned, name); !claim.Drop {
			owned[name] = ""
		}
		r.write(time.Time{}, []plan.Claim{claim}, func() plan.Owned { return owned })
		if i%500 == 0 {
			if got, err := readRecord(path); err != nil || !cmp.Equal(got, owned) {
				t.Fatalf("after %d: %v, %v; want %v", i, got, err, owned)
			}
		}
	}
	if b, err := os.ReadFile(path); err != nil || strings.Count(string(b), "\n") > slack+10 {
		t.Errorf("%d lines for %d claims, %v", strings.Count(string(b), "\n"), len(owned), err)
	}
}

// TestRecordThatCannotBeWritten is reported and stops nothing.
func TestRecordThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		blocked := filepath.Join(dir, "file")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r := start(t, nccfake.New(), filepath.Join(blocked, "owned"))
		report := r.apply(update())
		if !report.Node.LinkUp || len(report.Node.Problems) != 1 || report.Node.Problems[0].Object != "ownership record" {
			t.Errorf("report %+v, want a serving node with the problem", report)
		}
		r.wantLog("ownership record cannot be used", "ownership record cannot be written")
	})
}

func TestCorruptRecordStartsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "owned")
		if err := os.WriteFile(path, []byte("rubbish\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := start(t, nccfake.New(), path)
		if report := r.apply(update()); !report.Node.LinkUp || len(report.Node.Problems) != 0 {
			t.Errorf("report %+v", report)
		}
		r.wantLog("ownership record cannot be used", `line 1 is not understood`)
	})
}
