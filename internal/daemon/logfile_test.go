package daemon

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a hand-moved time.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func sinkAt(t *testing.T, dir string) (*fileSink, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := newFileSink("seesaw_test", dir, "")
	s.now = c.now
	t.Cleanup(s.close)
	return s, c
}

// lines returns a log file without its header.
func lines(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(b), "file:line] msg\n")
	if !ok {
		t.Fatalf("%s has no header: %q", path, b)
	}
	return after
}

func TestSeveritiesGoToTheirFiles(t *testing.T) {
	dir := t.TempDir()
	s, _ := sinkAt(t, dir)
	links := t.TempDir()
	s.linkDir = links
	if err := s.write([]entry{{sevInfo, "i\n"}, {sevError, "e\n"}, {sevWarning, "w\n"}}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, sev := range []string{"INFO", "WARNING", "ERROR"} {
		got[sev] = lines(t, filepath.Join(dir, "seesaw_test."+sev))
		if lines(t, filepath.Join(links, "seesaw_test."+sev)) != got[sev] {
			t.Errorf("link for %s in -log_link leads elsewhere", sev)
		}
	}
	want := map[string]string{"INFO": "i\ne\nw\n", "WARNING": "e\nw\n", "ERROR": "e\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	name, err := os.Readlink(filepath.Join(dir, "seesaw_test.INFO"))
	if err != nil {
		t.Fatal(err)
	}
	form := fmt.Sprintf("seesaw_test.%s.%s.log.INFO.20260301-120000.%d", hostName(), userName(), os.Getpid())
	if name != form {
		t.Errorf("file name = %s, want %s", name, form)
	}
}

func TestRotateAndPrune(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "seesaw_other.h.root.log.INFO.20200101-000000.1")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s, c := sinkAt(t, dir)
	s.maxSize = 400 // the header and a line
	for i := range 3 * keepFiles {
		if err := s.write([]entry{{sevInfo, strings.Repeat("x", 150) + fmt.Sprint(i) + "\n"}}); err != nil {
			t.Fatal(err)
		}
		c.t = c.t.Add(time.Second)
	}
	files, err := filepath.Glob(filepath.Join(dir, "seesaw_test.*.log.INFO.*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != keepFiles {
		t.Errorf("%d files kept, want %d: %v", len(files), keepFiles, files)
	}
	if newest := lines(t, filepath.Join(dir, "seesaw_test.INFO")); !strings.HasSuffix(newest, "x23\n") {
		t.Errorf("the newest file ends with %q, want the newest line", newest)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another program's file was removed: %v", err)
	}
}

func TestRotateTwiceInASecondLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s, _ := sinkAt(t, dir)
	s.maxSize = 1
	for _, text := range []string{"a\n", "b\n"} {
		if err := s.write([]entry{{sevInfo, text}}); err != nil {
			t.Fatal(err)
		}
	}
	got := lines(t, filepath.Join(dir, "seesaw_test.INFO"))
	if !strings.HasPrefix(got, "a\n") || !strings.HasSuffix(got, "b\n") {
		t.Errorf("file = %q, want both lines", got)
	}
}

func TestMissingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	s, c := sinkAt(t, dir)
	var stderr bytes.Buffer
	w := newWriter(s, &stderr, options{threshold: sevError})
	say := func(text string) string {
		stderr.Reset()
		w.write([]entry{{sevInfo, text}})
		return stderr.String()
	}
	if got := say("one\n"); !strings.HasSuffix(got, "one\n") || !strings.Contains(got, "log directory "+dir+": no such file or directory (create it") {
		t.Errorf("first line = %q, want the trouble, then the line", got)
	}
	if got := say("two\n"); got != "two\n" {
		t.Errorf("second line = %q, want it alone: the trouble is known", got)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := say("three\n"); got != "three\n" {
		t.Errorf("third line = %q, want it on standard error: too early to try again", got)
	}
	c.t = c.t.Add(retryOpen)
	if got := say("four\n"); got != "" {
		t.Errorf("standard error = %q after the directory came, want nothing", got)
	}
	if got := lines(t, filepath.Join(dir, "seesaw_test.INFO")); got != "four\n" {
		t.Errorf("file = %q, want the fourth line", got)
	}
}

// tmpfs mounts a file system of the given size on a new directory.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mount a tmpfs: %v (run as root: sudo -E go test ./internal/daemon)", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := tmpfs(t, "size=64k")
	s, _ := sinkAt(t, dir)
	var stderr bytes.Buffer
	w := newWriter(s, &stderr, options{threshold: sevFatal})
	line := strings.Repeat("x", 1023) + "\n"
	for range 200 {
		w.write([]entry{{sevInfo, line}})
	}
	got := stderr.String()
	if n := strings.Count(got, "no space left on device"); n != 1 {
		t.Errorf("the full disk is told %d times, want once:\n%.300s", n, got)
	}
	if n := strings.Count(got, line); n < 100 {
		t.Errorf("%d lines went to standard error, want those that the disk did not take", n)
	}

	// Room again: the same file goes on.
	files, _ := filepath.Glob(filepath.Join(dir, "*.log.*"))
	for _, f := range files {
		if err := os.Truncate(f, 0); err != nil {
			t.Fatal(err)
		}
	}
	stderr.Reset()
	w.write([]entry{{sevInfo, "mended\n"}})
	if stderr.Len() > 0 {
		t.Errorf("standard error = %q after there was room, want nothing", stderr.String())
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "seesaw_test.INFO")); !bytes.HasSuffix(b, []byte("mended\n")) {
		t.Errorf("the file does not end with the new line")
	}
}

func TestReadOnlyDisk(t *testing.T) {
	dir := tmpfs(t, "ro")
	s, _ := sinkAt(t, dir)
	if err := s.write([]entry{{sevInfo, "x\n"}}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("error = %v, want a read-only file system", err)
	}
}

// The whole process on a full disk: it runs to its end.
func TestProgramOnFullDisk(t *testing.T) {
	dir := tmpfs(t, "size=16k")
	c := command(t, "chatty", "-log_dir", dir, "-stderrthreshold", "FATAL")
	out, err := c.Output()
	if err != nil || string(out) != "survived\n" {
		t.Errorf("err = %v, output = %q, want a clean end", err, out)
	}
}

// stuck is a disk or a terminal that never answers.
type stuck struct{ never chan struct{} }

func (s stuck) Write([]byte) (int, error) { <-s.never; return 0, io.ErrClosedPipe }

func TestStuckOutputNeverBlocks(t *testing.T) {
	never := make(chan struct{})
	w := newWriter(nil, stuck{never}, options{toStderr: true})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		w.run(stop)
	}()
	line := strings.Repeat("x", 64<<10)
	for range 2 * queueLimit / len(line) {
		w.add(sevInfo, line)
	}
	w.mu.Lock()
	if w.dropped == 0 || w.bytes > queueLimit {
		t.Errorf("dropped = %d with %d bytes queued, want the surplus dropped", w.dropped, w.bytes)
	}
	w.mu.Unlock()
	close(never)
	close(stop)
	<-stopped
}

func TestLostLinesAreCounted(t *testing.T) {
	var b bytes.Buffer
	w := newWriter(nil, &b, options{toStderr: true})
	w.add(sevInfo, "kept\n")
	w.add(sevInfo, strings.Repeat("x", queueLimit))
	w.add(sevInfo, strings.Repeat("x", queueLimit))
	w.write(w.take())
	if got := b.String(); !strings.HasPrefix(got, "kept\n") || !strings.HasSuffix(got, "] 2 log lines lost: they came faster than they could be written\n") {
		t.Errorf("output = %.200q, want the line and the count", got)
	}
	b.Reset()
	w.write(w.take())
	if b.Len() > 0 {
		t.Errorf("output = %q, want the count only once", b.String())
	}
}

func TestWhereLinesGo(t *testing.T) {
	tests := []struct {
		name   string
		args   []string // "DIR" is replaced
		stderr string
		file   string // "" for none
	}{
		{"default", nil, "iwe", ""},
		{"files", []string{"-log_dir=DIR"}, "e", "iwe"},
		{"threshold", []string{"-log_dir=DIR", "-stderrthreshold=WARNING"}, "we", "iwe"},
		{"threshold info", []string{"-log_dir=DIR", "-stderrthreshold=INFO"}, "iwe", "iwe"},
		{"threshold fatal", []string{"-log_dir=DIR", "-stderrthreshold=3"}, "", "iwe"},
		{"also", []string{"-log_dir=DIR", "-alsologtostderr"}, "iwe", "iwe"},
		{"only standard error", []string{"-log_dir=DIR", "-logtostderr"}, "iwe", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			fs := flag.NewFlagSet("x", flag.ContinueOnError)
			addLogFlags(fs)
			t.Cleanup(func() { // glog's values are the process's
				for _, a := range []string{"-log_dir=", "-stderrthreshold=ERROR", "-alsologtostderr=false", "-logtostderr=false"} {
					_ = fs.Parse([]string{a})
				}
			})
			var args []string
			for _, a := range tt.args {
				args = append(args, strings.Replace(a, "DIR", dir, 1))
			}
			if err := fs.Parse(args); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			w := newWriter(fileSinkFor(fs, "seesaw_test"), &stderr, logOptions(fs))
			w.write([]entry{{sevInfo, "i"}, {sevWarning, "w"}, {sevError, "e"}})
			if stderr.String() != tt.stderr {
				t.Errorf("standard error = %q, want %q", stderr.String(), tt.stderr)
			}
			got := ""
			if _, err := os.Stat(filepath.Join(dir, "seesaw_test.INFO")); err == nil {
				got = lines(t, filepath.Join(dir, "seesaw_test.INFO"))
			}
			if got != tt.file {
				t.Errorf("file = %q, want %q", got, tt.file)
			}
		})
	}
}
