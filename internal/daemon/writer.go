package daemon

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// queueLimit bounds the log text that waits for a slow disk, in bytes.
const queueLimit = 4 << 20

// options say which lines go to standard error.
type options struct {
	toStderr     bool     // all, and none to files
	alsoToStderr bool     // all, besides the files
	threshold    severity // these and worse
}

// writer takes log lines from any goroutine and writes them from its own.
//
// glog v1.2.5 writes in the caller's goroutine and ends the process on the first error: a full disk, or
// standard error redirected to one, would take down the load balancer that it was to describe; a hung disk
// would stop it. So glog parses the flags, and this writes its format: a caller only appends to memory,
// errors cost lines, never the process. Lines that the files do not take go to standard error; lines that
// nothing takes in time are counted and the count is logged.
type writer struct {
	files  *fileSink // nil: none
	stderr io.Writer
	opt    options

	mu      sync.Mutex
	pending []entry // guarded by mu
	bytes   int     // guarded by mu; text in pending
	dropped int     // guarded by mu; since the last batch

	wake chan struct{} // add sends, run receives; capacity 1, a full one is already a wake-up; never closed
}

type entry struct {
	sev  severity
	text string // whole lines
}

func newWriter(files *fileSink, stderr io.Writer, opt options) *writer {
	return &writer{files: files, stderr: stderr, opt: opt, wake: make(chan struct{}, 1)}
}

// add queues text, or drops it when the queue is full. It never blocks on anything but memory.
func (w *writer) add(sev severity, text string) {
	w.mu.Lock()
	if w.bytes+len(text) > queueLimit {
		w.dropped++
	} else {
		w.pending = append(w.pending, entry{sev, text})
		w.bytes += len(text)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes until stop is closed, then writes what is left and returns.
func (w *writer) run(stop <-chan struct{}) {
	for {
		select {
		case <-w.wake:
			w.write(w.take())
		case <-stop:
			w.write(w.take())
			if w.files != nil {
				w.files.close()
			}
			return
		}
	}
}

// take empties the queue, with a line about what was lost.
func (w *writer) take() []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch, lost := w.pending, w.dropped
	w.pending, w.bytes, w.dropped = nil, 0, 0
	if lost > 0 {
		batch = append(batch, entry{sevWarning, selfLine(sevWarning, fmt.Sprintf("%d log lines lost: they came faster than they could be written", lost))})
	}
	return batch
}

// write brings one batch to all its places.
func (w *writer) write(batch []entry) {
	if len(batch) == 0 {
		return
	}
	unwritten := w.files == nil || w.opt.toStderr
	var trouble string
	if !unwritten {
		if err := w.files.write(batch); err != nil {
			unwritten, trouble = true, w.files.describe(err)
		}
	}
	var b strings.Builder
	b.WriteString(trouble)
	for _, e := range batch {
		if unwritten || w.opt.alsoToStderr || e.sev >= w.opt.threshold {
			b.WriteString(e.text)
		}
	}
	if b.Len() > 0 {
		_, _ = io.WriteString(w.stderr, b.String()) // there is nowhere left to say that this failed
	}
}

// selfLine is a line of the logger about itself.
func selfLine(sev severity, msg string) string {
	return fmt.Sprintf("%c%s %7d writer.go:1] %s\n", sev.String()[0], time.Now().Format("0102 15:04:05.000000"), os.Getpid(), msg)
}
