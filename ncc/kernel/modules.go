package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

// modules makes kernel modules be there. Root is "/" but in tests.
type modules struct {
	root     string
	modprobe string // empty = look for it
}

// load loads what is neither loaded nor built in, with one run of modprobe for
// all lists of names, and returns an error for each list. The error wraps
// plan.ErrNoModule and names each module of the list that is still missing.
func (m modules) load(ctx context.Context, lists ...[]string) []error {
	errs := make([]error, len(lists))
	var wanted []string
	for i, names := range lists {
		for _, name := range names {
			if !moduleName(name) {
				errs[i] = fmt.Errorf("%q is not the name of a kernel module", name)
			}
		}
		if errs[i] == nil {
			wanted = append(wanted, names...)
		}
	}
	wanted = m.missing(wanted)
	if len(wanted) == 0 {
		return errs
	}
	said, err := m.run(ctx, wanted)
	if err == nil {
		return errs
	}
	// modprobe ends with an error if one of several failed.
	for i, names := range lists {
		if errs[i] != nil {
			continue
		}
		if missing := m.missing(names); len(missing) > 0 {
			errs[i] = noModules(missing, said)
		}
	}
	return errs
}

// isModules is true for an operation that loadModules does.
func isModules(op plan.Op) bool {
	_, ok := op.(plan.LoadModules)
	return ok
}

// loadModules carries out a run of LoadModules and puts the outcome of each
// into errs.
func (k *Kernel) loadModules(ctx context.Context, ops []plan.Op, errs []error) {
	lists := make([][]string, len(ops))
	for i, op := range ops {
		lists[i] = op.(plan.LoadModules).Names
	}
	for i, err := range k.modules.load(ctx, lists...) {
		errs[i] = explain(ops[i], err)
	}
}

// noModules is the error for modules that are missing and cannot be loaded.
func noModules(names []string, reason string) error {
	if reason != "" {
		reason = ": " + reason
	}
	return fmt.Errorf("%w: %s%s (try: modprobe -a %s; Debian has it in the package linux-image-%s)",
		plan.ErrNoModule, strings.Join(names, ", "), reason, strings.Join(names, " "), release())
}

// run executes modprobe and returns what it had to say, in one line.
func (m modules) run(ctx context.Context, names []string) (string, error) {
	program, err := m.program()
	if err != nil {
		return err.Error(), err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-a"}, names...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	said := strings.Join(strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), "; ")
	switch {
	case ctx.Err() != nil:
		said = program + " did not end in time"
	case err != nil && said == "":
		said = program + ": " + err.Error()
	}
	return said, err
}

// program finds modprobe without trusting the environment.
func (m modules) program() (string, error) {
	candidates := []string{m.modprobe}
	if m.modprobe == "" {
		// The kernel's own choice is empty on a host that forbids loading.
		b, _ := os.ReadFile(filepath.Join(m.root, "proc/sys/kernel/modprobe"))
		candidates = []string{strings.TrimSpace(string(b)), "/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe", "/usr/bin/modprobe"}
	}
	for _, c := range candidates {
		if c == "" {
			continue
		}
		if unix.Access(c, unix.X_OK) == nil {
			return c, nil
		}
	}
	return "", errors.New("there is no modprobe on this host (Debian has it in the package kmod)")
}

// missing returns those of the names that are neither loaded nor built in. A
// built-in module shows in /sys/module only if it has parameters, and a host
// without module support has no /proc/modules.
func (m modules) missing(names []string) []string {
	loaded := m.words("proc/modules", func(line string) string {
		name, _, _ := strings.Cut(line, " ")
		return name
	})
	builtin := map[string]bool(nil) // read when first needed: it is a long file
	var missing []string
	for _, name := range names {
		plain := strings.ReplaceAll(name, "-", "_")
		if loaded[plain] {
			continue
		}
		if _, err := os.Stat(filepath.Join(m.root, "sys/module", plain)); err == nil {
			continue
		}
		if builtin == nil {
			builtin = m.words("lib/modules/"+release()+"/modules.builtin", func(line string) string {
				file, _, _ := strings.Cut(filepath.Base(line), ".ko")
				return strings.ReplaceAll(file, "-", "_")
			})
		}
		if !builtin[plain] {
			missing = append(missing, name)
		}
	}
	return missing
}

// words returns what pick finds in the lines of a file; a file that is not
// there has no lines.
func (m modules) words(file string, pick func(line string) string) map[string]bool {
	set := make(map[string]bool)
	b, err := os.ReadFile(filepath.Join(m.root, file))
	if err != nil {
		return set
	}
	for line := range strings.Lines(string(b)) {
		set[pick(strings.TrimSpace(line))] = true
	}
	return set
}

// moduleName is true for what can be a module's name, and so for nothing that
// modprobe could take for an option or a path.
func moduleName(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case c == '-' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}

// release is the running kernel's (6.1.0-18-amd64).
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
