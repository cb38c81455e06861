package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"seesaw/internal/lb"
)

// Keys that the line editor leaves to us.
const (
	keyTab   = '\t'
	keyHelp  = '?'
	keyCtrlZ = 26
)

// Console is the terminal that a person sits at.
type Console struct {
	In, Out *os.File
	User    string // for the prompt
	Suspend func() // stops the process as Ctrl-Z should; returns when it goes on
}

// Interactive lets a person type commands until Ctrl-C, Ctrl-D, exit, quit or the end of ctx, and returns
// the exit code. The terminal is left as it was found.
func (c *CLI) Interactive(ctx context.Context, con Console) int {
	if !term.IsTerminal(int(con.In.Fd())) {
		return c.complain(usageError{"", "standard input is not a terminal: give a command (for example: seesaw show vservers; seesaw -h lists all)"})
	}
	cluster, err := c.engine.ClusterStatus(ctx)
	if err != nil {
		return c.complain(fmt.Errorf("begin a session: %w", err))
	}
	ha, err := c.engine.HAStatus(ctx)
	if err != nil {
		return c.complain(fmt.Errorf("begin a session: %w", err))
	}
	c.o.Person = true
	fmt.Fprintf(c.o.Stdout, "Seesaw CLI, engine version %s\n", cluster.Version)
	if ha.State != lb.RoleLeader {
		fmt.Fprintf(c.o.Stdout, "\nWARNING: this node is %v, not LEADER: what you change here may belong on the other node.\n", ha.State)
	}
	fmt.Fprintln(c.o.Stdout)

	keys, err := newKeyboard(ctx, con.In)
	if err != nil {
		return c.complain(err)
	}
	defer keys.close()
	s := &session{cli: c, console: con, keys: keys}
	s.editor = term.NewTerminal(s, fmt.Sprintf("%s@%s> ", con.User, cluster.Site))
	s.editor.AutoCompleteCallback = s.key
	if err := s.run(ctx); err != nil {
		return c.complain(err)
	}
	return ExitOK
}

// session is one person's session. The editor reads keys and writes through it.
type session struct {
	cli     *CLI
	console Console
	keys    *keyboard
	editor  *term.Terminal
	cooked  *term.State // the terminal as found; nil while it is so
}

func (s *session) Read(b []byte) (int, error)  { return s.keys.Read(b) }
func (s *session) Write(b []byte) (int, error) { return s.console.Out.Write(b) }

// run reads and runs lines until the person leaves.
func (s *session) run(ctx context.Context) error {
	for {
		line, err := s.readLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			// The end of input: the prompt's line is not finished yet.
			fmt.Fprintln(s.console.Out)
			return nil
		}
		switch err := s.cli.run(ctx, line); {
		case errors.Is(err, errQuit):
			return nil
		case err != nil:
			s.cli.complain(err)
		}
	}
}

// readLine reads a line in raw mode. The terminal is as it was found when it returns, so that a command runs
// in it like any other program: Ctrl-C stops it, and its lines end as they should.
func (s *session) readLine() (string, error) {
	s.raw()
	defer s.restore()
	if width, height, err := term.GetSize(int(s.console.In.Fd())); err == nil && width > 0 {
		// A width that the editor refuses leaves it with the last one.
		_ = s.editor.SetSize(width, height)
	}
	return s.editor.ReadLine()
}

// raw hands every key to us as it is typed. A terminal that refuses still reads lines.
func (s *session) raw() {
	if old, err := term.MakeRaw(int(s.console.In.Fd())); err == nil {
		s.cooked = old
	}
}

// restore leaves the terminal as it was found.
func (s *session) restore() {
	if s.cooked != nil {
		_ = term.Restore(int(s.console.In.Fd()), s.cooked)
		s.cooked = nil
	}
}

// suspend leaves the terminal to the shell until it lets us go on, then shows the line again.
func (s *session) suspend() {
	s.restore()
	s.console.Suspend()
	s.raw()
	_, _ = s.editor.Write(nil)
}

// key is called by the editor for each key that it has no use for of its own.
func (s *session) key(line string, pos int, key rune) (string, int, bool) {
	switch key {
	case keyTab:
		line = expand(line)
		return line, len(line), true
	case keyHelp:
		fmt.Fprint(s.editor, explain(line))
		line = expand(line)
		return line, len(line), true
	case keyCtrlZ:
		s.suspend()
		return line, pos, true
	}
	return "", 0, false
}
