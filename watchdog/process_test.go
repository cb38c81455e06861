package watchdog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come; nothing waits for it to pass.
const patience = 30 * time.Second

// TestMain lets the test binary be a watchdog ("run-watchdog CONFIG") and a service ("run-service NAME KIND").
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "run-watchdog":
			os.Exit(runWatchdog(os.Args[2]))
		case "run-service":
			os.Exit(runService(os.Args[2], os.Args[3]))
		}
	}
	os.Exit(m.Run())
}

func runWatchdog(config string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if os.Getenv("WATCHDOG_TEST_CANCELLED") != "" {
		cancel()
	}
	var cfg Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		panic(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	w, err := New(cfg, log)
	if err == nil {
		err = w.Run(ctx)
	}
	if err != nil {
		log.Error(err.Error())
		return 1
	}
	return 0
}

// runService behaves as its kind says and reports each step to the test.
func runService(name, kind string) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	if kind == "hidden" { // gives up the lock that it inherited
		_ = syscall.Close(3)
		kind = "stubborn"
	}
	report("started", name)
	switch kind {
	case "crash":
		return 3
	case "facts":
		reportFacts(name)
	case "family":
		beget(name, "stubborn", false)
		beget(name, "stubborn", true)
	case "hides":
		beget(name, "hidden", true)
	}
	if kind != "slow" && kind != "stubborn" {
		sayReady(name)
	}
	for s := range signals {
		if s == syscall.SIGUSR1 {
			sayReady(name)
			continue
		}
		report("term", name)
		if kind != "stubborn" {
			return 0
		}
	}
	return 0
}

// beget starts a child of a service, in a session of its own or in the service's.
func beget(name, kind string, leaves bool) {
	c := exec.Command("/proc/self/exe", "run-service", name+"-child", kind)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: leaves}
	if err := c.Start(); err != nil {
		panic(err)
	}
}

func sayReady(name string) {
	report("ready", name)
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		report("error", name, err.Error())
		return
	}
	defer c.Close()
	fmt.Fprint(c, "STATUS=serving\nREADY=1")
}

func report(words ...string) {
	c, err := net.Dial("unixgram", os.Getenv("WATCHDOG_TEST_REPORT"))
	if err != nil {
		return // the test is over
	}
	defer c.Close()
	fmt.Fprintf(c, "%s %d", strings.Join(words, " "), os.Getpid())
}

// stage is one test's directories, watchdogs and reports.
type stage struct {
	t       *testing.T
	dir     string
	binary  string
	reports *net.UnixConn
	cfg     Config
	pids    map[string]bool // seen in reports
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test starts processes as other users: run it as root: sudo -E go test ./watchdog")
	}
	dir, err := os.MkdirTemp("", "wd") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &stage{t: t, dir: dir, binary: filepath.Join(dir, "service"), pids: map[string]bool{}}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "/proc/self/exe", s.binary) // where other users can execute it
	path := filepath.Join(dir, "reports")
	s.reports, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	s.cfg = Config{RunDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"), LogDir: filepath.Join(dir, "log")}
	t.Cleanup(s.killAll)
	return s
}

// killAll leaves no process of a failed test behind.
func (s *stage) killAll() {
	for pid := range s.pids {
		if n, err := strconv.Atoi(pid); err == nil && slices.Contains(holdersOf(s.binary), n) {
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
	}
	s.reports.Close()
}

// holdersOf returns the processes that execute path.
func holdersOf(path string) []int {
	return slices.DeleteFunc(processes(), func(pid int) bool {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return err != nil || strings.TrimSuffix(exe, " (deleted)") != path
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// service adds a service to the configuration.
func (s *stage) service(name, kind string, needs ...string) *Service {
	s.cfg.Services = append(s.cfg.Services, Service{
		Name: name, Binary: s.binary, Args: []string{"run-service", name, kind}, Dependencies: needs, TermTimeout: patience,
	})
	return &s.cfg.Services[len(s.cfg.Services)-1]
}

// dog is a running watchdog and its log.
type dog struct {
	*exec.Cmd
	t   *testing.T
	log *bufio.Scanner
}

func (s *stage) watchdog(env ...string) *dog {
	s.t.Helper()
	config, err := json.Marshal(s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(s.binary, "run-watchdog", string(config))
	c.Env = append(os.Environ(), "WATCHDOG_TEST_REPORT="+filepath.Join(s.dir, "reports"), "GORACE=atexit_sleep_ms=0")
	c.Env = append(c.Env, env...)
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	c.Stderr = w
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	w.Close()
	_ = r.SetReadDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait(); r.Close() })
	return &dog{Cmd: c, t: s.t, log: bufio.NewScanner(r)}
}

// says reads the watchdog's log until a line contains want.
func (d *dog) says(want string) string {
	d.t.Helper()
	var seen []string
	for d.log.Scan() {
		seen = append(seen, d.log.Text())
		if strings.Contains(d.log.Text(), want) {
			return d.log.Text()
		}
	}
	d.t.Fatalf("the watchdog's log ended without %q:\n%s", want, strings.Join(seen, "\n"))
	return ""
}

// stop sends TERM and wants a clean end.
func (d *dog) stop() {
	d.t.Helper()
	_ = d.Process.Signal(syscall.SIGTERM)
	for d.log.Scan() {
	}
	if err := d.Wait(); err != nil {
		d.t.Errorf("the watchdog ended with %v, want exit code 0", err)
	}
}

// kill ends the watchdog as a crash would.
func (d *dog) kill() {
	_ = d.Process.Kill()
	_ = d.Wait()
}

// next returns the next report, without and with its process id.
func (s *stage) next() (text string, pid int) {
	s.t.Helper()
	_ = s.reports.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	n, err := s.reports.Read(buf)
	if err != nil {
		s.t.Fatalf("no report: %v", err)
	}
	i := strings.LastIndexByte(string(buf[:n]), ' ')
	text, last := string(buf[:i]), string(buf[i+1:n])
	s.pids[last] = true
	if pid, err = strconv.Atoi(last); err != nil {
		s.t.Fatalf("report %q: %v", buf[:n], err)
	}
	return text, pid
}

// expect reads as many reports as are wanted and compares them in order; it returns the last one's process.
func (s *stage) expect(want ...string) (pid int) {
	s.t.Helper()
	for _, w := range want {
		var got string
		if got, pid = s.next(); got != w {
			s.t.Fatalf("report = %q, want %q", got, w)
		}
	}
	return pid
}

// expectSome reads as many reports as are wanted, in any order, and returns their processes.
func (s *stage) expectSome(want ...string) map[string]int {
	s.t.Helper()
	got := map[string]int{}
	for range want {
		text, pid := s.next()
		for _, taken := got[text]; taken; _, taken = got[text] {
			text += "'"
		}
		got[text] = pid
	}
	for _, w := range want {
		if got[w] == 0 {
			s.t.Fatalf("reports = %v, want %v", got, want)
		}
	}
	return got
}

// isGone waits for the end of a process.
func isGone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := pollUntil(fd, time.Now().Add(patience)); err != nil {
		t.Errorf("process %d still runs: %v", pid, err)
	}
}

func isAlive(pid int) bool {
	st, err := readStat(pid)
	return err == nil && st.state != 'Z'
}

// nothingLeft checks that no process of the test's binary is alive. Call it after the watchdog's end.
func (s *stage) nothingLeft() {
	s.t.Helper()
	for _, pid := range holdersOf(s.binary) {
		if isAlive(pid) {
			s.t.Errorf("process %d is left", pid)
		}
	}
}
