package daemon

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
)

// verbosity answers -v, -vmodule and -log_backtrace_at with glog's meaning.
type verbosity struct {
	level   int
	modules []module
	traces  []string // file.go:line
}

// module is one pattern=level of -vmodule.
type module struct {
	pattern string
	level   int
}

func newVerbosity(level int, vmodule, backtraces string) verbosity {
	v := verbosity{level: level}
	for _, m := range strings.Split(vmodule, ",") {
		pattern, text, ok := strings.Cut(m, "=")
		n, err := strconv.Atoi(text)
		if ok && err == nil {
			v.modules = append(v.modules, module{pattern, n})
		}
	}
	for _, t := range strings.Split(backtraces, ",") {
		if t != "" {
			v.traces = append(v.traces, t)
		}
	}
	return v
}

// needed returns the V level that shows a record of level l: Debug is 1, each level below one more.
func needed(l slog.Level) int { return 1 + int(slog.LevelDebug-l) }

// mayShow reports whether some file might show l, before the caller is known.
func (v verbosity) mayShow(l slog.Level) bool {
	return v.level >= needed(l) || len(v.modules) > 0
}

// shows reports whether a record of level l from source file is shown: the first matching module decides,
// else -v. A pattern with a slash is matched against the whole path without .go, others against its base.
func (v verbosity) shows(l slog.Level, file string) bool {
	file = strings.TrimSuffix(file, ".go")
	for _, m := range v.modules {
		name := file
		if !strings.Contains(m.pattern, "/") {
			name = filepath.Base(file)
		}
		if ok, _ := filepath.Match(m.pattern, name); ok {
			return m.level >= needed(l)
		}
	}
	return v.level >= needed(l)
}

// tracesAt reports whether a line logged at file:line is followed by its stack.
func (v verbosity) tracesAt(base string, line int) bool {
	if len(v.traces) == 0 {
		return false
	}
	at := base + ":" + strconv.Itoa(line)
	for _, t := range v.traces {
		if t == at {
			return true
		}
	}
	return false
}
