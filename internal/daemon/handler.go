package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// severity is glog's: it chooses the letter of the line and the files it goes to.
type severity int

const (
	sevInfo severity = iota
	sevWarning
	sevError
	sevFatal // a threshold only: nothing here is fatal
)

// String is the name in glog's file names.
func (s severity) String() string { return [...]string{"INFO", "WARNING", "ERROR", "FATAL"}[s] }

func severityOf(l slog.Level) severity {
	switch {
	case l >= slog.LevelError:
		return sevError
	case l >= slog.LevelWarn:
		return sevWarning
	}
	return sevInfo
}

// handler turns slog records into glog's line format:
//
//	I1120 15:04:05.123456    1234 file.go:42] message key=value
//
// with the file and line of the slog call. Levels below Info are glog's V levels: Debug is V(1).
type handler struct {
	out   *writer
	verb  verbosity
	attrs string // " key=value" pairs of WithAttrs, formatted
	group string // "a.b." of WithGroup
}

var _ slog.Handler = handler{}

func newHandler(out *writer, verb verbosity) handler { return handler{out: out, verb: verb} }

// Enabled implements slog.Handler.
func (h handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.verb.mayShow(l)
}

// Handle implements slog.Handler. It never blocks and never fails.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	file, line := source(r.PC)
	if r.Level < slog.LevelInfo && !h.verb.shows(r.Level, file) {
		return nil
	}
	var b strings.Builder
	appendHeader(&b, r, filepath.Base(file), line)
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.group, a)
		return true
	})
	b.WriteByte('\n')
	if h.verb.tracesAt(filepath.Base(file), line) {
		b.Write(debug.Stack())
	}
	h.out.add(severityOf(r.Level), b.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		appendAttr(&b, h.group, a)
	}
	h.attrs = b.String()
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.group += name + "."
	}
	return h
}

func source(pc uintptr) (file string, line int) {
	if pc == 0 {
		return "???", 0
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return f.File, f.Line
}

func appendHeader(b *strings.Builder, r slog.Record, file string, line int) {
	t := r.Time
	if t.IsZero() {
		t = time.Now()
	}
	fmt.Fprintf(b, "%c%s %7d %s:%d] ", severityOf(r.Level).String()[0], t.Format("0102 15:04:05.000000"), os.Getpid(), file, line)
}

// appendAttr writes " key=value", a group as one pair for each member.
func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, m := range v.Group() {
			appendAttr(b, group, m)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	b.WriteByte(' ')
	b.WriteString(group)
	b.WriteString(a.Key)
	b.WriteByte('=')
	if s := v.String(); needsQuotes(s) {
		b.WriteString(strconv.Quote(s))
	} else {
		b.WriteString(s)
	}
}

// needsQuotes reports whether s would make the line ambiguous: values may come from the network, and a
// newline in one must not forge a line of its own.
func needsQuotes(s string) bool {
	return s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return r == ' ' || r == '"' || r == '=' || !unicode.IsPrint(r)
	})
}
