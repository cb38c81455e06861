package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	good := Job{Command: []string{"true"}, Dir: "/", Out: "/out", Cache: "/cache"}
	for _, test := range []struct {
		name   string
		change func(*Job)
		want   string
	}{
		{"good", func(*Job) {}, ""},
		{"no command", func(j *Job) { j.Command = nil }, "lab: no command"},
		{"relative", func(j *Job) { j.Dir = "x" }, `lab: "x": need an absolute path without blanks and commas`},
		{"blank", func(j *Job) { j.Out = "/a b" }, `lab: "/a b": need an absolute path without blanks and commas`},
		{"comma", func(j *Job) { j.Cache = "/a,b" }, `lab: "/a,b": need an absolute path without blanks and commas`},
		{"no value", func(j *Job) { j.Env = []string{"A"} }, `lab: environment "A": need NAME=VALUE`},
		{"bad name", func(j *Job) { j.Env = []string{"1A=x"} }, `lab: environment "1A=x": need NAME=VALUE`},
		{"no name", func(j *Job) { j.Env = []string{"=x"} }, `lab: environment "=x": need NAME=VALUE`},
		{"injection", func(j *Job) { j.Env = []string{"A;rm=x"} }, `lab: environment "A;rm=x": need NAME=VALUE`},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := good
			test.change(&j)
			got := ""
			if err := j.check(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestScript lets a shell run what a job becomes.
func TestScript(t *testing.T) {
	awkward := "it's $HOME `x` \"y\" \\ \n*"
	j := Job{Command: []string{"printf", "%s|%s|", awkward, ""}, Dir: "/proc", Env: []string{"B=" + awkward}, Out: "/o"}
	out, err := exec.Command("sh", "-c", j.script()).CombinedOutput()
	if want := awkward + "||"; err != nil || string(out) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	j.Command = []string{"sh", "-c", `pwd; echo "$B|$LAB_OUT"; exit 3`}
	out, err = exec.Command("sh", "-c", j.script()).Output()
	code, err := status(err)
	if want := "/proc\n" + awkward + "|/o\n"; err != nil || code != 3 || string(out) != want {
		t.Errorf("got %d, %q, %v; want 3, %q", code, out, err, want)
	}
	j.Dir = "/no/such/directory"
	code, err = status(exec.Command("sh", "-c", j.script()).Run())
	if err != nil || code != 125 {
		t.Errorf("absent directory: got %d, %v; want 125", code, err)
	}
}

func TestLoadOrder(t *testing.T) {
	const deps = `kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/net/9p/9pnet.ko:
kernel/fs/netfs/netfs.ko:
kernel/drivers/virtio/virtio-pci.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/ring.ko
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/ring.ko
kernel/drivers/virtio/ring.ko:
`
	for _, test := range []struct {
		name    string
		builtin string
		wanted  []string
		want    []string // base names
		err     string
	}{
		{"dependencies come first, each once", "", []string{"virtio_pci", "9p"}, []string{"ring.ko", "virtio.ko", "virtio-pci.ko", "9pnet.ko", "netfs.ko", "9p.ko"}, ""},
		{"built in", "kernel/drivers/virtio/ring.ko\nkernel/fs/overlayfs/overlay.ko\n", []string{"overlay", "virtio_pci"}, []string{"virtio.ko", "virtio-pci.ko"}, ""},
		{"absent", "", []string{"overlay"}, nil, "lab: the kernel has no module overlay"},
	} {
		t.Run(test.name, func(t *testing.T) {
			order, err := loadOrder(deps, test.builtin, test.wanted)
			var got []string
			for _, file := range order {
				got = append(got, filepath.Base(file))
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" || text != test.err {
				t.Errorf("error %q, want %q; (-want +got):\n%s", text, test.err, diff)
			}
		})
	}
}

// TestCpio compares an archive with its bytes: one file, one directory, the end.
func TestCpio(t *testing.T) {
	var b bytes.Buffer
	writeCpio(&b, []file{{name: "d", mode: dirMode | 0o755}, {name: "d/f", mode: 0o644, data: []byte("hello")}})
	zero := "00000000"
	entry := func(ino, mode, size, nameSize string) string {
		return "070701" + ino + mode + zero + zero + "00000001" + zero + size + zero + zero + zero + zero + nameSize + zero
	}
	want := entry("00000001", "000041ed", zero, "00000002") + "d\x00" +
		entry("00000002", "000081a4", "00000005", "00000004") + "d/f\x00\x00\x00" + "hello\x00\x00\x00" +
		entry("00000003", zero, zero, "0000000b") + "TRAILER!!!\x00\x00\x00\x00"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// fakeMachine puts programs of our own in the place of qemu, dpkg-query and
// busybox, and a kernel package into a cache. The fake qemu knows the paths of
// the job and the status as $job and $status, and its output port as file 3.
func fakeMachine(t *testing.T, qemu string) Job {
	t.Helper()
	dir := t.TempDir()
	bin, cache := filepath.Join(dir, "bin"), filepath.Join(dir, "cache")
	tree := filepath.Join(cache, "kernel-6.6", "lib", "modules", "6.6")
	deps := ""
	files := map[string]string{
		filepath.Join(bin, "busybox"):                          "#!/bin/sh\n",
		filepath.Join(bin, "dpkg-query"):                       "#!/bin/sh\necho install ok installed\n",
		filepath.Join(bin, "qemu-system-x86_64"):               "#!/bin/sh\nfor a; do case $a in *lab.run=*) run=${a##*lab.run=}; job=$run/job; status=$run/status;; esac; done\n" + qemu,
		filepath.Join(cache, "kernel-6.6", "boot/vmlinuz-6.6"): "",
		filepath.Join(tree, "modules.builtin"):                 "",
	}
	for _, m := range roots {
		deps += m + ".ko:\n"
		files[filepath.Join(tree, m+".ko")] = m
	}
	files[filepath.Join(tree, "modules.dep")] = deps
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("kernel-6.6", filepath.Join(cache, "kernel")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return Job{
		Command: []string{"sh", "-c", "echo hello; exit 7"}, Dir: "/", Out: filepath.Join(dir, "out"), Cache: cache,
		Output: &bytes.Buffer{}, Log: os.Stderr, Timeout: time.Minute, Memory: 64, CPUs: 1,
	}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name, qemu, output, err string
		code                    int
	}{
		{"runs the job", `sh $job >&3; echo $? >$status`, "hello\n", "", 7},
		{"panics", `echo "Kernel panic: x" >${job%/cache/*}/out/kernel.log; : >$status`, "", "without an exit status; its kernel says:\nKernel panic: x", 0},
		{"qemu fails", `echo "no such machine" >&2; exit 1`, "", "lab: qemu: exit status 1: no such machine", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			job := fakeMachine(t, test.qemu)
			code, err := Run(t.Context(), job)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if code != test.code || (err == nil) != (test.err == "") || !strings.Contains(got, test.err) {
				t.Errorf("got %d, %q; want %d, %q", code, got, test.code, test.err)
			}
			if out := job.Output.(*bytes.Buffer).String(); out != test.output {
				t.Errorf("output %q, want %q", out, test.output)
			}
			left, err := filepath.Glob(filepath.Join(job.Cache, "run-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestRunEnds kills a machine that would go on.
func TestRunEnds(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		want    string
	}{
		{"timeout", 200 * time.Millisecond, "lab: guest killed: no end within 200ms"},
		{"interrupt", time.Minute, "lab: guest killed: context canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			job := fakeMachine(t, "echo up >&3\nexec sleep 1000")
			job.Timeout = test.timeout
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.name == "interrupt" {
				job.Output = writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
			}
			_, err := Run(ctx, job)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestInitramfsIsCached makes the archive once for the same contents.
func TestInitramfsIsCached(t *testing.T) {
	job := fakeMachine(t, "")
	k, err := openKernel(job.Cache)
	if err != nil {
		t.Fatal(err)
	}
	first, err := k.initramfs(job.Cache)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.initramfs(job.Cache); err != nil || again != first {
		t.Errorf("second time %s, %v; want %s", again, err, first)
	}
	changed := filepath.Join(k.modules, k.version, "9p.ko")
	if err := os.WriteFile(changed, []byte("newer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if other, err := k.initramfs(job.Cache); err != nil || other == first {
		t.Errorf("after a change: %s, %v; want another name", other, err)
	}
	if _, err := openKernel(t.TempDir()); err == nil {
		t.Error("no error for a cache without a kernel")
	}
}
