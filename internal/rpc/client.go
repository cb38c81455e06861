package rpc

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Dial returns a connection to a Unix socket. It does not wait for the server:
// it connects with the first call and again whenever the connection has broken,
// within half a second of the server's return. A call that must not fail for a
// server that is just restarting uses grpc.WaitForReady and a deadline.
func Dial(path string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("unix:"+path,
		grpc.WithTransportCredentials(peerCred{}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
	)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return conn, nil
}

// Readable turns the error of a call into one that a person can use: the
// server's own words, or that the server does not answer on the socket. The
// result wraps the error, so status.Code and errors.Is still see it.
func Readable(server, path string, err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	text := s.Message()
	switch s.Code() {
	case codes.Unavailable:
		text = fmt.Sprintf("%s does not answer on %s (is it running, and may you open the socket?): %s", server, path, text)
	case codes.DeadlineExceeded:
		text = fmt.Sprintf("%s did not answer on %s in time: %s", server, path, text)
	}
	return readable{text, err}
}

// readable is an error with a text of its own.
type readable struct {
	text string
	err  error
}

func (e readable) Error() string { return e.text }
func (e readable) Unwrap() error { return e.err }
