package watchdog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Bounds of the services' output files. A daemon with -log_dir writes only errors and crashes there.
const (
	keepLogs         = 10       // files for each service
	maxLogSize       = 64 << 20 // a larger one is emptied
	logCheckInterval = time.Minute
)

// makeDirectories makes what the services need before any of them runs: RunDir, a directory for each
// service's socket, StateDir and LogDir. Only RunDir and our own directory in it are indispensable.
func (w *Watchdog) makeDirectories() error {
	for _, d := range []string{w.cfg.RunDir, w.dir()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("make run directory: %w", err)
		}
	}
	group := os.Getgid()
	if g, ok := groupID(seesawGroup); ok {
		group = int(g)
	}
	var faults []error
	for _, u := range w.machine.units {
		d := filepath.Join(w.cfg.RunDir, u.name)
		faults = append(faults, w.directory(d, w.owner(u.name), group, 0o770))
	}
	owner := w.stateOwner()
	for _, d := range []string{w.cfg.StateDir, w.cfg.LogDir} {
		st, err := os.Stat(d)
		switch {
		case errors.Is(err, os.ErrNotExist):
			faults = append(faults, w.directory(d, owner, group, 0o775))
		case err == nil && owner != 0:
			faults = append(faults, w.share(d, st, owner, group))
		}
	}
	if err := errors.Join(faults...); err != nil {
		w.log.Warn("directory not prepared", "err", err)
	}
	return nil
}

// share lets the services' group write to a directory that is there already, as
// one that root-only daemons left behind. Its owner and its other rights stay.
func (w *Watchdog) share(path string, st os.FileInfo, uid, gid int) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	const rwx = 0o070
	if ok && (int(sys.Uid) == uid || int(sys.Gid) == gid && st.Mode()&rwx == rwx) {
		return nil
	}
	if err := os.Chown(path, -1, gid); err != nil {
		return err
	}
	return os.Chmod(path, st.Mode().Perm()|rwx)
}

func (w *Watchdog) directory(path string, uid, gid int, mode os.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return err
	}
	return os.Chmod(path, mode) // MkdirAll's was cut by the umask
}

// owner is the user id of a service, ours where it has none.
func (w *Watchdog) owner(name string) int {
	id, err := identify(w.services[name])
	if err != nil || id.credential == nil {
		return os.Getuid()
	}
	return int(id.credential.Uid)
}

// stateOwner is the first unprivileged user among the services: the state directory is theirs.
func (w *Watchdog) stateOwner() int {
	for _, u := range w.machine.units {
		if uid := w.owner(u.name); uid != os.Getuid() {
			return uid
		}
	}
	return os.Getuid()
}

// openLog makes a new output file for a service, LogDir/seesaw_NAME.log.YYYYMMDD-HHMMSS, points the link
// seesaw_NAME.log at it and removes the oldest.
func (w *Watchdog) openLog(s Service) (*os.File, error) {
	link := w.logPath(s.Name)
	w.pruneLogs(link)
	now := time.Now()
	path := link + "." + now.Format("20060102-150405")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("output file: %w", err)
	}
	fmt.Fprintf(f, "# seesaw_%s started by seesaw_watchdog at %s\n# %s\n", s.Name, now.Format(time.RFC3339), strings.Join(append([]string{s.Binary}, s.Args...), " "))
	_ = os.Remove(link)
	_ = os.Symlink(filepath.Base(path), link) // a convenience
	return f, nil
}

func (w *Watchdog) logPath(service string) string {
	return filepath.Join(w.cfg.LogDir, "seesaw_"+service+".log")
}

// pruneLogs leaves room for one more file within keepLogs.
func (w *Watchdog) pruneLogs(link string) {
	entries, _ := os.ReadDir(filepath.Dir(link))
	var old []string // sorted by name, so by age
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(link)+".") {
			old = append(old, e.Name())
		}
	}
	slices.Sort(old)
	for len(old) >= keepLogs {
		_ = os.Remove(filepath.Join(filepath.Dir(link), old[0]))
		old = old[1:]
	}
}

// boundLogs empties output files that have grown too large. Services append, so they write on at the start.
func (w *Watchdog) boundLogs() {
	for name := range w.children {
		path := w.logPath(name)
		if st, err := os.Stat(path); err == nil && st.Size() > maxLogSize {
			if err := os.Truncate(path, 0); err == nil {
				w.log.Warn("output file emptied: it was too large (set -log_dir in the service's args)", "service", name, "file", path, "bytes", st.Size())
			}
		}
	}
}
