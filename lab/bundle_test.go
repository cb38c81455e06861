package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestBundleCopiesFiles(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	long := append(bytes.Repeat([]byte("x"), keepAtMost), "the end"...)
	want := map[string][]byte{
		filepath.Join(from, "a.log"):        []byte("a"),
		filepath.Join(from, "deep/b.log"):   long,
		filepath.Join(from, "deep/c.pcap0"): long,
	}
	if err := writeFiles("/", want); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.log", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]byte)
	if err := readTree(from, got); err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(to, got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	want[filepath.Join(from, "deep/b.log")] = long[len(long)-keepAtMost:]
	for name, data := range want {
		text, err := os.ReadFile(filepath.Join(to, name))
		if err != nil || !bytes.Equal(text, data) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(text), err, len(data))
		}
	}
	if err := readTree(filepath.Join(from, "absent"), got); err != nil {
		t.Errorf("a tree that does not exist: %v", err)
	}
}
