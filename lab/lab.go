// Package lab is the topology library of the end-to-end tests: hosts that are
// namespaces on one kernel, Ethernet segments that join them, web servers, steady
// load with one definition of loss and gap, and a bundle of evidence when a test
// fails.
//
// It tests nothing itself and no production code imports it. Tests that use it
// carry the build tag "lab" and run through the lab command (see lab/cmd/lab),
// which gives them a kernel with IPVS. A package of such tests needs
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// because each host is held by the test binary started anew.
//
// A Lab and all that hangs from it belongs to one test and is used from the
// test's goroutine, unless a method says otherwise.
package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Lab is one test's topology. It ends with the test: every process in it is
// killed, every namespace is gone.
type Lab struct {
	t        testing.TB
	dir      string // logs of started processes and captures, until the test ends
	bundle   string // where they go when it has failed
	hosts    []*Host
	segments []*Segment
}

// New returns an empty topology for t. When t has failed at its end, a bundle of
// evidence is in the directory $LAB_OUT/<name of the test>.
func New(t testing.TB) *Lab {
	t.Helper()
	if os.Getenv(holderVariable) != "" {
		t.Fatal("lab: the package's TestMain must call lab.Main")
	}
	if os.Geteuid() != 0 {
		t.Fatal("lab: need root: run it with: make lab RUN=" + t.Name())
	}
	out := os.Getenv("LAB_OUT")
	if out == "" {
		t.Fatal("lab: LAB_OUT is not set: run it with: make lab RUN=" + t.Name())
	}
	l := &Lab{t: t, dir: t.TempDir(), bundle: filepath.Join(out, safeName(t.Name()))}
	if err := os.RemoveAll(l.bundle); err != nil {
		t.Fatalf("lab: remove the bundle of an earlier run: %v", err)
	}
	t.Cleanup(l.close)
	return l
}

// close writes the bundle if the test has failed, then ends everything.
func (l *Lab) close() {
	for _, s := range l.segments {
		s.StopCapture()
	}
	if l.t.Failed() {
		l.writeBundle()
	}
	for _, h := range l.hosts {
		h.kill()
	}
	for _, s := range l.segments {
		s.close()
	}
}

// safeName makes a relative path of a test's name; subtests are directories.
func safeName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"\|?*`, r) || r <= ' ' {
			return '_'
		}
		return r
	}, name)
	return filepath.Join(strings.Split(strings.ReplaceAll(clean, "..", "__"), "/")...)
}
