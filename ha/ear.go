package ha

import (
	"context"
	"errors"
	"time"

	"seesaw/ha/vrrp"
)

// ear is the wire while it is open, and what is known of it. Run owns it.
type ear struct {
	wire  Wire   // nil while it cannot be opened
	fault string // why
	// reopen is when to try to open the wire again; zero = not wanted.
	reopen time.Time
	mute   bool // the last advert could not be sent
	close  context.CancelFunc
	closed chan struct{} // closed when its goroutine has ended
	// adverts carries what is heard and deaf the error that ended the hearing: the
	// goroutine sends, Run receives. When they are full the wire waits, and what
	// comes waits in the socket.
	adverts chan heard
	deaf    chan error
}

// openWire opens the wire that the config names, or sees to it that it is tried
// again.
func (d *Daemon) openWire(now time.Time) {
	wire, err := d.cfg.Open(d.conf)
	if err != nil {
		d.faultyWire(now, err)
		return
	}
	if d.ear.fault != "" {
		d.log.Info("adverts can be exchanged now", "interface", d.conf.Interface)
	}
	ctx, end := context.WithCancel(context.Background())
	e := ear{wire: wire, close: end, closed: make(chan struct{}), adverts: make(chan heard, 64), deaf: make(chan error)}
	d.ear = e
	go func() {
		defer close(e.closed)
		err := wire.Run(ctx, func(a vrrp.Advert, from Source) {
			select {
			case e.adverts <- heard{a, from}:
			case <-ctx.Done():
			}
		})
		if err == nil {
			err = errors.New("closed by itself")
		}
		select {
		case e.deaf <- err:
		case <-ctx.Done():
		}
	}()
}

// loseWire closes a wire that has broken.
func (d *Daemon) loseWire(now time.Time, err error) {
	d.closeWire()
	d.faultyWire(now, err)
	d.refresh(now)
}

// faultyWire notes why there is no wire.
func (d *Daemon) faultyWire(now time.Time, err error) {
	if fault := err.Error(); fault != d.ear.fault {
		d.ear.fault = fault
		d.log.Error("adverts cannot be exchanged; trying again every second", "interface", d.conf.Interface, "err", err)
	}
	d.ear.reopen = now.Add(reopenAfter)
}

// closeWire closes the wire, if it is open, and waits for its goroutine.
func (d *Daemon) closeWire() {
	if d.ear.wire == nil {
		return
	}
	d.ear.close()
	if err := d.ear.wire.Close(); err != nil {
		d.log.Warn("close of the advert socket", "err", err)
	}
	<-d.ear.closed
	d.ear = ear{}
}

// send puts an advert on the wire. That it cannot be sent is logged once.
func (d *Daemon) send(eff vrrp.Effect) {
	if d.ear.wire == nil {
		return
	}
	err := d.ear.wire.Send(vrrp.Advert{VRID: d.conf.VRID, Priority: eff.Priority, Interval: eff.Interval, Addrs: d.conf.VIPs})
	if err == nil {
		d.report.Sent++
	}
	switch mute := err != nil; {
	case mute && !d.ear.mute:
		d.log.Warn("adverts cannot be sent: another node may take the lead", "interface", d.conf.Interface, "err", err)
	case !mute && d.ear.mute:
		d.log.Info("adverts can be sent again", "interface", d.conf.Interface)
	}
	d.ear.mute = err != nil
}
