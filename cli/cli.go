package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Exit codes of the program.
const (
	ExitOK    = 0 // also for a list with nothing in it
	ExitFault = 1 // the engine refused or did not answer, or has no such object
	ExitUsage = 2 // the line is not a command, or has the wrong arguments
)

// commandTimeout bounds one command; reloading a large config takes the longest.
const commandTimeout = 30 * time.Second

// errQuit ends an interactive session.
var errQuit = errors.New("quit")

// Options are the surroundings of a CLI.
type Options struct {
	Version string // of this program
	JSON    bool   // print JSON in place of the layouts
	// Person says that a person reads Stderr: a line that is no command is then
	// answered with what to write instead. A script gets the original's words
	// alone.
	Person         bool
	Stdout, Stderr io.Writer
	Now            func() time.Time // the clock
}

// CLI runs commands. It is not safe for concurrent use.
type CLI struct {
	engine Engine
	o      Options
}

// New returns a CLI that asks engine.
func New(engine Engine, o Options) *CLI { return &CLI{engine, o} }

// Run runs one line and returns the exit code. The answer goes to Stdout; what went wrong goes to Stderr. An
// empty line does nothing.
func (c *CLI) Run(ctx context.Context, line string) int {
	err := c.run(ctx, line)
	if err == nil || errors.Is(err, errQuit) {
		return ExitOK
	}
	return c.complain(err)
}

func (c *CLI) run(ctx context.Context, line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	m := find(commandTable(), words)
	if err := m.usage(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return m.command.run(c, ctx, m.rest)
}

// complain tells what went wrong and returns the exit code for it.
func (c *CLI) complain(err error) int {
	var wrong usageError
	if !errors.As(err, &wrong) {
		fmt.Fprintf(c.o.Stderr, "seesaw: %v\n", err)
		return ExitFault
	}
	if wrong.headline != "" {
		fmt.Fprintln(c.o.Stderr, wrong.headline)
	}
	if wrong.headline == "" || c.o.Person {
		fmt.Fprintf(c.o.Stderr, "seesaw: %s\n", wrong.advice)
	}
	return ExitUsage
}

// emit prints an answer, in JSON or in its layout.
func (c *CLI) emit(view any, layout func(*page)) error {
	var p page
	if c.o.JSON {
		enc := json.NewEncoder(&p)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(view); err != nil {
			return fmt.Errorf("make JSON of the answer: %w", err)
		}
	} else {
		layout(&p)
	}
	if _, err := p.WriteTo(c.o.Stdout); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// page is an answer being laid out.
type page struct{ bytes.Buffer }

// line writes one line.
func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// field writes a label and its value in the two columns of the layouts.
func (p *page) field(label string, value any) { p.line("%-22s %v", "  "+label, value) }
