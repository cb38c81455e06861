package vm

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/term"
)

// A job that has a terminal and a port forwarded to it is told in these variables
// of its environment how it is reached from this machine.
const (
	// AtVariable is the address on this machine, HOST:PORT.
	AtVariable = "LAB_REACHED_AT"
	// ListenVariable is where the job listens for it: HOST:PORT of its own
	// network, or fd:NUMBER for a socket that listens already.
	ListenVariable = "LAB_LISTEN"
)

// guestAddr is what qemu's network gives its only guest.
const guestAddr = "10.0.2.15"

// listenHere finds a free port of this machine, the preferred one if possible.
func listenHere(preferred int) (*net.TCPListener, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: preferred})
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	}
	if err != nil {
		return nil, fmt.Errorf("lab: forward a port: %w", err)
	}
	return l, nil
}

// attached is the job with what else it needs for its terminal: an environment,
// and arguments of qemu.
func (j Job) attached() (Job, []string, error) {
	if j.Terminal == nil {
		return j, nil, nil
	}
	args := []string{"-chardev", "stdio,id=terminal,signal=off", "-device", "virtconsole,chardev=terminal"}
	if j.Forward == 0 {
		return j, args, nil
	}
	l, err := listenHere(j.Forward)
	if err != nil {
		return j, nil, err
	}
	at, to := l.Addr().String(), fmt.Sprintf("%s:%d", guestAddr, j.Forward)
	l.Close() // qemu listens itself
	j.Env = append([]string{AtVariable + "=" + at, ListenVariable + "=" + to}, j.Env...)
	return j, append(args, "-netdev", "user,id=net,restrict=on,hostfwd=tcp:"+at+"-"+to, "-device", "virtio-net-pci,netdev=net"), nil
}

// attachTo is attached for a command on this machine; the returned function ends it.
func (j Job) attachTo(cmd *exec.Cmd) (func(), error) {
	if j.Terminal == nil {
		return func() {}, nil
	}
	cmd.Stdin = j.Terminal
	if j.Forward == 0 {
		return func() {}, nil
	}
	l, err := listenHere(j.Forward)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	// The socket stays one of this machine, although the job has a network of its own.
	socket, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("lab: forward a port: %w", err)
	}
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Env = append(os.Environ(), AtVariable+"="+l.Addr().String(), ListenVariable+"=fd:3")
	return func() { socket.Close() }, nil
}

// termName is the kind of the job's terminal.
func (j Job) termName() string {
	if name := os.Getenv("TERM"); j.Terminal != nil && name != "" {
		return name
	}
	return "dumb"
}

// guestTerminal are the guest's lines about its terminal; "" without one.
func (j Job) guestTerminal() string {
	if j.Terminal == nil {
		return ""
	}
	columns, rows, err := term.GetSize(int(j.Terminal.Fd()))
	if err != nil {
		columns, rows = 80, 24
	}
	return fmt.Sprintf("terminal='rows %d columns %d'\nnetwork=%s/24\n", rows, columns, guestAddr)
}

// keepTerminal returns what puts the terminal back into its present state: qemu
// does so itself, unless it is killed.
func (j Job) keepTerminal() func() {
	if j.Terminal == nil {
		return func() {}
	}
	state, err := term.GetState(int(j.Terminal.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { term.Restore(int(j.Terminal.Fd()), state) }
}
