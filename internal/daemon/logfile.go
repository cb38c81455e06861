package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Bounds of one program's log files: at most keepFiles of each severity, each about maxFileSize.
const (
	keepFiles   = 8
	maxFileSize = 16 << 20
	retryOpen   = 5 * time.Second // a missing directory is tried again after this long
)

// fileSink writes glog's set of files: a line goes to the file of its severity and of all lower ones, named
//
//	program.host.user.log.INFO.20060102-150405.pid
//
// with a link program.INFO to the newest. Unlike glog it never falls back to /tmp, takes no error as final
// and removes old files. Used by one goroutine.
type fileSink struct {
	program, dir, linkDir string
	maxSize               int
	now                   func() time.Time

	files   [sevFatal]*logFile
	failing error // last error, told once; nil while all is well
}

// logFile is the open file of one severity.
type logFile struct {
	f    *os.File // nil: not open
	size int
	next time.Time // no attempt to open before
	err  error     // why it is not open
}

func newFileSink(program, dir, linkDir string) *fileSink {
	return &fileSink{program: program, dir: dir, linkDir: linkDir, maxSize: maxFileSize, now: time.Now}
}

// write appends the batch to its files. With an error some lines are in no file.
func (s *fileSink) write(batch []entry) error {
	var first error
	for sev := sevInfo; sev < sevFatal; sev++ {
		var b strings.Builder
		for _, e := range batch {
			if e.sev >= sev {
				b.WriteString(e.text)
			}
		}
		if b.Len() == 0 {
			continue
		}
		if err := s.append(sev, b.String()); err != nil && first == nil {
			first = err
		}
	}
	if first == nil {
		s.failing = nil
	}
	return first
}

// describe returns a line about err if it is news, else nothing: a full disk is one line, not one a batch.
func (s *fileSink) describe(err error) string {
	if s.failing != nil && s.failing.Error() == err.Error() {
		return ""
	}
	s.failing = err
	return selfLine(sevError, fmt.Sprintf("%v: logging to standard error until it is mended", err))
}

func (s *fileSink) append(sev severity, text string) error {
	if s.files[sev] == nil {
		s.files[sev] = &logFile{}
	}
	l := s.files[sev]
	if l.f != nil && l.size+len(text) > s.maxSize {
		_ = l.f.Close()
		*l = logFile{}
	}
	if l.f == nil {
		now := s.now()
		if now.Before(l.next) {
			return l.err
		}
		if err := s.open(l, sev, now); err != nil {
			l.next, l.err = now.Add(retryOpen), err
			return err
		}
	}
	n, err := l.f.WriteString(text)
	l.size += n
	if err != nil {
		return fmt.Errorf("log file in %s: %w (make room, or point -log_dir at a file system of its own)", s.dir, cause(err))
	}
	return nil
}

// cause strips the path: file names carry the time, and one trouble should read the same every time.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func (s *fileSink) open(l *logFile, sev severity, now time.Time) error {
	s.prune(sev)
	base := fmt.Sprintf("%s.%s.%s.log.%s.", s.program, hostName(), userName(), sev)
	name := fmt.Sprintf("%s%s.%d", base, now.Format("20060102-150405"), os.Getpid())
	// O_EXCL as glog has it: never follow a link that somebody else has put there.
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) { // turned over within one second: this very process made it
		f, err = os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0)
	}
	if err != nil {
		return fmt.Errorf("log directory %s: %w (create it, writable for this user)", s.dir, cause(err))
	}
	link := s.program + "." + sev.String()
	relink(name, filepath.Join(s.dir, link))
	if s.linkDir != "" {
		relink(filepath.Join(s.dir, name), filepath.Join(s.linkDir, link))
	}
	l.f, l.size = f, 0
	n, _ := fmt.Fprintf(f, "Log file created at: %s\nRunning on machine: %s\nBinary: %s, built with %s for %s/%s\n"+
		"Log line format: [IWE]mmdd hh:mm:ss.uuuuuu pid file:line] msg\n",
		now.Format("2006/01/02 15:04:05"), hostName(), BuildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	l.size += n
	return nil
}

// prune removes the oldest files of this program and severity so that one more stays within keepFiles.
func (s *fileSink) prune(sev severity) {
	old, err := filepath.Glob(filepath.Join(globEscape(s.dir), globEscape(s.program)+".*.log."+sev.String()+".*"))
	if err != nil {
		return
	}
	slices.SortFunc(old, func(a, b string) int { return strings.Compare(stamp(a), stamp(b)) })
	for len(old) >= keepFiles {
		_ = os.Remove(old[0]) // what cannot be removed is left for the operator
		old = old[1:]
	}
}

// stamp returns the time and pid part of a file name, which sorts by age.
func stamp(name string) string {
	_, after, _ := strings.Cut(filepath.Base(name), ".log.")
	return after
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func relink(target, link string) {
	_ = os.Remove(link)
	_ = os.Symlink(target, link) // a convenience: the file itself is what counts
}

func (s *fileSink) close() {
	for _, l := range s.files {
		if l != nil && l.f != nil {
			_ = l.f.Close()
		}
	}
}

// hostName is the first label of the host's name, as in glog's file names.
func hostName() string {
	h, err := os.Hostname()
	if err != nil {
		return "unknownhost"
	}
	h, _, _ = strings.Cut(h, ".")
	return h
}

// userName is the name of the user, made fit for a file name.
func userName() string {
	name := "unknownuser"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '.' || r == '\\' || r <= ' ' {
			return '_'
		}
		return r
	}, name)
}
