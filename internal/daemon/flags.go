package daemon

import (
	"flag"
	"log/slog"
	"strings"

	"github.com/golang/glog" // registers the log flags on flag.CommandLine; nothing is logged through it
)

// glogFlags are the flags that operators of the original know. glog parses and documents them; see
// writer.go for why glog itself does not write.
var glogFlags = []string{
	"alsologtostderr", "log_backtrace_at", "log_dir", "log_link", "logbuflevel",
	"logtostderr", "stderrthreshold", "v", "vmodule",
}

// addLogFlags puts glog's flags into fs.
func addLogFlags(fs *flag.FlagSet) {
	for _, name := range glogFlags {
		if f := flag.Lookup(name); f != nil {
			fs.Var(f.Value, name, logFlagUsage(f))
		}
	}
}

// logFlagUsage is glog's own text, corrected where we differ.
func logFlagUsage(f *flag.Flag) string {
	switch f.Name {
	case "log_dir":
		return "write log files in this directory; empty, missing or full: log to standard error"
	case "logbuflevel":
		return "accepted without effect: lines are written at once, by a goroutine of their own"
	case "v":
		return "log level for debug lines: 1 shows them"
	}
	return f.Usage
}

// logOptions reads what the flags say about where lines go.
func logOptions(fs *flag.FlagSet) options {
	return options{
		toStderr:     value[bool](fs, "logtostderr") || value[string](fs, "log_dir") == "",
		alsoToStderr: value[bool](fs, "alsologtostderr"),
		threshold:    thresholdOf(fs.Lookup("stderrthreshold")),
	}
}

// fileSinkFor returns the log files that the flags ask for, nil for none. Nothing is opened yet.
func fileSinkFor(fs *flag.FlagSet, program string) *fileSink {
	dir := value[string](fs, "log_dir")
	if dir == "" || value[bool](fs, "logtostderr") {
		return nil
	}
	return newFileSink(program, dir, value[string](fs, "log_link"))
}

// verbosityOf reads -v, -vmodule and -log_backtrace_at, which glog has checked.
func verbosityOf(fs *flag.FlagSet) verbosity {
	return newVerbosity(int(value[glog.Level](fs, "v")), text(fs, "vmodule"), text(fs, "log_backtrace_at"))
}

// thresholdOf reads the severity, which glog prints as its number.
func thresholdOf(f *flag.Flag) severity {
	switch f.Value.String() {
	case "0":
		return sevInfo
	case "1":
		return sevWarning
	case "2":
		return sevError
	}
	return sevFatal
}

// value returns a flag's typed value, the zero value where fs does not have it.
func value[T any](fs *flag.FlagSet, name string) T {
	var zero T
	f := fs.Lookup(name)
	if f == nil {
		return zero
	}
	g, ok := f.Value.(flag.Getter)
	if !ok {
		return zero
	}
	v, _ := g.Get().(T)
	return v
}

func text(fs *flag.FlagSet, name string) string {
	if f := fs.Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// obsolete is a flag of the original that has lost its meaning.
type obsolete struct {
	reason string
	isBool bool
	value  string
}

func (o *obsolete) String() string     { return o.value }
func (o *obsolete) Set(s string) error { o.value = s; return nil }
func (o *obsolete) IsBoolFlag() bool   { return o.isBool }

// Obsolete registers a flag that is accepted with any value and has no effect. When it is used, Main logs
// one line with the reason, e.g. "health is streamed, not polled".
func Obsolete(fs *flag.FlagSet, name, reason string) {
	fs.Var(&obsolete{reason: reason}, name, "accepted without effect: "+reason)
}

// ObsoleteBool is Obsolete for a flag that takes no value.
func ObsoleteBool(fs *flag.FlagSet, name, reason string) {
	fs.Var(&obsolete{reason: reason, isBool: true}, name, "accepted without effect: "+reason)
}

// sayObsolete logs one line for each obsolete flag on the command line.
func sayObsolete(fs *flag.FlagSet, log *slog.Logger) {
	fs.Visit(func(f *flag.Flag) {
		if o, ok := f.Value.(*obsolete); ok {
			log.Warn("flag has no effect any more: remove it", "flag", "-"+f.Name, "value", strings.TrimSpace(o.value), "reason", o.reason)
		}
	})
}
