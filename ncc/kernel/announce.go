package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

// announcer sends announcements over one packet socket, opened with the first
// of them.
type announcer struct {
	kernel *Kernel
	fd     int // zero = not open: standard input is never a packet socket
}

// announce sends what tells the neighbours on a link where an address is: two
// gratuitous ARP packets or one neighbour advertisement. How often that is
// worth repeating is the caller's decision.
func (a *announcer) announce(name string, ip netip.Addr) error {
	l, err := a.kernel.linkByName(name)
	if err != nil {
		return err
	}
	attrs := l.Attrs()
	if attrs.EncapType != "ether" || len(attrs.HardwareAddr) != len(mac{}) {
		return fmt.Errorf("an interface of type %s has no Ethernet address to announce", attrs.EncapType)
	}
	if a.fd == 0 {
		if err := a.kernel.inside(a.open); err != nil {
			return fmt.Errorf("open packet socket: %w", err)
		}
	}
	for _, frame := range announcement(mac(attrs.HardwareAddr), ip) {
		if err := a.send(attrs.Index, frame); err != nil {
			return err
		}
	}
	return nil
}

// announcement is what is sent for an address.
func announcement(src mac, ip netip.Addr) [][]byte {
	if ip.Is6() {
		return [][]byte{advertFrame(src, ip)}
	}
	return [][]byte{arpFrame(arpRequest, src, ip), arpFrame(arpReply, src, ip)}
}

func (a *announcer) send(index int, frame []byte) error {
	to := &unix.SockaddrLinklayer{Ifindex: index, Halen: 6}
	copy(to.Addr[:], frame[:6])
	err := unix.Sendto(a.fd, frame, 0, to)
	switch {
	case errors.Is(err, unix.ENETDOWN):
		return errors.New("the interface is down")
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return plan.ErrNoLink
	}
	return err
}

// open makes a socket that sends whole frames and, having no protocol, never
// receives one.
func (a *announcer) open() (err error) {
	a.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		a.fd = 0
	}
	return err
}

func (a *announcer) close() {
	if a.fd != 0 {
		_ = unix.Close(a.fd)
	}
}
