package ipvs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const defaultTimeout = 10 * time.Second

// Handle controls the IPVS table of one network namespace. It is safe for
// concurrent use; its calls wait for one another.
type Handle struct {
	mu     sync.Mutex // guards the conversation and closed
	conn   *conn      // its window never changes and is read without mu
	closed bool
}

// Option changes how New opens a handle.
type Option func(*options)

type options struct {
	ns      netns.NsHandle
	timeout time.Duration
}

// InNamespace opens the handle in ns instead of in the namespace of the
// calling thread. ns is needed during New only and remains the caller's to close.
func InNamespace(ns netns.NsHandle) Option {
	return func(o *options) { o.ns = ns }
}

// WithTimeout sets how long a call waits for the kernel to answer or, while
// it lists, for the next part of the answer; 10 s if not given. It does not
// bound the time that the kernel keeps the sending system call itself.
func WithTimeout(d time.Duration) Option {
	return func(o *options) { o.timeout = d }
}

// New opens a handle. The error wraps ErrNotLoaded if the kernel has no IPVS.
// (Asked for it, a kernel may load ip_vs by itself; New does not see to that.)
func New(opts ...Option) (*Handle, error) {
	o := options{ns: netns.None(), timeout: defaultTimeout}
	for _, set := range opts {
		set(&o)
	}
	if o.timeout <= 0 {
		return nil, fmt.Errorf("open ipvs: timeout %s is not positive", o.timeout)
	}
	s, err := openSocket(o.ns)
	if err != nil {
		return nil, fmt.Errorf("open ipvs: %w", err)
	}
	h, err := newHandle(newConn(s, s.receiveBuffer, o.timeout))
	if err != nil {
		s.close()
		return nil, fmt.Errorf("open ipvs: %w", err)
	}
	return h, nil
}

func newHandle(c *conn) (*Handle, error) {
	if err := c.resolve(); err != nil {
		return nil, err
	}
	return &Handle{conn: c}, nil
}

// Close waits for a call under way and closes the socket. Calls after it
// return an error that wraps os.ErrClosed; closing again does nothing.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		h.conn.link.close()
	}
	return nil
}

// NewService adds a service. EEXIST: it is there already. ENOENT: the kernel
// has no such scheduler or persistence engine.
func (h *Handle) NewService(s Service) error {
	return h.do(Request{Op: OpNewService, Service: s})
}

// UpdateService sets everything of a service but its key. ESRCH: there is no
// such service.
func (h *Handle) UpdateService(s Service) error {
	return h.do(Request{Op: OpUpdateService, Service: s})
}

// DelService removes a service and its destinations; only its key counts.
// ESRCH: there is no such service.
func (h *Handle) DelService(s Service) error {
	return h.do(Request{Op: OpDelService, Service: s})
}

// NewDestination adds a destination to a service, of which only the key
// counts. ESRCH: there is no such service. EEXIST: it has this destination.
func (h *Handle) NewDestination(s Service, d Destination) error {
	return h.do(Request{Op: OpNewDestination, Service: s, Destination: d})
}

// UpdateDestination sets everything of a destination but its address and
// port. ESRCH: there is no such service. ENOENT: it has no such destination.
func (h *Handle) UpdateDestination(s Service, d Destination) error {
	return h.do(Request{Op: OpUpdateDestination, Service: s, Destination: d})
}

// DelDestination removes a destination, of which only address and port count.
// ESRCH: there is no such service. ENOENT: it has no such destination.
func (h *Handle) DelDestination(s Service, d Destination) error {
	return h.do(Request{Op: OpDelDestination, Service: s, Destination: d})
}

// Zero sets the counters of a service and its destinations to 0. ESRCH: there
// is no such service.
func (h *Handle) Zero(s Service) error {
	return h.do(Request{Op: OpZero, Service: s})
}

// ZeroAll sets all counters of the namespace to 0.
func (h *Handle) ZeroAll() error { return h.command("zero all counters", cmdZero, nil, nil) }

// Flush removes all services and destinations of the namespace, whoever made them.
func (h *Handle) Flush() error { return h.command("flush ipvs", cmdFlush, nil, nil) }

// SetTimeouts sets the timeouts that are not 0 and leaves the others.
func (h *Handle) SetTimeouts(t Timeouts) error {
	body, err := appendTimeouts(nil, t)
	return h.command(fmt.Sprintf("set timeouts %s", t), cmdSetConfig, body, err)
}

// StartDaemon starts a sync daemon. EEXIST: one of this state runs already.
// ENODEV: there is no such interface.
func (h *Handle) StartDaemon(d Daemon) error {
	body, err := appendDaemon(nil, d)
	return h.command(fmt.Sprintf("start sync daemon %s", d), cmdNewDaemon, body, err)
}

// StopDaemon stops the sync daemon of this state. ESRCH: none runs.
func (h *Handle) StopDaemon(s DaemonState) error {
	return h.command(fmt.Sprintf("stop sync daemon %s", s), cmdDelDaemon, appendDaemonState(nil, s), nil)
}

// command sends one change that is not a [Request].
func (h *Handle) command(what string, cmd uint8, body []byte, err error) error {
	if err != nil {
		return explain(what, cmd, err)
	}
	errs := make([]error, 1)
	if err := h.transact([]request{{cmd: cmd, body: body}}, errs); err != nil {
		return explain(what, cmd, err)
	}
	return explain(what, cmd, errs[0])
}

// transact sends changes to the IPVS family.
func (h *Handle) transact(requests []request, errs []error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	for i := range requests {
		requests[i].family, requests[i].version = h.conn.family, familyVersion
	}
	return h.conn.transact(requests, errs, func(message) error { return nil })
}

// ask sends a question to the IPVS family. ENOENT means that the family's
// number is not valid (any more): ip_vs was removed and loaded again since.
func (h *Handle) ask(r request, reset func(), visit func(message) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	r.family, r.version = h.conn.family, familyVersion
	err := h.conn.ask(r, reset, visit)
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	if err := h.conn.resolve(); err != nil {
		return err
	}
	r.family = h.conn.family
	return h.conn.ask(r, reset, visit)
}
