package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"seesaw/internal/lb"
)

// screen is a pseudo-terminal with a session on it: what is typed into it, and what it shows.
type screen struct {
	t       *testing.T
	keys    *os.File // the person's side
	console *os.File // the program's side
	cancel  context.CancelFunc
	stops   chan struct{} // one value for each time the session suspends the process
	exit    chan int      // the session's exit code
	before  *term.State

	mu    sync.Mutex
	shown bytes.Buffer
	grown chan struct{} // one value at most: something was shown
}

// openPTY opens a pseudo-terminal by hand, pts(4).
func openPTY(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v (mount -t devpts devpts /dev/pts gives this machine some)", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock the pseudo-terminal: %v", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, person.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if errno != 0 {
		t.Fatalf("open the pseudo-terminal's other side: %v", errno)
	}
	program = os.NewFile(fd, "pts")
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 160}); err != nil {
		t.Fatal(err)
	}
	return person, program
}

// sit begins a session.
func sit(t *testing.T, engine *fakeEngine) *screen {
	t.Helper()
	person, program := openPTY(t)
	before, err := term.GetState(int(program.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s := &screen{
		t: t, keys: person, console: program, cancel: cancel, before: before,
		stops: make(chan struct{}, 1), exit: make(chan int, 1), grown: make(chan struct{}, 1),
	}
	go s.watch()
	c := New(engine, Options{Version: "1.0", Stdout: program, Stderr: program, Now: func() time.Time { return now }})
	go func() {
		s.exit <- c.Interactive(ctx, Console{In: program, Out: program, User: "ada", Suspend: s.suspend})
	}()
	return s
}

func (s *screen) suspend() {
	if !s.cooked() {
		s.t.Error("the terminal is raw while the process is stopped")
	}
	s.stops <- struct{}{}
}

// watch collects what is shown until the pseudo-terminal is closed.
func (s *screen) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := s.keys.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.shown.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.grown <- struct{}{}:
		default: // it is known already
		}
	}
}

func (s *screen) typed(keys string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// wait waits until want is shown, and forgets all up to it.
func (s *screen) wait(want string) string {
	s.t.Helper()
	late := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		text := s.shown.String()
		if at := strings.Index(text, want); at >= 0 {
			s.shown.Next(at + len(want))
			s.mu.Unlock()
			return text[:at+len(want)]
		}
		s.mu.Unlock()
		select {
		case <-s.grown:
		case <-late:
			s.t.Fatalf("not shown: %q\nshown: %q", want, text)
		}
	}
}

// left waits for the end of the session and checks that the terminal is as it was.
func (s *screen) left(want int) {
	s.t.Helper()
	select {
	case got := <-s.exit:
		if got != want {
			s.t.Errorf("exit code %d, want %d", got, want)
		}
	case <-time.After(10 * time.Second):
		s.t.Fatal("the session does not end")
	}
	if !s.cooked() {
		s.t.Error("the terminal is not as it was found")
	}
}

func (s *screen) cooked() bool {
	got, err := term.GetState(int(s.console.Fd()))
	if err != nil {
		s.t.Error(err)
		return false
	}
	return *got == *s.before
}

const prompt = "ada@test> "

func TestSession(t *testing.T) {
	s := sit(t, fieldReport())
	if banner := s.wait(prompt); !strings.HasPrefix(banner, "Seesaw CLI, engine version 1.0\r\n") || strings.Contains(banner, "WARNING") {
		t.Errorf("banner of a leader: %q", banner)
	}
	s.typed("sh")
	s.wait("sh")
	s.typed("\t")
	s.wait("show ")
	s.typed("v?")
	list := s.wait(prompt)
	for _, want := range []string{"version", "vlans", "vservers  ", "list vservers"} {
		if !strings.Contains(list, want) {
			t.Errorf("? after show v does not list %q: %q", want, list)
		}
	}
	s.wait("show v")
	s.typed("s\r")
	s.wait("Watermarks:  Low 0.00, High 0.00, Currently 1.00\r\n")
	s.wait(prompt)
	s.typed("bogus?")
	s.wait("Unknown command.")
	s.wait("bogus")
	s.typed("\x15show\x01x\x05 v\r") // Ctrl-U, Ctrl-A, Ctrl-E
	s.wait(`"xshow" is not known`)
	s.wait(prompt)
	s.typed("help\r")
	s.wait("Use ? for context-aware command completions.\r\n" + prompt)
	s.typed("\x04")
	s.wait("\r\n")
	s.left(ExitOK)
}

func TestWaysToLeave(t *testing.T) {
	for name, leave := range map[string]func(*screen){
		"exit":                     func(s *screen) { s.typed("exit\r") },
		"quit, shortened":          func(s *screen) { s.typed("q\r") },
		"Ctrl-C":                   func(s *screen) { s.typed("\x03") },
		"Ctrl-C within a line":     func(s *screen) { s.typed("show\x03") },
		"Ctrl-D":                   func(s *screen) { s.typed("\x04") },
		"Ctrl-D in front of words": func(s *screen) { s.typed("show\x01\x04") },
		"signal":                   func(s *screen) { s.cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			s := sit(t, fieldReport())
			s.wait(prompt)
			leave(s)
			s.left(ExitOK)
		})
	}
}

func TestSuspend(t *testing.T) {
	s := sit(t, fieldReport())
	s.wait(prompt)
	s.typed("show ha")
	s.wait("show ha")
	s.typed("\x1a")
	<-s.stops
	s.wait(prompt + "show ha")
	s.typed("\r")
	s.wait("LEADER")
	s.wait(prompt)
	s.typed("\x03")
	s.left(ExitOK)
}

func TestSessionBegins(t *testing.T) {
	t.Run("a node that does not lead", func(t *testing.T) {
		f := fieldReport()
		f.ha.State = lb.RoleBackup
		s := sit(t, f)
		if banner := s.wait(prompt); !strings.Contains(banner, "WARNING: this node is BACKUP, not LEADER") {
			t.Errorf("banner: %q", banner)
		}
		s.typed("\x03")
		s.left(ExitOK)
	})
	t.Run("no engine", func(t *testing.T) {
		s := sit(t, &fakeEngine{err: errors.New("engine does not answer")})
		s.wait("seesaw: begin a session: engine does not answer\r\n")
		s.left(ExitFault)
	})
	t.Run("no terminal", func(t *testing.T) {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		var out bytes.Buffer
		c := New(fieldReport(), Options{Stdout: &out, Stderr: &out})
		if got := c.Interactive(t.Context(), Console{In: null}); got != ExitUsage {
			t.Errorf("exit code %d, want %d", got, ExitUsage)
		}
		if want := "standard input is not a terminal"; !strings.Contains(out.String(), want) {
			t.Errorf("printed %q, want it to contain %q", &out, want)
		}
	})
}
