package source

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"seesaw/internal/config"
)

const (
	head  = `seesaw_vip < fqdn: "vip" ipv4: "192.168.10.1/24" status: PRODUCTION > node < fqdn: "n1" ipv4: "192.168.10.2/24" status: PRODUCTION >` + "\n"
	web   = `vserver < name: "web" rp: "x" entry_address < fqdn: "web" ipv4: "192.168.36.1/24" status: PRODUCTION > vserver_entry < protocol: TCP port: 80 > >` + "\n"
	dns   = `vserver < name: "dns" rp: "x" entry_address < fqdn: "dns" ipv4: "192.168.36.2/24" status: PRODUCTION > vserver_entry < protocol: UDP port: 53 > >` + "\n"
	wrong = `vserver < name: "web" rp: "x" entry_address < fqdn: "web" ipv4: "192.168.36.300/26" status: PRODUCTION > vserver_entry < protocol: TCP port: 80 > >` + "\n"
)

// place is a source in a folder of its own.
func place(t *testing.T, file, accepted string) *Source {
	t.Helper()
	dir := t.TempDir()
	s := &Source{File: filepath.Join(dir, "etc", "cluster.pb"), Accepted: filepath.Join(dir, "lib", "cluster.pb")}
	write(t, s.File, file)
	write(t, s.Accepted, accepted)
	return s
}

// write writes a file; of an empty one only the folder is made.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if text == "" {
		return
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parsed(t *testing.T, text string) *config.Cluster {
	t.Helper()
	c, err := config.ParseCluster("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(c *config.Cluster) (list []string) {
	if c == nil {
		return nil
	}
	for _, v := range c.Vservers {
		list = append(list, v.Name)
	}
	return list
}

// fits is a node that every config fits, picky one that only a config with a
// vserver dns fits.
func fits(*config.Cluster) error { return nil }

var errPicky = errors.New("not for this node")

func picky(c *config.Cluster) error {
	if c.Vserver("dns") == nil {
		return errPicky
	}
	return nil
}

func TestBoot(t *testing.T) {
	for name, tc := range map[string]struct {
		file, accepted string
		fit            func(*config.Cluster) error
		vservers       []string
		kept           []string
		fallback       string // part of the reason
		err            []string
	}{
		"operator's file":                  {file: head + web, accepted: head + dns, vservers: []string{"web"}},
		"no accepted copy":                 {file: head + web, vservers: []string{"web"}},
		"operator's file absent":           {accepted: head + dns, vservers: []string{"dns"}, fallback: "no such file"},
		"operator's file truncated":        {file: head + web[:40], accepted: head + dns, vservers: []string{"dns"}, fallback: "cluster.pb"},
		"unknown field":                    {file: head + "colour: 5", accepted: head + dns, vservers: []string{"dns"}, fallback: "colour"},
		"not for this node":                {file: head + web, accepted: head + dns, fit: picky, vservers: []string{"dns"}, fallback: "not for this node"},
		"nothing at all":                   {err: []string{"no such file"}},
		"refused, no copy":                 {file: head + "colour: 5", err: []string{"colour"}},
		"both refused":                     {file: head + "colour: 5", accepted: "x", err: []string{"colour", "the copy of what was last accepted is no help"}},
		"neither for this node":            {file: head + web, accepted: head + web, fit: picky, err: []string{"not for this node", "no help"}},
		"faulty vserver, good copy":        {file: head + wrong + dns, accepted: head + web, vservers: []string{"dns", "web"}, kept: []string{"web"}},
		"faulty vserver, no copy":          {file: head + wrong + dns, vservers: []string{"dns"}},
		"faulty vserver, copy without it":  {file: head + wrong + dns, accepted: head + dns, vservers: []string{"dns"}},
		"faulty vserver, copy cannot read": {file: head + wrong + dns, accepted: "x", vservers: []string{"dns"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := place(t, tc.file, tc.accepted)
			if tc.fit == nil {
				tc.fit = fits
			}
			l, err := s.Boot(tc.fit)
			if len(tc.err) > 0 {
				for _, want := range tc.err {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v lacks %q", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := names(l.Cluster); !slices.Equal(got, tc.vservers) || !slices.Equal(l.Kept, tc.kept) {
				t.Errorf("vservers %v, kept %v; want %v, %v", got, l.Kept, tc.vservers, tc.kept)
			}
			if (l.Fallback != nil) != (tc.fallback != "") || l.Fallback != nil && !strings.Contains(l.Fallback.Error(), tc.fallback) {
				t.Errorf("fallback %v, want one with %q", l.Fallback, tc.fallback)
			}
			want := s.File
			if tc.fallback != "" {
				want = s.Accepted
			}
			if l.File != want {
				t.Errorf("read from %s, want %s", l.File, want)
			}
		})
	}
}

// A missing file is told apart, so that a first start can be explained.
func TestBootWithoutAnyFile(t *testing.T) {
	if _, err := place(t, "", "").Boot(fits); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

// What is in force wins over the accepted copy as the last good version.
func TestReadKeepsWhatIsInForce(t *testing.T) {
	s := place(t, head+wrong, head+strings.Replace(web, "port: 80", "port: 81", 1))
	l, err := s.Read(parsed(t, head+web))
	if err != nil {
		t.Fatal(err)
	}
	if port := l.Cluster.Vserver("web").Entries[0].Port; port != 80 {
		t.Errorf("kept the version with port %d, want 80: the one in force", port)
	}
	if _, err := (&Source{File: filepath.Join(t.TempDir(), "none")}).Read(nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

// A last good version that was saved serves again after a restart, and again.
func TestLastGoodVersionOutlivesRestarts(t *testing.T) {
	s := place(t, head+web+dns, "")
	for i, file := range []string{head + web + dns, head + wrong + dns, head + wrong + dns} {
		write(t, s.File, file)
		l, err := s.Boot(fits)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(l.Cluster); !slices.Equal(got, []string{"dns", "web"}) {
			t.Errorf("start %d: vservers %v", i, got)
		}
		if err := s.Save(l.Cluster); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSave(t *testing.T) {
	s := place(t, "", "old")
	c := parsed(t, head+web)
	if err := s.Save(c); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.Accepted)
	if err != nil {
		t.Fatal(err)
	}
	if got := parsed(t, string(text)); !proto.Equal(got.Raw, c.Raw) {
		t.Errorf("saved\n%s\nwhich is not what was in force", text)
	}
	files, err := os.ReadDir(filepath.Dir(s.Accepted))
	if err != nil || len(files) != 1 {
		t.Errorf("folder has %v (%v), want the one file", files, err)
	}
	if info, err := os.Stat(s.Accepted); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v (%v), want 0644", info.Mode(), err)
	}
}

// Whoever holds the old file open goes on reading the old one whole: it was
// replaced, not rewritten.
func TestSaveReplaces(t *testing.T) {
	s := place(t, "", strings.Repeat("old ", 1000))
	f, err := os.Open(s.Accepted)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Save(parsed(t, head)); err != nil {
		t.Fatal(err)
	}
	old := make([]byte, 5000)
	if n, _ := f.Read(old); n != 4000 || !strings.HasPrefix(string(old), "old old") {
		t.Errorf("the old file has %d bytes now", n)
	}
}

func TestSaveFails(t *testing.T) {
	s := place(t, "", "old")
	// A folder in the file's place cannot be replaced.
	s.Accepted = filepath.Dir(s.Accepted)
	if err := s.Save(parsed(t, head)); err == nil || !strings.Contains(err.Error(), "save accepted cluster config") {
		t.Errorf("got %v", err)
	}
	files, _ := filepath.Glob(s.Accepted + ".new*")
	if len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	s.Accepted = filepath.Join(s.File, "below", "a file")
	write(t, s.File, "x")
	if err := s.Save(parsed(t, head)); err == nil {
		t.Error("a folder below a file was made")
	}
}

func TestChanged(t *testing.T) {
	s := place(t, head, "")
	if !s.Changed() {
		t.Error("a file that was never read is news")
	}
	read := func() { s.Read(nil) }
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"read", read, false},
		{"written anew, the same", func() { write(t, s.File, head) }, false},
		{"written, other", func() { write(t, s.File, head+web) }, true},
		{"not read yet", func() {}, true},
		{"read", read, false},
		{"spoilt", func() { write(t, s.File, "x") }, true},
		{"read in vain", read, false},
		{"removed", func() { os.Remove(s.File) }, true},
		{"read in vain", read, false},
		{"back", func() { write(t, s.File, "x") }, true},
	} {
		step.do()
		if got := s.Changed(); got != step.want {
			t.Errorf("%s: changed %v, want %v", step.name, got, step.want)
		}
	}
}
