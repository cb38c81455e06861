// Package plan decides what ncc does to the host: from the network that is
// wanted (internal/lb) and the one that was found it makes an ordered list of
// operations, each on one object.
//
// It is pure: it does not carry anything out, and it knows the kernel only
// through Found, Op and the outcome of each Op. Package ncc drives it, package
// ncc/kernel translates its operations, package ncc/nccfake plays them on a
// kernel in memory.
//
// What it promises: carrying out a plan makes the wanted network from any
// found one; a second plan is then empty; stopping after any operation leaves
// traffic no worse than before; an object that is not ours and not wanted is
// never named.
package plan
