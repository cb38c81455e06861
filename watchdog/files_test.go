package watchdog

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// quiet returns a watchdog over temporary directories that is never run, and its log.
func quiet(t *testing.T) (*Watchdog, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	dir := t.TempDir()
	w, err := New(Config{Services: services("a"), RunDir: dir, StateDir: dir, LogDir: dir}, slog.New(slog.NewTextHandler(&b, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	return w, &b
}

func TestOutputFilesArePruned(t *testing.T) {
	w, _ := quiet(t)
	for i := range 3 * keepLogs {
		path := fmt.Sprintf("%s.20200101-0000%02d", w.logPath("a"), i)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	other := w.logPath("ab") + ".20200101-000000"
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := w.openLog(w.services["a"])
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	files, _ := filepath.Glob(w.logPath("a") + ".*")
	if len(files) != keepLogs {
		t.Errorf("%d files, want %d: %v", len(files), keepLogs, files)
	}
	if _, err := os.Stat(files[len(files)-2]); err != nil || !strings.HasSuffix(files[0], "000021") {
		t.Errorf("oldest kept = %s, want the newest ones", files[0])
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another service's file was removed: %v", err)
	}
	if target, _ := os.Readlink(w.logPath("a")); filepath.Base(f.Name()) != target {
		t.Errorf("link leads to %s, want %s", target, f.Name())
	}
}

func TestLargeOutputFilesAreEmptied(t *testing.T) {
	w, log := quiet(t)
	f, err := w.openLog(w.services["a"])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w.children["a"] = &child{}
	w.boundLogs()
	if st, _ := f.Stat(); st.Size() == 0 {
		t.Error("a small file was emptied")
	}
	if err := f.Truncate(maxLogSize + 1); err != nil { // sparse
		t.Fatal(err)
	}
	w.boundLogs()
	if st, _ := f.Stat(); st.Size() != 0 {
		t.Errorf("size = %d, want the file emptied", st.Size())
	}
	if !strings.Contains(log.String(), "output file emptied") {
		t.Errorf("nothing said: %q", log.String())
	}
}

func TestRecordRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pid")
	for _, want := range []record{{1, 0, false}, {4194303, 1 << 60, true}} {
		if err := writeRecord(path, want); err != nil {
			t.Fatal(err)
		}
		got, err := readRecord(path)
		if err != nil || got != want {
			t.Errorf("record = %+v, %v, want %+v", got, err, want)
		}
	}
	if err := writeRecord("/nonexistent/a.pid", record{}); err == nil {
		t.Error("writing nowhere gave no error")
	}
}

func TestFindChecksTheStartTime(t *testing.T) {
	w, _ := quiet(t)
	me, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		r    record
		want bool
	}{
		{"the process itself", record{os.Getpid(), me.start, true}, true},
		{"another with its number", record{os.Getpid(), me.start + 1, true}, false},
		{"gone", record{1 << 30, me.start, true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := writeRecord(w.path("a", "pid"), tt.r); err != nil {
				t.Fatal(err)
			}
			if r, ok := w.find("a"); ok != tt.want || (ok && r != tt.r) {
				t.Errorf("find = %+v, %v, want %v", r, ok, tt.want)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	const tail = " 1 2 3 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"
	for _, tt := range []struct {
		name, text string
		want       procStat
		ok         bool
	}{
		{"plain", "10 (cat) S" + tail, procStat{'S', 1, 3, 4711}, true},
		{"name with a parenthesis and spaces", "10 (a) R 9 (b) Z" + tail, procStat{'Z', 1, 3, 4711}, true},
		{"empty", "", procStat{}, false},
		{"cut", "10 (cat) S 1 2", procStat{}, false},
		{"not a number", "10 (cat) S x" + tail[2:], procStat{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStat([]byte(tt.text))
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("parseStat = %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestParseNotification(t *testing.T) {
	for _, tt := range []struct {
		text   string
		ready  bool
		status string
	}{
		{"READY=1", true, ""},
		{"READY=1\nSTATUS=up", true, "up"},
		{"STATUS=a=b\nREADY=1\n", true, "a=b"},
		{"READY=0", false, ""},
		{"STOPPING=1", false, ""},
		{"", false, ""},
		{"NOTREADY=1", false, ""},
	} {
		if ready, status := parseNotification(tt.text); ready != tt.ready || status != tt.status {
			t.Errorf("parseNotification(%q) = %v, %q, want %v, %q", tt.text, ready, status, tt.ready, tt.status)
		}
	}
}

func TestForeignNotificationIsIgnored(t *testing.T) {
	w, _ := quiet(t)
	w.children["a"] = &child{record: record{pid: 10}}
	w.machine.step(w.machine.deadline(), tick{}) // a is starting
	w.notification("a", 11, true, "")
	w.notification("b", 10, true, "")
	if w.machine.byName["a"].state != starting {
		t.Error("a foreign process made the service ready")
	}
	w.notification("a", 10, false, "loading")
	if w.machine.byName["a"].state != starting {
		t.Error("a status made the service ready")
	}
	w.notification("a", 10, true, "")
	if w.machine.byName["a"].state != ready {
		t.Error("the service is not ready after its own word")
	}
	if r, err := readRecord(w.path("a", "pid")); err != nil || !r.ready {
		t.Errorf("record = %+v, %v, want the readiness kept", r, err)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"A=1", "NOTIFY_SOCKET=/run/systemd/notify", "WATCHDOG_USEC=5", "LISTEN_FDS=3", "B="}, "/run/x")
	if diff := cmp.Diff([]string{"A=1", "B=", "NOTIFY_SOCKET=/run/x"}, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestDescribeStatus(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]string{
		0:           "exit code 0",
		3 << 8:      "exit code 3",
		9:           "killed by signal 9 (killed)",
		0x80 | 11:   "killed by signal 11 (segmentation fault), core dumped",
		0x80 | 0x06: "killed by signal 6 (aborted), core dumped",
	} {
		if got := describeStatus(status); got != want {
			t.Errorf("status %#x = %q, want %q", int(status), got, want)
		}
	}
}

func TestIdentifyUnknownCapability(t *testing.T) {
	if _, err := identify(Service{Capabilities: []string{"CAP_FLY"}}); err == nil || err.Error() != "capability CAP_FLY: unknown" {
		t.Errorf("error = %v", err)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("12\nstart 34\nready\n")
	f.Add("12\nstart 34\n")
	f.Add("-1\nstart 0\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRecord(text)
		if err != nil {
			return
		}
		if again, err := parseRecord(r.String()); err != nil || again != r {
			t.Errorf("%+v reads back as %+v, %v", r, again, err)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("10 (cat) S 1 2 3 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"))
	f.Add([]byte(") S"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = parseStat(b) })
}
