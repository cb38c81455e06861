package watchdog

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestStartsByReadinessAndStopsInReverse(t *testing.T) {
	s := newStage(t)
	s.service("c", "serve", "b")
	s.service("b", "serve", "a")
	s.service("a", "slow")
	d := s.watchdog()
	a := s.expect("started a")
	_ = syscall.Kill(a, syscall.SIGUSR1)
	s.expect("ready a", "started b", "ready b", "started c", "ready c")
	d.stop()
	s.expect("term c", "term b", "term a")
	s.nothingLeft()
	if files, _ := filepath.Glob(filepath.Join(s.cfg.RunDir, "watchdog", "*.pid")); len(files) > 0 {
		t.Errorf("pid files left: %v", files)
	}
}

func TestFirstRestartIsAtOnce(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve")
	s.service("b", "serve", "a")
	d := s.watchdog()
	a := s.expect("started a")
	s.expect("ready a", "started b", "ready b")
	_ = syscall.Kill(a, syscall.SIGKILL)
	s.expect("started a", "ready a") // and no b
	if line := d.says("service ended, restarting"); !strings.HasSuffix(line, `service=a reason="killed by signal 9 (killed)"`) {
		t.Errorf("log = %s, want no wait", line)
	}
	d.stop()
	s.expect("term b", "term a")
}

func TestCrashLoopBacksOff(t *testing.T) {
	s := newStage(t)
	s.service("a", "crash")
	d := s.watchdog()
	s.expect("started a", "started a", "started a")
	d.says(`service=a reason="exit code 3" wait=1s`)
	d.says(`service=a reason="exit code 3" wait=2s`)
	d.stop() // in the middle of the back-off
	s.nothingLeft()
}

func TestProgramThatCannotBeExecuted(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve").Binary = "/nonexistent/seesaw_a"
	s.service("b", "serve")
	d := s.watchdog()
	s.expect("started b", "ready b")
	d.says(`reason="start /nonexistent/seesaw_a: no such file or directory" wait=1s`)
	d.stop()
}

func TestStubbornServiceIsKilled(t *testing.T) {
	s := newStage(t)
	s.service("a", "stubborn").TermTimeout = 50 * time.Millisecond
	d := s.watchdog()
	a := s.expect("started a")
	_ = d.Process.Signal(syscall.SIGTERM)
	d.says(`service does not stop: killing it" service=a reason="runs 50ms after TERM"`)
	d.stop()
	isGone(t, a)
	s.nothingLeft()
}

func TestChildrenOfChildrenAreStopped(t *testing.T) {
	s := newStage(t)
	s.service("a", "family")
	d := s.watchdog()
	s.expectSome("started a", "ready a", "started a-child", "started a-child'")
	d.stop()
	s.nothingLeft()
}

// A process that has left its group and closed the lock is found at the end as our child.
func TestHiddenChildIsStopped(t *testing.T) {
	s := newStage(t)
	s.service("a", "hides")
	d := s.watchdog()
	got := s.expectSome("started a", "ready a", "started a-child")
	d.stop()
	isGone(t, got["started a-child"])
}

func TestRestartClearsWhatTheOldProcessLeft(t *testing.T) {
	s := newStage(t)
	s.service("a", "family")
	d := s.watchdog()
	first := s.expectSome("started a", "ready a", "started a-child", "started a-child'")
	_ = syscall.Kill(first["started a"], syscall.SIGKILL)
	s.expectSome("started a", "ready a", "started a-child", "started a-child'")
	for _, pid := range first {
		isGone(t, pid)
	}
	d.stop()
	s.nothingLeft()
}

func TestSecondWatchdogGivesWay(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve")
	first := s.watchdog()
	s.expect("started a", "ready a")
	second := s.watchdog()
	second.says("another watchdog is running in " + filepath.Join(s.cfg.RunDir, "watchdog") + " (stop it first)")
	if err := second.Wait(); second.ProcessState.ExitCode() != 1 {
		t.Errorf("second watchdog: %v, want exit code 1", err)
	}
	first.stop()
	s.expect("term a")
}

func TestAdoption(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(s *stage) // between the watchdogs
	}{
		{"by record", func(*stage) {}},
		{"by lock, record missing", func(s *stage) { s.eachRecord(func(path string) error { return os.Remove(path) }) }},
		{"by lock, record stale", func(s *stage) {
			s.eachRecord(func(path string) error { return writeRecord(path, record{pid: os.Getpid(), start: 1}) })
		}},
		{"by lock, record broken", func(s *stage) {
			s.eachRecord(func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.service("a", "serve")
			s.service("b", "serve", "a")
			d := s.watchdog()
			a := s.expect("started a", "ready a")
			b := s.expect("started b", "ready b")
			d.says("service is ready\" service=b")
			d.kill()
			tt.spoil(s)
			d = s.watchdog()
			d.says("found running, supervised again\" service=a")
			d.says("found running, supervised again\" service=b")
			if !isAlive(a) || !isAlive(b) {
				t.Fatal("a service did not survive the watchdog")
			}
			_ = syscall.Kill(b, syscall.SIGKILL) // its dependency's readiness was kept, or does not matter
			if n := s.expect("started b", "ready b"); n == b {
				t.Fatalf("no new process for b")
			}
			_ = syscall.Kill(a, syscall.SIGKILL)
			s.expect("started a", "ready a")
			d.stop()
			s.expect("term b", "term a")
			s.nothingLeft()
		})
	}
}

// eachRecord does something to the records of a and b.
func (s *stage) eachRecord(f func(path string) error) {
	s.t.Helper()
	for _, n := range []string{"a", "b"} {
		if err := f(filepath.Join(s.cfg.RunDir, "watchdog", n+".pid")); err != nil {
			s.t.Fatal(err)
		}
	}
}

// A service's child may hold the lock and lead a session, too: it is never taken for the service.
func TestAdoptionByLockFindsTheMainProcess(t *testing.T) {
	s := newStage(t)
	s.service("a", "family")
	d := s.watchdog()
	first := s.expectSome("started a", "ready a", "started a-child", "started a-child'")
	d.says("service is ready")
	d.kill()
	if err := os.Remove(filepath.Join(s.cfg.RunDir, "watchdog", "a.pid")); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(first["started a"], syscall.SIGKILL) // only its children are left
	isGone(t, first["started a"])
	s.watchdog()
	s.expectSome("started a", "ready a", "started a-child", "started a-child'")
	for _, pid := range first {
		isGone(t, pid)
	}
}

func TestAdoptedAreStopped(t *testing.T) {
	s := newStage(t)
	s.service("a", "family")
	d := s.watchdog()
	s.expectSome("started a", "ready a", "started a-child", "started a-child'")
	d.says("service is ready")
	d.kill()
	d = s.watchdog()
	d.says("found running")
	d.stop()
	for _, pid := range holdersOf(s.binary) {
		isGone(t, pid)
	}
}

func TestAdoptedKeepsItsReadiness(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve")
	d := s.watchdog()
	s.expect("started a", "ready a")
	d.says("service is ready")
	d.kill()
	s.service("b", "serve", "a") // new in the configuration: needs a, which will not notify again
	d = s.watchdog()
	at := time.Now()
	s.expect("started b", "ready b")
	if took := time.Since(at); took > readyLimit/2 {
		t.Errorf("b started after %v, want at once: a was ready", took)
	}
	d.stop()
}

func TestReadyTellsTheNewWatchdog(t *testing.T) {
	s := newStage(t)
	s.service("a", "slow")
	s.service("b", "serve", "a")
	d := s.watchdog()
	a := s.expect("started a")
	d.says("service started")
	d.kill()
	d = s.watchdog()
	d.says("found running")
	_ = syscall.Kill(a, syscall.SIGUSR1)
	s.expect("ready a", "started b", "ready b")
	d.stop()
}

func TestServiceNoLongerConfigured(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve")
	s.service("old", "serve")
	d := s.watchdog()
	got := s.expectSome("started a", "ready a", "started old", "ready old")
	d.says("service is ready")
	d.says("service is ready")
	d.kill()
	s.cfg.Services = s.cfg.Services[:1]
	d = s.watchdog()
	d.says(fmt.Sprintf("no longer configured is left running: stop it by hand\" service=old pid=%d", got["started old"]))
	d.says("found running")
	d.stop()
	if !isAlive(got["started old"]) {
		t.Error("the service that is not ours was stopped")
	}
	_ = syscall.Kill(got["started old"], syscall.SIGKILL)
}

func TestStopBeforeTheStart(t *testing.T) {
	s := newStage(t)
	s.service("a", "crash")
	d := s.watchdog("WATCHDOG_TEST_CANCELLED=1")
	d.says("all services have stopped")
	if err := d.Wait(); err != nil {
		t.Errorf("the watchdog ended with %v", err)
	}
	s.nothingLeft()
}

// A log directory that cannot be written costs the output, not the service.
func TestNoLogDirectory(t *testing.T) {
	s := newStage(t)
	s.cfg.LogDir = "/proc/seesaw/log"
	s.service("a", "serve")
	d := s.watchdog()
	s.expect("started a", "ready a")
	d.says("output of the service is lost")
	d.stop()
}

func TestOutputGoesToAFile(t *testing.T) {
	s := newStage(t)
	s.service("a", "facts")
	d := s.watchdog()
	s.expect("started a")
	s.next()
	s.expect("ready a")
	text, err := os.ReadFile(filepath.Join(s.cfg.LogDir, "seesaw_a.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# seesaw_a started by seesaw_watchdog at 2", "run-service a facts\n", "to standard output\n", "to standard error\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("output file has no %q:\n%s", want, text)
		}
	}
	d.stop()
}

// reportFacts tells the test how this process was started.
func reportFacts(name string) {
	fmt.Println("to standard output")
	fmt.Fprintln(os.Stderr, "to standard error")
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	facts := []string{"argv0=" + os.Args[0]}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "Uid", "Gid", "Groups", "CapEff", "CapBnd", "NoNewPrivs":
			facts = append(facts, key+"="+strings.Join(strings.Fields(value), ","))
		}
	}
	nice, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	sched, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		panic(err)
	}
	var lim unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lim)
	sid, _ := unix.Getsid(0)
	facts = append(facts, "nice="+strconv.Itoa(20-nice), fmt.Sprintf("policy=%d", sched.Policy), fmt.Sprintf("rt=%d", sched.Priority),
		fmt.Sprintf("memlock=%d", int64(lim.Cur)), fmt.Sprintf("leader=%v", sid == os.Getpid()))
	report("facts", strings.Join(facts, " "))
}

func TestPrivileges(t *testing.T) {
	const nobody = "65534,65534,65534,65534"
	netRaw := fmt.Sprintf("%016x", uint64(1)<<unix.CAP_NET_RAW)
	tests := []struct {
		name    string
		service func(*Service)
		want    map[string]string
	}{
		{"root", func(s *Service) { s.Priority = -5 },
			map[string]string{"argv0": "seesaw_a", "Uid": "0,0,0,0", "nice": "-5", "policy": "0", "NoNewPrivs": "0", "leader": "true"}},
		{"user without capabilities key", func(s *Service) { s.User = "nobody" },
			map[string]string{"Uid": nobody, "Gid": nobody, "CapEff": "0000000000000000", "NoNewPrivs": "0"}},
		{"user and group", func(s *Service) { s.User, s.Group = "nobody", "daemon" },
			map[string]string{"Uid": nobody, "Gid": "1,1,1,1"}},
		{"user with one capability", func(s *Service) {
			s.User, s.Restricted, s.Capabilities = "nobody", true, []string{"CAP_NET_RAW"}
		}, map[string]string{"Uid": nobody, "CapEff": netRaw, "CapBnd": netRaw, "NoNewPrivs": "1"}},
		{"user with none", func(s *Service) { s.User, s.Restricted = "nobody", true },
			map[string]string{"Uid": nobody, "CapEff": "0000000000000000", "CapBnd": "0000000000000000"}},
		{"restricted root", func(s *Service) { s.Restricted, s.Capabilities = true, []string{"CAP_NET_RAW"} },
			map[string]string{"Uid": "0,0,0,0", "CapEff": netRaw, "CapBnd": netRaw}},
		{"real time", func(s *Service) { s.User, s.Realtime = "nobody", true },
			map[string]string{"Uid": nobody, "policy": "2", "rt": "10", "CapEff": "0000000000000000"}},
		{"limited memory", func(s *Service) { s.MemLock = 1 << 20 }, map[string]string{"memlock": "1048576", "policy": "0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			tt.service(s.service("a", "facts"))
			d := s.watchdog()
			s.expect("started a")
			text, _ := s.next()
			got := map[string]string{}
			for _, f := range strings.Fields(text) {
				key, value, _ := strings.Cut(f, "=")
				if _, ok := tt.want[key]; ok {
					got[key] = value
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("process (-want +got):\n%s\nall: %s", diff, text)
			}
			s.expect("ready a")
			d.stop()
		})
	}
}

// Raising a limit needs CAP_SYS_RESOURCE, which a container's root may lack: then it is said, and the service
// runs all the same.
func TestUnlimitedMemory(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	mayRaise := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited) == nil
	_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old)

	s := newStage(t)
	s.service("a", "facts").MemLock = ^uint64(0)
	d := s.watchdog()
	s.expect("started a")
	text, _ := s.next()
	if got := strings.Contains(text, "memlock=-1"); got != mayRaise {
		t.Errorf("unlimited = %v, want %v: %s", got, mayRaise, text)
	}
	if !mayRaise {
		d.says("limit of locked memory not set")
	}
	s.expect("ready a")
	d.stop()
}

func TestUserThatDoesNotExist(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve").User = "no-such-user"
	s.service("b", "serve").Group = "no-such-group"
	d := s.watchdog()
	d.says(`make it with: useradd --system no-such-user`)
	d.says(`make it with: groupadd --system no-such-group`)
	d.stop()
}

func TestDirectories(t *testing.T) {
	s := newStage(t)
	s.service("a", "serve").User = "nobody"
	d := s.watchdog()
	s.expect("started a", "ready a")
	for path, want := range map[string]string{
		s.cfg.RunDir:                            "drwxr-xr-x 0",
		filepath.Join(s.cfg.RunDir, "watchdog"): "drwxr-xr-x 0",
		filepath.Join(s.cfg.RunDir, "a"):        "drwxrwx--- 65534",
		s.cfg.StateDir:                          "drwxrwxr-x 65534",
		s.cfg.LogDir:                            "drwxrwxr-x 65534",
		filepath.Join(s.cfg.RunDir, "watchdog/a.notify"): "Srw------- 65534",
	} {
		st, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fmt.Sprintf("%v %d", st.Mode(), st.Sys().(*syscall.Stat_t).Uid); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	d.stop()
}

func TestRunDirectoryThatCannotBeMade(t *testing.T) {
	s := newStage(t)
	s.cfg.RunDir = "/proc/seesaw"
	s.service("a", "serve")
	d := s.watchdog()
	d.says("make run directory: mkdir /proc/seesaw")
	if _ = d.Wait(); d.ProcessState.ExitCode() != 1 {
		t.Errorf("exit code = %d, want 1", d.ProcessState.ExitCode())
	}
}

func TestNewRefusesFaultyServices(t *testing.T) {
	if _, err := New(Config{Services: services("a:b b:a")}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a circle of dependencies was accepted")
	}
	w, err := New(Config{Services: services("a")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if w.cfg.RunDir != "/var/run/seesaw" || w.cfg.StateDir != "/var/lib/seesaw" || w.cfg.LogDir != "/var/log/seesaw" {
		t.Errorf("defaults = %+v", w.cfg)
	}
}
