package watchdog

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// seesawGroup may use the sockets of all daemons.
const seesawGroup = "seesaw"

// identity is whom a service runs as.
type identity struct {
	credential *syscall.Credential // nil: as we do
	restricted bool
	ambient    []uintptr // capabilities to keep
}

// identify looks up a service's user, group and capabilities, at every start: a user that was missing may
// have been made since.
func identify(s Service) (identity, error) {
	id := identity{restricted: s.Restricted}
	for _, name := range s.Capabilities {
		c := slices.Index(capabilityNames, strings.ToUpper(name))
		if c < 0 {
			return identity{}, fmt.Errorf("capability %s: unknown", name)
		}
		id.ambient = append(id.ambient, uintptr(c))
	}
	if s.User == "" && s.Group == "" {
		return id, nil
	}
	uid, gid, groups := uint32(os.Getuid()), uint32(os.Getgid()), []uint32(nil)
	if s.User != "" {
		u, err := user.Lookup(s.User)
		if err != nil {
			return identity{}, fmt.Errorf("user %s: %w (make it with: useradd --system %s)", s.User, err, s.User)
		}
		uid, gid = number(u.Uid), number(u.Gid)
		names, _ := u.GroupIds() // beyond its own group there may be none
		for _, n := range names {
			groups = append(groups, number(n))
		}
	}
	if s.Group != "" {
		g, err := user.LookupGroup(s.Group)
		if err != nil {
			return identity{}, fmt.Errorf("group %s: %w (make it with: groupadd --system %s)", s.Group, err, s.Group)
		}
		gid = number(g.Gid)
	}
	if g, ok := groupID(seesawGroup); ok && !slices.Contains(groups, g) {
		groups = append(groups, g)
	}
	id.credential = &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}
	return id, nil
}

// groupID looks up a group that need not exist.
func groupID(name string) (uint32, bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	return number(g.Gid), true
}

// number reads an id that os/user has checked.
func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// capabilityNames are the capabilities in the order of their numbers (include/uapi/linux/capability.h).
var capabilityNames = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}
