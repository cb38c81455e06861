package ipvs

import (
	"fmt"
	"strings"
)

// ServiceFlags are the IP_VS_SVC_F_* bits of a service.
type ServiceFlags uint32

// Flags of every service.
const (
	// FlagPersistent sends a client's new connections where the earlier ones went.
	FlagPersistent ServiceFlags = 0x1
	// FlagHashed is set by the kernel on all services and ignored when sent.
	FlagHashed ServiceFlags = 0x2
	// FlagOnePacket schedules each UDP packet by itself.
	FlagOnePacket ServiceFlags = 0x4
)

// Scheduler flags. Their meaning is the scheduler's: the first two are
// fallback and port for both sh and mh, as named below; ipvsadm calls them
// flag-1 to flag-3 for all others.
const (
	FlagScheduler1 ServiceFlags = 0x8
	FlagScheduler2 ServiceFlags = 0x10
	FlagScheduler3 ServiceFlags = 0x20

	// Another destination is tried when the hashed one is not available.
	FlagSHFallback = FlagScheduler1
	FlagMHFallback = FlagScheduler1
	// The client's port is hashed as well as its address.
	FlagSHPort = FlagScheduler2
	FlagMHPort = FlagScheduler2
)

// String returns the names joined by "|", unknown bits as a number, and "none" for 0.
func (f ServiceFlags) String() string { return f.namesFor("") }

// namesFor names the scheduler flags as ipvsadm does for that scheduler.
func (f ServiceFlags) namesFor(scheduler string) string {
	if f == 0 {
		return "none"
	}
	sched := [3]string{"flag-1", "flag-2", "flag-3"}
	if scheduler == "sh" || scheduler == "mh" {
		sched[0], sched[1] = scheduler+"-fallback", scheduler+"-port"
	}
	return bitNames(uint32(f), "persistent", "hashed", "one-packet", sched[0], sched[1], sched[2])
}

// bitNames joins the names of the set bits, lowest first; bits without a name
// come last as one hexadecimal number.
func bitNames(v uint32, names ...string) string {
	var set []string
	for i, name := range names {
		if v&(1<<i) != 0 {
			set = append(set, name)
		}
		v &^= 1 << i
	}
	if v != 0 {
		set = append(set, fmt.Sprintf("%#x", v))
	}
	return strings.Join(set, "|")
}
