package ipvs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// The kernel fills dump datagrams up to 32 KiB at most.
	receiveLen = 64 << 10
	// What the answer to one request may take of the socket's receive buffer,
	// bookkeeping included, with room to spare.
	answerCost = 2 << 10
	maxWindow  = 256

	dumpAttempts = 5
	// drainLimit bounds how many stale datagrams are thrown away at once.
	drainLimit = 1 << 16
)

// link carries netlink datagrams to and from the kernel: a socket, or a
// scripted kernel in tests.
type link interface {
	// send delivers messages to the kernel, all or none of them.
	send(b []byte) error
	// receive returns the next datagram's length. It returns ENOBUFS once if
	// datagrams were lost, and os.ErrDeadlineExceeded if none came in time.
	receive(b []byte, deadline time.Time) (int, error)
	close()
}

// conn is the conversation over a link: it numbers requests and gathers
// their answers. It is not safe for concurrent use.
//
// Nothing on the link is taken for an answer but by its sequence number, so a
// lost or late datagram can never be mistaken for that of another request.
type conn struct {
	link    link
	timeout time.Duration
	family  uint16 // number of the IPVS family, 0 until resolved
	window  int    // requests per transaction
	seq     uint32
	stale   bool // a request was given up: its answer may still come
	in, out []byte
}

func newConn(l link, receiveBuffer int, timeout time.Duration) *conn {
	return &conn{
		link:    l,
		timeout: timeout,
		window:  min(max(receiveBuffer/answerCost, 1), maxWindow),
		in:      make([]byte, receiveLen),
	}
}

// transact sends requests together and returns each one's own result in errs,
// which has their length. Only the last asks for an acknowledgement: the
// kernel works in order and always reports errors, so when the last is
// answered those before it have failed visibly or succeeded.
//
// visit sees the answers to the last request; its first error is that
// request's result if the kernel reported none. The returned error says that
// the conversation failed: then the results of all requests without one of
// their own are unknown.
func (c *conn) transact(requests []request, errs []error, visit func(message) error) error {
	if c.stale {
		c.drain()
	}
	c.out = c.out[:0]
	first := c.seq + 1
	for i, r := range requests {
		if i == len(requests)-1 {
			r.flags |= unix.NLM_F_ACK
		}
		c.seq++
		c.out = r.appendTo(c.out, c.seq)
	}
	if err := c.link.send(c.out); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return c.gather(first, errs, visit)
}

// gather reads until the last request since first is answered.
func (c *conn) gather(first uint32, errs []error, visit func(message) error) error {
	var (
		d        decoder
		visitErr error
		lost     bool
		last     = len(errs) - 1
		deadline = time.Now().Add(c.timeout)
	)
	for {
		n, err := c.link.receive(c.in, deadline)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			// What was not lost is queued already: no need to wait for more.
			lost, deadline = true, time.Time{}
			continue
		case err != nil:
			return c.giveUp(lost, err)
		}
		if !lost {
			deadline = time.Now().Add(c.timeout)
		}
		for m := range d.messages(c.in[:n]) {
			i := int(int32(m.seq - first))
			if i < 0 || i > last {
				continue // the late answer to a request given up before
			}
			switch {
			case !m.ends():
				if i == last && visitErr == nil {
					visitErr = visit(m)
				}
			case i < last:
				errs[i] = m.result()
			default:
				if errs[i] = m.result(); errs[i] == nil {
					errs[i] = visitErr
				}
				if lost {
					return fmt.Errorf("%w: %w", ErrAnswerLost, unix.ENOBUFS)
				}
				return nil
			}
		}
		if d.err != nil {
			return c.giveUp(lost, d.err)
		}
	}
}

// giveUp ends a transaction whose last answer did not come.
func (c *conn) giveUp(lost bool, err error) error {
	c.stale = true
	switch {
	case lost:
		err = unix.ENOBUFS
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("no answer in %s: %w", c.timeout, unix.ETIMEDOUT)
	}
	return fmt.Errorf("%w: %w", ErrAnswerLost, err)
}

// drain throws away what a request given up has left on the link. A dump
// given up must be read to its end or the kernel refuses the next one.
func (c *conn) drain() {
	for range drainLimit {
		_, err := c.link.receive(c.in, time.Time{})
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			break
		}
	}
	c.stale = false
}

// ask sends one request that changes nothing and shows its answers to visit.
// A dump that the table changed under is repeated; reset is called before each
// attempt. So is a request whose answer was lost for lack of buffers.
func (c *conn) ask(r request, reset func(), visit func(message) error) error {
	var err error
	for range dumpAttempts {
		interrupted := false
		errs := make([]error, 1)
		reset()
		err = c.transact([]request{r}, errs, func(m message) error {
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			return visit(m)
		})
		switch {
		case errors.Is(err, unix.ENOBUFS):
			continue
		case err != nil:
			return err
		case errs[0] != nil:
			return errs[0]
		case !interrupted:
			return nil
		}
		err = ErrDumpInterrupted
	}
	return fmt.Errorf("after %d attempts: %w", dumpAttempts, err)
}

// resolve asks the kernel for the number of the IPVS family.
func (c *conn) resolve() error {
	c.family = 0
	r := request{
		family:  nl.GENL_ID_CTRL,
		cmd:     nl.GENL_CTRL_CMD_GETFAMILY,
		version: nl.GENL_CTRL_VERSION,
		body:    appendString(nil, nl.GENL_CTRL_ATTR_FAMILY_NAME, familyName),
	}
	err := c.ask(r, func() {}, func(m message) error {
		var d decoder
		for typ, v := range d.attrs(m.attributes()) {
			if typ == nl.GENL_CTRL_ATTR_FAMILY_ID {
				c.family = d.u16("family number", v)
			}
		}
		return d.err
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w: %w", ErrNotLoaded, err)
	case err != nil:
		return fmt.Errorf("find netlink family %s: %w", familyName, err)
	case c.family == 0:
		return fmt.Errorf("find netlink family %s: the answer has no number", familyName)
	}
	return nil
}
