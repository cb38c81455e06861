package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// Caller is who is at the other end of a Unix socket, as the kernel says: the
// process that connected, with the ids that it had then (unix(7), SO_PEERCRED
// and SO_PEERGROUPS).
type Caller struct {
	PID    int32
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
}

func (c Caller) String() string { return fmt.Sprintf("uid %d, pid %d", c.UID, c.PID) }

// In reports whether the caller belongs to a group.
func (c Caller) In(gid uint32) bool { return c.GID == gid || slices.Contains(c.Groups, gid) }

// CallerOf returns who makes the call that a handler is serving.
func CallerOf(ctx context.Context) (Caller, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Caller{}, false
	}
	info, ok := p.AuthInfo.(authInfo)
	return info.Caller, ok
}

// authInfo carries a Caller through gRPC.
type authInfo struct {
	credentials.CommonAuthInfo
	Caller Caller
}

// AuthType names the method for gRPC's own use.
func (authInfo) AuthType() string { return "peercred" }

// peerCred is the transport security of a Unix socket: nothing is encrypted,
// but both ends are known.
type peerCred struct{}

func (peerCred) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, err := callerOf(conn)
	if err != nil {
		return nil, nil, err
	}
	return conn, authInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, c}, nil
}

func (peerCred) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, authInfo{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (peerCred) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "peercred"}
}
func (peerCred) Clone() credentials.TransportCredentials { return peerCred{} }
func (peerCred) OverrideServerName(string) error         { return nil }

func callerOf(conn net.Conn) (Caller, error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return Caller{}, errors.New("caller is not on a Unix socket")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Caller{}, err
	}
	var c Caller
	var inner error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			inner = fmt.Errorf("ask kernel who is calling: %w", err)
			return
		}
		c = Caller{PID: cred.Pid, UID: cred.Uid, GID: cred.Gid}
		// Kernels before 4.13 do not tell the groups; the ids stand alone then.
		c.Groups, _ = peerGroups(int(fd))
	})
	return c, errors.Join(err, inner)
}

// peerGroups asks for SO_PEERGROUPS, for which x/sys has no call.
func peerGroups(fd int) ([]uint32, error) {
	buf := make([]byte, 4*64)
	for {
		size := uint32(len(buf))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
		if errno == unix.ERANGE && int(size) > len(buf) {
			buf = make([]byte, size)
			continue
		}
		if errno != 0 {
			return nil, errno
		}
		groups := make([]uint32, size/4)
		for i := range groups {
			groups[i] = binary.NativeEndian.Uint32(buf[4*i:])
		}
		return groups, nil
	}
}
