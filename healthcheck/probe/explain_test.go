package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"seesaw/internal/lb"
)

// op wraps an error as package net does.
func op(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
}

func TestExplain(t *testing.T) {
	plain := lb.Check{Kind: lb.CheckTCP, Addr: netip.MustParseAddr("10.0.0.7"), Port: 80, Timeout: 5 * time.Second}
	dsr := lb.Check{
		Kind: lb.CheckTCP, Mode: lb.DSR, Addr: netip.MustParseAddr("192.168.37.200"), Port: 80,
		Backend: netip.MustParseAddr("192.168.37.71"), Mark: 65536, Timeout: 5 * time.Second,
		Source: netip.MustParseAddr("192.168.37.76"),
	}
	six := plain
	six.Addr = netip.MustParseAddr("2001:db8::7")
	ping := plain
	ping.Kind = lb.CheckICMP
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	tests := []struct {
		name string
		ctx  context.Context
		c    lb.Check
		step step
		err  error
		want string
	}{
		{"refused", t.Context(), plain, connecting, op(syscall.ECONNREFUSED), "connect 10.0.0.7:80: connection refused"},
		{"IPv6", t.Context(), six, connecting, op(syscall.ECONNREFUSED), "connect [2001:db8::7]:80: connection refused"},
		{"timed out", late, plain, connecting, op(syscall.EINPROGRESS), "connect 10.0.0.7:80: operation now in progress"},
		{"deadline", late, plain, connecting, os.ErrDeadlineExceeded, "connect 10.0.0.7:80: timed out after 5s"},
		{"closed by the deadline", late, plain, receiving, net.ErrClosed, "receive from 10.0.0.7:80: timed out after 5s"},
		{"the kernel's time-out", t.Context(), plain, connecting, op(syscall.ETIMEDOUT), "connect 10.0.0.7:80: timed out after 5s"},
		{"cancelled", ended, plain, receiving, net.ErrClosed, "receive from 10.0.0.7:80: probe cancelled"},
		{"end of file", t.Context(), plain, receiving, io.ErrUnexpectedEOF, "receive from 10.0.0.7:80: connection closed by the server"},
		{"another", t.Context(), plain, sending, errors.New("strange"), "send to 10.0.0.7:80: strange"},
		{"ping has no port", late, ping, pinging, net.ErrClosed, "ping 10.0.0.7: timed out after 5s"},
		{"ping not permitted", t.Context(), ping, connecting, op(syscall.EPERM), "connect 10.0.0.7: operation not permitted (seesaw_healthcheck needs CAP_NET_RAW for ping)"},
		{"too many files", t.Context(), plain, connecting, op(syscall.EMFILE), "connect 10.0.0.7:80: too many open files (raise the limit of open files, LimitNOFILE= in systemd)"},
		{"DSR, timed out", late, dsr, connecting, os.ErrDeadlineExceeded, "connect 192.168.37.200:80 (via backend 192.168.37.71, mark 65536): timed out after 5s (does the backend have the VIP on its loopback, and does the service run there?)"},
		{"DSR, refused", t.Context(), dsr, connecting, op(syscall.ECONNREFUSED), "connect 192.168.37.200:80 (via backend 192.168.37.71, mark 65536): connection refused (does the backend have the VIP on its loopback, and does the service run there?)"},
		{"DSR, mark not permitted", t.Context(), dsr, connecting, op(syscall.EPERM), "connect 192.168.37.200:80 (via backend 192.168.37.71, mark 65536): operation not permitted (seesaw_healthcheck needs CAP_NET_ADMIN for marks, or CAP_NET_RAW on Linux 5.17 and later)"},
		{"DSR, no route", t.Context(), dsr, connecting, op(syscall.ENETUNREACH), "connect 192.168.37.200:80 (via backend 192.168.37.71, mark 65536): network is unreachable (this node needs a route to the VIP; any will do, a default route too)"},
		{"DSR, foreign source", t.Context(), dsr, connecting, op(syscall.EADDRNOTAVAIL), "connect 192.168.37.200:80 (via backend 192.168.37.71, mark 65536): cannot assign requested address (is the source address 192.168.37.76 on this node?)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := explain(tt.ctx, tt.c, tt.step, tt.err).Error(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestExplainKeepsTheCause(t *testing.T) {
	c := lb.Check{Kind: lb.CheckTCP, Addr: netip.MustParseAddr("10.0.0.7"), Mode: lb.DSR}
	if err := explain(t.Context(), c, connecting, op(syscall.ECONNREFUSED)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v does not wrap its cause", err)
	}
}
