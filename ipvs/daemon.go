package ipvs

import (
	"fmt"
	"net/netip"
)

// Daemon is a connection sync daemon: a kernel thread that sends this
// namespace's connections to a multicast group, or receives a peer's. A
// namespace may run one of each state.
type Daemon struct {
	State     DaemonState
	Interface string // multicast interface, at most 15 bytes
	SyncID    uint8  // a backup takes this id only; 0 takes all

	// The kernel fills zero values: MaxLen from the interface's MTU, group
	// 224.0.0.81, port 8848, TTL 1.
	MaxLen uint16 // bytes of UDP payload
	Group  netip.Addr
	Port   uint16
	TTL    uint8
}

// Matches reports whether the running daemon found is what d asked for:
// fields that d leaves zero for the kernel to fill may hold anything.
func (d Daemon) Matches(found Daemon) bool {
	return d.State == found.State && d.Interface == found.Interface && d.SyncID == found.SyncID &&
		(d.MaxLen == 0 || d.MaxLen == found.MaxLen) &&
		(!d.Group.IsValid() || d.Group.Unmap() == found.Group.Unmap()) &&
		(d.Port == 0 || d.Port == found.Port) &&
		(d.TTL == 0 || d.TTL == found.TTL)
}

// String returns "master on eth0, sync id 51, maxlen 1472, group 224.0.0.81:8848, ttl 1".
func (d Daemon) String() string {
	s := fmt.Sprintf("%s on %s, sync id %d", d.State, d.Interface, d.SyncID)
	if d.MaxLen != 0 {
		s += fmt.Sprintf(", maxlen %d", d.MaxLen)
	}
	if d.Group.IsValid() {
		s += ", group " + hostPort(d.Group, d.Port)
	}
	if d.TTL != 0 {
		s += fmt.Sprintf(", ttl %d", d.TTL)
	}
	return s
}

// DaemonState is the role of a sync daemon.
type DaemonState uint32

// The roles: a master sends, a backup receives.
const (
	DaemonMaster DaemonState = 1
	DaemonBackup DaemonState = 2
)

// String returns "master", "backup" or the number.
func (s DaemonState) String() string {
	switch s {
	case DaemonMaster:
		return "master"
	case DaemonBackup:
		return "backup"
	}
	return fmt.Sprintf("daemon(%d)", uint32(s))
}
