package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

// answerWithin bounds the wait for the kernel's answer to one request. Only a
// kernel in distress takes this long.
const answerWithin = 20 * time.Second

// Config says which host, and which of its programs.
type Config struct {
	// Namespace is the path of a network namespace (/run/netns/node1). Empty is
	// the process's own, which is what the daemon uses.
	Namespace string
	// Modprobe is the path of the module loader. Empty is the one that the
	// kernel itself names in /proc/sys/kernel/modprobe, or else the first that is
	// found in the usual places.
	Modprobe string
}

// Kernel is the host's network. Its methods may be called from any goroutine.
type Kernel struct {
	log     *slog.Logger
	ns      netns.NsHandle // netns.None() = the process's own
	links   *netlink.Handle
	route   map[int]*nl.SocketHandle // for requests that the handle cannot express
	modules modules

	mu sync.Mutex // one Do at a time

	table *table // for Read and Do
	stats *table // for Statistics
}

// New opens the host. A host without IPVS is no error: then Read finds no
// services and each IPVS operation fails with the reason.
func New(cfg Config, log *slog.Logger) (*Kernel, error) {
	k := &Kernel{log: log, ns: netns.None(), modules: modules{root: "/", modprobe: cfg.Modprobe}}
	if cfg.Namespace != "" {
		ns, err := netns.GetFromPath(cfg.Namespace)
		if err != nil {
			return nil, fmt.Errorf("open network namespace %s: %w", cfg.Namespace, err)
		}
		k.ns = ns
	}
	if err := k.open(); err != nil {
		k.Close()
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	k.table = &table{open: k.openIPVS}
	k.stats = &table{open: k.openIPVS}
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	if err := k.modules.load(ctx, []string{"ip_vs"})[0]; err != nil && k.table.probe() != nil {
		log.Warn("this host has no IPVS: nothing can be balanced until it does", "err", err)
	}
	return k, nil
}

func (k *Kernel) open() error {
	h, err := netlink.NewHandleAt(k.ns, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	k.links = h
	if err := h.SetSocketTimeout(answerWithin); err != nil {
		return err
	}
	socket, err := nl.GetNetlinkSocketAt(k.ns, netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	k.route = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	tv := unix.NsecToTimeval(answerWithin.Nanoseconds())
	if err := socket.SetReceiveTimeout(&tv); err != nil {
		return err
	}
	// Without extended acknowledgements the answer is a number and no text. A
	// kernel that lacks them (before 4.12) does without.
	_ = socket.SetExtAck(true)
	return nil
}

// Close gives back what New opened. Nothing on the host changes.
func (k *Kernel) Close() error {
	if k.links != nil {
		k.links.Close()
	}
	for _, s := range k.route {
		s.Close()
	}
	var err error
	for _, t := range []*table{k.table, k.stats} {
		if t != nil {
			err = errors.Join(err, t.close())
		}
	}
	if k.ns.IsOpen() {
		err = errors.Join(err, k.ns.Close())
	}
	return err
}

// inside runs f in the namespace of Config: sockets belong to the namespace of
// the thread that opens them, and /proc/sys/net shows that of the thread that
// looks. In the process's own there is nothing to do.
func (k *Kernel) inside(f func() error) error {
	if !k.ns.IsOpen() {
		return f()
	}
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read this thread's network namespace: %w", err)
	}
	defer home.Close()
	if err := netns.Set(k.ns); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace: %w", err)
	}
	err = f()
	// A thread that cannot get home stays locked, so that it ends with its
	// goroutine and nobody else runs in the wrong namespace.
	if back := netns.Set(home); back != nil {
		return errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
	}
	runtime.UnlockOSThread()
	return err
}

// Do carries out operations in their order and returns the outcome of each, in
// that order. One that fails does not hold up the next. What is already as
// wanted is success: a repeated Do changes nothing. Runs of IPVS operations
// travel to the kernel together, a run of LoadModules is one modprobe. Once ctx is done the rest is not tried.
//
// Errors name the object, the reason and, where known, the remedy; they wrap
// plan.ErrNoLink, plan.ErrNoSysctl and plan.ErrNoModule where these apply.
func (k *Kernel) Do(ctx context.Context, ops []plan.Op) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := make([]error, len(ops))
	sender := &announcer{kernel: k}
	defer sender.close()
	for i := 0; i < len(ops); {
		end := i + 1
		switch {
		case ctx.Err() != nil:
			errs[i] = explain(ops[i], ctx.Err())
		case isIPVS(ops[i]):
			for end < len(ops) && isIPVS(ops[end]) {
				end++
			}
			k.table.do(ctx, ops[i:end], errs[i:end])
		case isModules(ops[i]):
			for end < len(ops) && isModules(ops[end]) {
				end++
			}
			k.loadModules(ctx, ops[i:end], errs[i:end])
		default:
			errs[i] = explain(ops[i], k.do(ops[i], sender))
		}
		i = end
	}
	return errs
}

// do carries out one operation that is neither IPVS's nor a module's.
func (k *Kernel) do(op plan.Op, sender *announcer) error {
	switch o := op.(type) {
	case plan.SetSysctl:
		return k.inside(func() error { return writeSysctl(o.Name, o.Value) })
	case plan.AddDummy:
		return k.addDummy(o.Link)
	case plan.AddVLAN:
		return k.addVLAN(o)
	case plan.DelLink:
		return k.delLink(o.Link)
	case plan.SetMAC:
		return k.setMAC(o.Link, o.MAC)
	case plan.SetLink:
		return k.setLink(o.Link, o.Up)
	case plan.AddAddr:
		return k.addAddr(o)
	case plan.DelAddr:
		return k.delAddr(o.Link, o.Prefix)
	case plan.Announce:
		return sender.announce(o.Link, o.Addr)
	}
	return fmt.Errorf("operation %T is unknown to this build", op)
}
