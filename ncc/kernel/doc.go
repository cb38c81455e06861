// Package kernel carries out what package ncc/plan decided: it is the only
// code of the project that changes the host. It reads back links, addresses,
// sysctls and the IPVS table as a plan.Found, does one plan.Op at a time or a
// batch of IPVS ones, and reads the IPVS counters.
//
// It decides nothing. It does not know which objects are ours (apart from the
// protocol number on an address, which it writes and reads back), in what order
// things are safe, or what to do about a failure: that is ncc and ncc/plan. It
// keeps no copy of the host's state between calls.
//
// Links and addresses go through rtnetlink, IPVS through package ipvs,
// announcements through a packet socket, sysctls through the files below
// /proc/sys. The only program that is ever executed is modprobe, and only when
// a wanted module is neither loaded nor built in.
//
// Package ncc calls it, from any goroutine: changes run one call after another,
// Statistics has an IPVS connection of its own and holds up nobody.
package kernel
