// Package ipvs controls the kernel's IP Virtual Server (IPVS) over generic
// netlink: services, destinations, counters, timeouts and the connection sync
// daemons of one network namespace.
//
// A [Handle] is one netlink socket. It may be used by many goroutines at once;
// calls are carried out one after another, each blocking until the kernel has
// answered or the handle's timeout has passed. [Handle.Do] sends many changes
// in few system calls and reports each one's own error.
//
// Values ([Service], [Destination], [Daemon], ...) are plain and hold no
// reference to the handle. Encoding and decoding are pure functions in the
// codec files; only socket.go touches the kernel.
//
// The package keeps no table of its own, compares nothing with a wanted state,
// loads no kernel module, runs no program and writes no log. It is called by
// whoever owns the namespace's IPVS table, with CAP_NET_ADMIN there.
//
// Wire facts follow include/uapi/linux/ip_vs.h and
// net/netfilter/ipvs/ip_vs_ctl.c of the Linux kernel.
package ipvs
