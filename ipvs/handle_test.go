package ipvs

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var (
	web     = Service{Address: addr("192.0.2.1"), Protocol: TCP, Port: 80, Scheduler: "wlc"}
	backend = Destination{Address: addr("10.0.0.7"), Port: 80, Forward: ForwardRoute, Weight: 1}
)

// refuse answers every command with errno.
func refuse(errno unix.Errno) func(sent) []datagram {
	return func(s sent) []datagram { return []datagram{ack(s.seq, errno)} }
}

func TestErrorsNameTheObject(t *testing.T) {
	tests := []struct {
		name  string
		errno unix.Errno
		call  func(*Handle) error
		want  string
	}{
		{"new service", unix.EEXIST, func(h *Handle) error { return h.NewService(web) },
			"add service 192.0.2.1:80/TCP: file exists (the service exists already)"},
		{"new service, scheduler", unix.ENOENT, func(h *Handle) error { return h.NewService(web) },
			"add service 192.0.2.1:80/TCP: no such file or directory (the kernel has no such scheduler or persistence engine)"},
		{"update service", unix.ESRCH, func(h *Handle) error { return h.UpdateService(web) },
			"update service 192.0.2.1:80/TCP: no such process (the service does not exist)"},
		{"delete service", unix.EPERM, func(h *Handle) error { return h.DelService(web) },
			"delete service 192.0.2.1:80/TCP: operation not permitted (CAP_NET_ADMIN is needed in this network namespace)"},
		{"new destination", unix.ESRCH, func(h *Handle) error { return h.NewDestination(web, backend) },
			"add destination 10.0.0.7:80 to 192.0.2.1:80/TCP: no such process (the service does not exist)"},
		{"new destination twice", unix.EEXIST, func(h *Handle) error { return h.NewDestination(web, backend) },
			"add destination 10.0.0.7:80 to 192.0.2.1:80/TCP: file exists (the service has this destination already)"},
		{"update destination", unix.ENOENT, func(h *Handle) error { return h.UpdateDestination(web, backend) },
			"update destination 10.0.0.7:80 of 192.0.2.1:80/TCP: no such file or directory (the service has no such destination)"},
		{"destination range", unix.ERANGE, func(h *Handle) error { return h.UpdateDestination(web, backend) },
			"update destination 10.0.0.7:80 of 192.0.2.1:80/TCP: numerical result out of range (weight above 2147483647, or lower threshold above the upper one)"},
		{"destination family", unix.EINVAL, func(h *Handle) error { return h.NewDestination(web, backend) },
			"add destination 10.0.0.7:80 to 192.0.2.1:80/TCP: invalid argument (a destination of the other address family must be a tunnel and excludes sync daemons; gue needs a port)"},
		{"delete destination", unix.EIO, func(h *Handle) error { return h.DelDestination(web, backend) },
			"delete destination 10.0.0.7:80 from 192.0.2.1:80/TCP: input/output error"},
		{"no IPv6", unix.EAFNOSUPPORT, func(h *Handle) error { return h.NewService(web) },
			"add service 192.0.2.1:80/TCP: address family not supported by protocol (the kernel's IPVS does not serve this address family)"},
		{"zero", unix.ESRCH, func(h *Handle) error { return h.Zero(web) },
			"zero counters of 192.0.2.1:80/TCP: no such process (the service does not exist)"},
		{"zero all", unix.EPERM, (*Handle).ZeroAll, "zero all counters: operation not permitted (CAP_NET_ADMIN is needed in this network namespace)"},
		{"flush", unix.EIO, (*Handle).Flush, "flush ipvs: input/output error"},
		{"timeouts", unix.EINVAL, func(h *Handle) error { return h.SetTimeouts(Timeouts{TCP: time.Second}) },
			"set timeouts tcp 1s, tcpfin 0s, udp 0s: invalid argument"},
		{"start daemon", unix.EEXIST, func(h *Handle) error { return h.StartDaemon(Daemon{State: DaemonMaster, Interface: "eth0"}) },
			"start sync daemon master on eth0, sync id 0: file exists (a daemon of this state runs already)"},
		{"start daemon, interface", unix.ENODEV, func(h *Handle) error { return h.StartDaemon(Daemon{State: DaemonMaster, Interface: "eth0"}) },
			"start sync daemon master on eth0, sync id 0: no such device (no such interface)"},
		{"stop daemon", unix.ESRCH, func(h *Handle) error { return h.StopDaemon(DaemonBackup) },
			"stop sync daemon backup: no such process (no such daemon runs)"},
		{"get service", unix.ESRCH, func(h *Handle) error { _, err := h.GetService(web); return err },
			"get service 192.0.2.1:80/TCP: no such process (the service does not exist)"},
		{"list services", unix.EPERM, func(h *Handle) error { _, err := h.ListServices(); return err },
			"list services: operation not permitted (CAP_NET_ADMIN is needed in this network namespace)"},
		{"list destinations", unix.EIO, func(h *Handle) error { _, err := h.ListDestinations(web); return err },
			"list destinations of 192.0.2.1:80/TCP: input/output error"},
		{"list daemons", unix.EIO, func(h *Handle) error { _, err := h.ListDaemons(); return err }, "list sync daemons: input/output error"},
		{"info", unix.EIO, func(h *Handle) error { _, err := h.Info(); return err }, "get ipvs info: input/output error"},
		{"get timeouts", unix.EIO, func(h *Handle) error { _, err := h.GetTimeouts(); return err }, "get timeouts: input/output error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newFake(t, &fakeKernel{respond: refuse(tt.errno)})
			err := tt.call(h)
			if !errors.Is(err, tt.errno) {
				t.Fatalf("got %v, want %v", err, tt.errno)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %q\nwant %q", err, tt.want)
			}
		})
	}
}

func TestInvalidIsNotSent(t *testing.T) {
	nobody := Service{Protocol: TCP, Port: 80}
	for name, call := range map[string]func(*Handle) error{
		"add service":       func(h *Handle) error { return h.NewService(nobody) },
		"delete service":    func(h *Handle) error { return h.DelService(nobody) },
		"add destination":   func(h *Handle) error { return h.NewDestination(web, Destination{}) },
		"get service":       func(h *Handle) error { _, err := h.GetService(nobody); return err },
		"list destinations": func(h *Handle) error { _, err := h.ListDestinations(nobody); return err },
		"set timeouts":      func(h *Handle) error { return h.SetTimeouts(Timeouts{TCP: -1}) },
		"start sync daemon": func(h *Handle) error { return h.StartDaemon(Daemon{}) },
		"operation(0)":      func(h *Handle) error { return h.Do([]Request{{}})[0] },
	} {
		t.Run(name, func(t *testing.T) {
			k := &fakeKernel{}
			err := call(newFake(t, k))
			if !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), name) {
				t.Errorf("got %v, want EINVAL of %q", err, name)
			}
			if got := k.commands(); got != nil {
				t.Errorf("sent commands %v", got)
			}
		})
	}
}

func TestClose(t *testing.T) {
	k := &fakeKernel{}
	h := newFake(t, k)
	for range 2 {
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if k.closed != 1 {
		t.Errorf("socket closed %d times, want once", k.closed)
	}
	if err := h.NewService(web); !errors.Is(err, os.ErrClosed) {
		t.Errorf("NewService: got %v, want os.ErrClosed", err)
	}
	if _, err := h.ListServices(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ListServices: got %v, want os.ErrClosed", err)
	}
}

func TestDoGroupsAndKeepsErrorsApart(t *testing.T) {
	k := &fakeKernel{respond: func(s sent) []datagram {
		switch {
		case s.cmd == cmdDelService:
			return []datagram{ack(s.seq, unix.ESRCH)}
		case s.flags&unix.NLM_F_ACK != 0:
			return []datagram{ack(s.seq, 0)}
		}
		return nil
	}}
	h := newFake(t, k)
	errs := h.Do([]Request{
		{Op: OpNewService, Service: web},
		{Op: OpDelService, Service: web},
		{Op: OpNewService}, // no address
		{Op: OpNewDestination, Service: web, Destination: backend},
		{Op: OpUpdateService, Service: web},
		{Op: OpDelService, Service: web}, // last of its group
	})
	want := []error{nil, unix.ESRCH, unix.EINVAL, nil, nil, unix.ESRCH}
	if len(errs) != len(want) {
		t.Fatalf("%d errors, want %d", len(errs), len(want))
	}
	for i := range want {
		if !errors.Is(errs[i], want[i]) {
			t.Errorf("request %d: got %v, want %v", i, errs[i], want[i])
		}
	}
	groups := [][]uint8{{cmdNewService, cmdDelService, cmdNewDest}, {cmdSetService, cmdDelService}}
	if diff := cmp.Diff(groups, k.commands()); diff != "" {
		t.Errorf("commands by write (-want +got):\n%s", diff)
	}
	if got := h.Do(nil); len(got) != 0 {
		t.Errorf("Do(nil) returned %v", got)
	}
}

func TestDoAllInvalid(t *testing.T) {
	errs := newFake(t, &fakeKernel{}).Do([]Request{{Op: OpNewService}, {Op: 99}})
	for i, err := range errs {
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("request %d: got %v, want EINVAL", i, err)
		}
	}
}

// TestDoOverrun loses the answers of the first group; its own error is kept,
// the others are unknown, and the next group is not affected.
func TestDoOverrun(t *testing.T) {
	for name, lostAck := range map[string]bool{"last answer arrives": false, "last answer lost": true} {
		t.Run(name, func(t *testing.T) {
			n := 0
			k := &fakeKernel{respond: func(s sent) []datagram {
				n++
				switch {
				case n == 1:
					return []datagram{ack(s.seq, unix.EEXIST), {err: unix.ENOBUFS}}
				case n == 4 && lostAck:
					return nil
				case n == 5 && lostAck:
					// The stale answer comes late.
					return []datagram{ack(s.seq-1, unix.EIO)}
				case s.flags&unix.NLM_F_ACK != 0:
					return []datagram{ack(s.seq, 0)}
				}
				return nil
			}}
			h := newFake(t, k)
			errs := h.Do(repeat(Request{Op: OpNewService, Service: web}, 6))
			want := []error{unix.EEXIST, ErrAnswerLost, ErrAnswerLost, ErrAnswerLost, nil, nil}
			for i := range want {
				if !errors.Is(errs[i], want[i]) {
					t.Errorf("request %d: got %v, want %v", i, errs[i], want[i])
				}
				if want[i] == ErrAnswerLost && !errors.Is(errs[i], unix.ENOBUFS) {
					t.Errorf("request %d: %v is not ENOBUFS", i, errs[i])
				}
			}
			if err := h.NewService(web); err != nil {
				t.Errorf("the handle is out of step: %v", err)
			}
		})
	}
}

func repeat(r Request, n int) []Request {
	var all []Request
	for range n {
		all = append(all, r)
	}
	return all
}

func TestDoStopsWhenNothingAnswers(t *testing.T) {
	silent := true
	k := &fakeKernel{}
	k.respond = func(s sent) []datagram {
		if silent || s.flags&unix.NLM_F_ACK == 0 {
			return nil
		}
		return []datagram{ack(s.seq, 0)}
	}
	h := newFake(t, k)
	errs := h.Do(repeat(Request{Op: OpDelService, Service: web}, 6))
	for i, err := range errs {
		want := ErrAnswerLost
		if i >= 4 {
			want = ErrNotSent
		}
		if !errors.Is(err, want) || !errors.Is(err, unix.ETIMEDOUT) {
			t.Errorf("request %d: got %v, want %v", i, err, want)
		}
	}
	if got := len(k.commands()); got != 1 {
		t.Errorf("%d groups sent, want 1", got)
	}
	// The late answer of the lost request is thrown away before the next.
	k.queue = append(k.queue, ack(h.conn.seq, unix.EIO), datagram{err: unix.ENOBUFS}, ack(h.conn.seq+1, unix.EIO))
	silent = false
	if err := h.NewService(web); err != nil {
		t.Errorf("the handle is out of step: %v", err)
	}
}

func TestSendFails(t *testing.T) {
	k := &fakeKernel{}
	h := newFake(t, k)
	k.sendErr = unix.EMSGSIZE
	for i, err := range h.Do(repeat(Request{Op: OpDelService, Service: web}, 6)) {
		if !errors.Is(err, ErrNotSent) || !errors.Is(err, unix.EMSGSIZE) {
			t.Errorf("request %d: got %v, want ErrNotSent", i, err)
		}
	}
	if err := h.Flush(); !errors.Is(err, ErrNotSent) {
		t.Errorf("Flush: got %v, want ErrNotSent", err)
	}
	k.sendErr = nil
	if err := h.Flush(); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	h := newFake(t, &fakeKernel{respond: func(s sent) []datagram {
		switch {
		case s.cmd == cmdGetService:
			return []datagram{answer(s.seq, unix.NLM_F_MULTI, serviceAttr(web)), done(s.seq)}
		case s.cmd == cmdDelService:
			return []datagram{ack(s.seq, unix.ESRCH)}
		}
		return []datagram{ack(s.seq, 0)}
	}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if err := h.NewService(web); err != nil {
					t.Errorf("NewService: %v", err)
				}
				if err := h.DelService(web); !errors.Is(err, unix.ESRCH) {
					t.Errorf("DelService: got %v, want ESRCH", err)
				}
				if found, err := h.ListServices(); err != nil || len(found) != 1 {
					t.Errorf("ListServices: %v, %v", found, err)
				}
			}
		})
	}
	wg.Wait()
}

func serviceAttr(s Service) []byte {
	b, err := appendService(nil, s)
	if err != nil {
		panic(err)
	}
	return b
}
