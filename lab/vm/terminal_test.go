package vm

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// openTerminal opens a terminal of 30 lines of 100 characters.
func openTerminal(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return f
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := listenHere(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestListenHere: the port that is asked for, another one if it is taken.
func TestListenHere(t *testing.T) {
	want := freePort(t)
	first, err := listenHere(want)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got := first.Addr().(*net.TCPAddr); got.Port != want || !got.IP.IsLoopback() {
		t.Errorf("got %v, want 127.0.0.1:%d", got, want)
	}
	second, err := listenHere(want)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := second.Addr().(*net.TCPAddr); got.Port == want || !got.IP.IsLoopback() {
		t.Errorf("the second time: got %v, want another port", got)
	}
}

func TestAttached(t *testing.T) {
	t.Setenv("TERM", "xterm")
	terminal, port := openTerminal(t), freePort(t)
	console := []string{"-chardev", "stdio,id=terminal,signal=off", "-device", "virtconsole,chardev=terminal"}
	for _, test := range []struct {
		name        string
		job         Job
		args, env   []string
		guest, term string
	}{
		{"no terminal", Job{Forward: port, Env: []string{"A=b"}}, nil, []string{"A=b"}, "", "dumb"},
		{"no port", Job{Terminal: terminal, Env: []string{"A=b"}}, console, []string{"A=b"}, "terminal='rows 30 columns 100'\nnetwork=10.0.2.15/24\n", "xterm"},
		{
			"both", Job{Terminal: terminal, Forward: port, Env: []string{"A=b"}},
			append(console, "-netdev", fmt.Sprintf("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:%d-10.0.2.15:%d", port, port), "-device", "virtio-net-pci,netdev=net"),
			[]string{fmt.Sprintf("LAB_REACHED_AT=127.0.0.1:%d", port), fmt.Sprintf("LAB_LISTEN=10.0.2.15:%d", port), "A=b"},
			"terminal='rows 30 columns 100'\nnetwork=10.0.2.15/24\n", "xterm",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			job, args, err := test.job.attached()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.args, args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.env, job.Env); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if got := job.guestTerminal(); got != test.guest {
				t.Errorf("guest: got %q, want %q", got, test.guest)
			}
			if got := job.termName(); got != test.term {
				t.Errorf("TERM: got %q, want %q", got, test.term)
			}
		})
	}
}

// TestKeepTerminal: what a program does to the terminal is undone.
func TestKeepTerminal(t *testing.T) {
	terminal := openTerminal(t)
	echoes := func() bool {
		state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return state.Lflag&unix.ECHO != 0
	}
	restore := Job{Terminal: terminal}.keepTerminal()
	cmd := exec.Command("stty", "-echo")
	cmd.Stdin = terminal
	if out, err := cmd.CombinedOutput(); err != nil || echoes() {
		t.Fatalf("stty -echo: %v, %s", err, out)
	}
	restore()
	if !echoes() {
		t.Error("the terminal was not put back")
	}
	Job{}.keepTerminal()()
}

// TestAttachTo: a command has the terminal, and a socket on which it hears
// connections to this machine.
func TestAttachTo(t *testing.T) {
	terminal := openTerminal(t)
	cmd := exec.Command("sh", "-c", `echo "$LAB_REACHED_AT $LAB_LISTEN"; readlink /proc/self/fd/3`)
	job := Job{Terminal: terminal, Forward: freePort(t)}
	detach, err := job.attachTo(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer detach()
	if cmd.Stdin != terminal {
		t.Error("the command has not the terminal")
	}
	var out strings.Builder
	cmd.Stdout = &out
	at := fmt.Sprintf("127.0.0.1:%d", job.Forward)
	if err := cmd.Run(); err != nil || !strings.HasPrefix(out.String(), at+" fd:3\nsocket:") {
		t.Errorf("got %q, %v; want %s, fd:3 and a socket", out.String(), err, at)
	}
	socket, err := net.FileListener(cmd.ExtraFiles[0])
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	go func() {
		if c, err := socket.Accept(); err == nil {
			io.WriteString(c, "heard\n")
			c.Close()
		}
	}()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "heard\n" {
		t.Errorf("got %q, %v", line, err)
	}
}
