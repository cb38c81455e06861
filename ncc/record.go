package ncc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seesaw/ncc/plan"
)

// recordHeader is the first line of an ownership record: what it is, and the
// version of its form.
const recordHeader = "seesaw-ncc-owned 1"

// slack is how many lines more than needed a record may have before it is
// written anew.
const slack = 1000

// record is the ownership record: a journal of claims, one a line.
//
//	+name<TAB>note    this is ours from now on
//	-name             this is no longer ours
//
// It lives in /run, so that it outlives every daemon and no boot, and is never
// synced to a disk. A process killed while writing leaves a last line without
// its end, which is ignored.
type record struct {
	path string
	file *os.File
	// base is how many claims the journal began with, grown how many lines it
	// has had since.
	base, grown int
	err         error // why the record is not up to date; nil = it is
	since       time.Time
}

// openRecord reads the record and begins a new journal with what it says. A
// record that is missing is empty; one that cannot be understood is empty too,
// and the error says why.
func openRecord(path string) (plan.Owned, *record, error) {
	r := &record{path: path}
	owned, err := readRecord(path)
	return owned, r, errors.Join(err, r.rewrite(owned))
}

func readRecord(path string) (plan.Owned, error) {
	owned := plan.Owned{}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return owned, nil
	}
	if err != nil {
		return owned, fmt.Errorf("read ownership record: %w", err)
	}
	if err := parseRecord(b, owned); err != nil {
		return plan.Owned{}, fmt.Errorf("ownership record %s: %w (it begins anew)", path, err)
	}
	return owned, nil
}

// parseRecord plays a journal into owned.
func parseRecord(b []byte, owned plan.Owned) error {
	number := 0
	for line := range bytes.Lines(b) {
		number++
		text, whole := strings.CutSuffix(string(line), "\n")
		if !whole {
			return nil // torn by the end of the process that wrote it
		}
		name, note, _ := strings.Cut(text[min(1, len(text)):], "\t")
		switch {
		case number == 1 && text == recordHeader:
		case number > 1 && strings.HasPrefix(text, "+") && name != "":
			owned[name] = note
		case number > 1 && strings.HasPrefix(text, "-") && name != "":
			delete(owned, name)
		default:
			return fmt.Errorf("line %d is not understood: %q", number, text)
		}
	}
	return nil
}

// write appends claims before anyone acts on them. When that fails, or the
// journal has grown long, it is written anew from all that is owned.
func (r *record) write(now time.Time, claims []plan.Claim, all func() plan.Owned) {
	if len(claims) == 0 {
		return
	}
	r.grown += len(claims)
	if r.err == nil && r.grown <= r.base+slack && r.append(claims) == nil {
		return
	}
	r.err = r.rewrite(all())
	if r.err != nil && r.since.IsZero() {
		r.since = now
	} else if r.err == nil {
		r.since = time.Time{}
	}
}

func (r *record) append(claims []plan.Claim) error {
	var b bytes.Buffer
	for _, c := range claims {
		if c.Drop {
			fmt.Fprintf(&b, "-%s\n", c.Name)
		} else {
			fmt.Fprintf(&b, "+%s\t%s\n", c.Name, c.Note)
		}
	}
	if r.file == nil {
		return os.ErrClosed
	}
	_, err := r.file.Write(b.Bytes())
	return err
}

// rewrite replaces the journal by a new one. The old one stays until the new
// one is whole.
func (r *record) rewrite(owned plan.Owned) error {
	var b bytes.Buffer
	fmt.Fprintln(&b, recordHeader)
	for _, name := range slices.Sorted(maps.Keys(owned)) {
		fmt.Fprintf(&b, "+%s\t%s\n", name, owned[name])
	}
	r.close()
	if err := os.MkdirAll(filepath.Dir(r.path), 0o750); err != nil {
		return fmt.Errorf("make folder of ownership record: %w", err)
	}
	next := r.path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("write ownership record: %w", err)
	}
	_, err = f.Write(b.Bytes())
	if err == nil {
		err = os.Rename(next, r.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write ownership record: %w", err), f.Close())
	}
	r.file, r.base, r.grown = f, len(owned), 0
	return nil
}

// close gives the file back. The record stays as it is.
func (r *record) close() {
	if r.file != nil {
		_ = r.file.Close() // nothing is buffered
		r.file = nil
	}
}
