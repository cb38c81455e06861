package ha

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Link is how a network interface is.
type Link struct {
	Name string
	// Index is the kernel's number; 0 = there is no such interface. One that is
	// removed and made again has another.
	Index int
	// Up is what an administrator or ncc sets, Running that it can carry packets.
	Up, Running bool
}

// lookAgain is when links are looked at though no event came: one may be lost.
const lookAgain = time.Second

// WatchLinks tells how the links named are, at once and whenever that changes,
// until ctx ends. It looks at the network namespace of the calling thread.
func WatchLinks(ctx context.Context, log *slog.Logger, names []string, changed func(Link)) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	events, leave, err := subscribe()
	if err != nil {
		log.Warn("link events are not heard; looking every second", "err", err)
	}
	defer func() { leave() }()
	told := make(map[string]Link, len(names))
	for {
		for _, name := range names {
			if l, ok := look(name); ok && l != told[name] {
				told[name] = l
				changed(l)
			}
		}
		for relevant := false; !relevant; {
			select {
			case <-ctx.Done():
				return
			case u, open := <-events:
				if !open {
					events = nil // too many events, for instance; those lost are looked for
				}
				relevant = open && slices.Contains(names, u.Link.Attrs().Name)
			case <-ticker.C:
				if relevant = true; events == nil {
					leave()
					events, leave, _ = subscribe()
				}
			}
		}
	}
}

// subscribe asks for link events. The channel is closed when they end.
func subscribe() (events <-chan netlink.LinkUpdate, leave func(), err error) {
	ch, done := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	quiet := func(error) {} // it tells of what closes the channel, too
	if err := netlink.LinkSubscribeWithOptions(ch, done, netlink.LinkSubscribeOptions{ErrorCallback: quiet}); err != nil {
		return nil, func() {}, err
	}
	return ch, func() {
		close(done)
		for range ch { // its sender waits for us
		}
	}, nil
}

// look reads how one link is; ok is false if that cannot be read.
func look(name string) (l Link, ok bool) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return Link{Name: name}, errors.As(err, new(netlink.LinkNotFoundError))
	}
	a := link.Attrs()
	return Link{Name: name, Index: a.Index, Up: a.RawFlags&unix.IFF_UP != 0, Running: a.RawFlags&unix.IFF_RUNNING != 0}, true
}
