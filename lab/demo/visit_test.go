//go:build demo

package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"seesaw/lab/site"
	"seesaw/lab/vm"
)

// binDir is where a node has our binaries (see lab/site).
const binDir = "/run/seesaw-bin"

// visit lets a person look at the pair, until they have seen enough. Without a
// terminal there is nobody to ask.
func (d *demo) visit(t told) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return
	}
	if where := os.Getenv(vm.ListenVariable); where != "" {
		l, err := listen(where)
		if err != nil {
			t.Errorf("status port: %v", err)
			return
		}
		defer l.Close()
		go d.forward(l)
		t.say("The leader's status port is at http://%s/metrics on your machine.", os.Getenv(vm.AtVariable))
	}
	lines := bufio.NewScanner(os.Stdin)
	for {
		fmt.Print("The pair goes on. A shell on node 1 or 2? [1, 2, q to end] ")
		if !lines.Scan() {
			return
		}
		switch strings.TrimSpace(lines.Text()) {
		case "1":
			d.shell(t, d.Nodes[0])
		case "2":
			d.shell(t, d.Nodes[1])
		case "q":
			return
		}
	}
}

// shell gives the terminal to a shell in the node, and takes it back.
func (d *demo) shell(t told, n *site.Node) {
	n.Run(t, "mkdir", "-p", "/run/lab/bin")
	n.Run(t, "ln", "-sfn", binDir+"/seesaw_cli", "/run/lab/bin/seesaw")
	t.say("Try: seesaw show vservers; seesaw failover; ipvsadm -Ln; ip -br addr; logs are in /var/log/seesaw. exit ends it.")
	c := n.Command(context.Background(), "bash", "--norc", "-i")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Dir = "/etc/seesaw"
	c.Env = append(os.Environ(), "PATH=/run/lab/bin:"+os.Getenv("PATH"), `PS1=\h:\w# `)
	c.SysProcAttr.Foreground, c.SysProcAttr.Ctty = true, int(os.Stdin.Fd())

	// In the background, which we are then, taking the terminal would stop us.
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	unix.Setpgid(0, 0) // a group that we can name, whatever process namespace we are in
	if err := c.Run(); c.ProcessState == nil {
		t.Errorf("shell on %s: %v", n.Name, err)
	}
	if err := unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, unix.Getpgrp()); err != nil {
		t.Errorf("take the terminal back: %v", err)
	}
}

// listen opens what vm.ListenVariable names.
func listen(where string) (net.Listener, error) {
	number, ok := strings.CutPrefix(where, "fd:")
	if !ok {
		return net.Listen("tcp", where)
	}
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), where)
	defer f.Close()
	return net.FileListener(f)
}

// forward joins connections with the status port of the node that leads, until
// the listener is closed.
func (d *demo) forward(l net.Listener) {
	for {
		outer, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer outer.Close()
			if err := d.join(outer.(*net.TCPConn)); err != nil {
				fmt.Fprintf(outer, "HTTP/1.0 502 Bad Gateway\r\n\r\n%v\n", err)
			}
		}()
	}
}

// join copies between a connection and the leader's status port.
func (d *demo) join(outer *net.TCPConn) error {
	now := d.leads.Now()
	if len(now) == 0 {
		return errors.New("no node leads")
	}
	var inner *net.TCPConn
	err := d.Nodes[now[0]].Do(func() error {
		c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10257})
		inner = c
		return err
	})
	if err != nil {
		return err
	}
	defer inner.Close()
	go func() {
		io.Copy(inner, outer)
		inner.CloseWrite()
	}()
	io.Copy(outer, inner)
	return nil
}
