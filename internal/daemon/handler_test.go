package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// message cuts the header, which has a time, a pid and a line number.
func message(line string) string {
	_, msg, _ := strings.Cut(line, "] ")
	return msg
}

func TestHandlerFormat(t *testing.T) {
	tests := []struct {
		name string
		log  func(*slog.Logger)
		want string
	}{
		{"message", func(l *slog.Logger) { l.Info("ready") }, "ready\n"},
		{"attributes", func(l *slog.Logger) { l.Info("up", "vserver", "a@b", "n", 3, "d", 2*time.Second) }, "up vserver=a@b n=3 d=2s\n"},
		{"address", func(l *slog.Logger) { l.Info("up", "vip", netip.MustParseAddr("192.0.2.1")) }, "up vip=192.0.2.1\n"},
		{"quoted", func(l *slog.Logger) { l.Info("x", "err", errors.New("a b")) }, "x err=\"a b\"\n"},
		{"empty", func(l *slog.Logger) { l.Info("x", "s", "") }, "x s=\"\"\n"},
		{"forged line", func(l *slog.Logger) { l.Info("x", "s", "a\nE0101 forged") }, "x s=\"a\\nE0101 forged\"\n"},
		{"escape sequence", func(l *slog.Logger) { l.Info("x", "s", "\x1b[2J") }, "x s=\"\\x1b[2J\"\n"},
		{"with", func(l *slog.Logger) { l.With("a", 1).With("b", 2).Info("x", "c", 3) }, "x a=1 b=2 c=3\n"},
		{"group", func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).Info("x", "c", 3) }, "x a=1 g.b=2 g.c=3\n"},
		{"inline group", func(l *slog.Logger) { l.Info("x", slog.Group("g", "a", 1, slog.Group("", "b", 2))) }, "x g.a=1 g.b=2\n"},
		{"empty attribute", func(l *slog.Logger) { l.Info("x", slog.Attr{}) }, "x\n"},
		{"empty group name", func(l *slog.Logger) { l.WithGroup("").Info("x", "a", 1) }, "x a=1\n"},
		{"debug is hidden", func(l *slog.Logger) { l.Debug("x") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			log, flush := logger(&b, verbosity{})
			tt.log(log)
			flush()
			if diff := cmp.Diff(tt.want, message(b.String())); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandlerHeader(t *testing.T) {
	var b bytes.Buffer
	log, flush := logger(&b, verbosity{})
	log.Info("i")
	log.Warn("w")
	log.Error("e")
	flush()
	re := regexp.MustCompile(`^[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ handler_test\.go:\d+\] [iwe]$`)
	letters := ""
	for line := range strings.Lines(b.String()) {
		if !re.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("line %q does not match %v", line, re)
		}
		letters += line[:1]
	}
	if letters != "IWE" {
		t.Errorf("severities = %q, want IWE", letters)
	}
}

func TestHandlerWithoutSourceOrTime(t *testing.T) {
	var b bytes.Buffer
	out := newWriter(nil, &b, options{toStderr: true})
	_ = newHandler(out, verbosity{}).Handle(context.Background(), slog.Record{Message: "x"})
	out.write(out.take())
	if !strings.Contains(b.String(), " ???:0] x\n") || strings.HasPrefix(b.String(), "I0101 00:00:00.000000") {
		t.Errorf("line = %q, want an unknown place and today's time", b.String())
	}
}

func TestVerbosity(t *testing.T) {
	const file = "/src/seesaw/ha/vrrp/machine.go"
	tests := []struct {
		name    string
		v       int
		vmodule string
		level   slog.Level
		may     bool
		shows   bool
	}{
		{"default hides debug", 0, "", slog.LevelDebug, false, false},
		{"v1 shows debug", 1, "", slog.LevelDebug, true, true},
		{"v1 hides lower", 1, "", slog.LevelDebug - 1, false, false},
		{"v2 shows lower", 2, "", slog.LevelDebug - 1, true, true},
		{"module by base name", 0, "machine=1", slog.LevelDebug, true, true},
		{"module by pattern", 0, "mach*=1", slog.LevelDebug, true, true},
		{"another module", 0, "codec=1", slog.LevelDebug, true, false},
		{"module by path", 0, "/src/seesaw/ha/*/machine=1", slog.LevelDebug, true, true},
		{"module quiets", 1, "machine=0", slog.LevelDebug, true, false},
		{"first match decides", 0, "machine=1,mach*=0", slog.LevelDebug, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newVerbosity(tt.v, tt.vmodule, "")
			if got := v.mayShow(tt.level); got != tt.may {
				t.Errorf("mayShow = %v, want %v", got, tt.may)
			}
			if got := v.shows(tt.level, file); got != tt.shows {
				t.Errorf("shows = %v, want %v", got, tt.shows)
			}
		})
	}
}

func TestVmoduleFindsTheCaller(t *testing.T) {
	var b bytes.Buffer
	log, flush := logger(&b, newVerbosity(0, "handler_test=1", ""))
	log.With("a", 1).Debug("shown")
	flush()
	if message(b.String()) != "shown a=1\n" {
		t.Errorf("line = %q, want it shown", b.String())
	}
	b.Reset()
	log, flush = logger(&b, newVerbosity(0, "handler=1", ""))
	log.Debug("hidden")
	flush()
	if b.Len() > 0 {
		t.Errorf("line = %q, want none", b.String())
	}
}

func TestBacktraceAt(t *testing.T) {
	var b bytes.Buffer
	log, flush := logger(&b, verbosity{})
	here := func(l *slog.Logger) { l.Info("here") }
	here(log)
	flush()
	_, place, _ := strings.Cut(b.String(), "handler_test.go:")
	number, _, _ := strings.Cut(place, "]")

	b.Reset()
	log, flush = logger(&b, newVerbosity(0, "", "x.go:1,handler_test.go:"+number))
	here(log)
	flush()
	if !strings.Contains(b.String(), "TestBacktraceAt") {
		t.Errorf("no stack after the line: %q", b.String())
	}
}
