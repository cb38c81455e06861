package probe

import (
	"bytes"
	"context"

	"seesaw/internal/lb"
)

// udpProbe sends one datagram, which may be empty, and waits for one. It must
// begin with the expected bytes; with none expected, any datagram will do.
// Silence is a failure even then: nothing else tells a service that has
// nothing to say from a backend that is gone.
func udpProbe(ctx context.Context, c lb.Check) Result {
	nc, err := dial(ctx, "udp", c)
	if err != nil {
		return failed(err)
	}
	defer nc.Close()

	if _, err := nc.Write([]byte(c.Send)); err != nil {
		return failed(explain(ctx, c, sending, err))
	}
	// One byte more than expected: a read into an empty buffer would not wait.
	got := make([]byte, len(c.Receive)+1)
	n, err := nc.Read(got)
	if err != nil {
		return failed(explain(ctx, c, receiving, err))
	}
	if want := []byte(c.Receive); !bytes.HasPrefix(got[:n], want) {
		return failed(mismatch(c, "received %s, want %s", quote(got[:min(n, len(want))]), quote(want)))
	}
	return passed("answered as expected")
}
