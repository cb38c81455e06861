// Package peer keeps the two nodes of a pair in step: each engine tells the
// other one which cluster config it runs and what operators have overridden.
//
//	node A                                   node B
//	Set ──▶ server ◀── mutual TLS, 10258 ──  client ──▶ Owner.PeerSaid
//	Owner.PeerSaid ◀── client ── 10258 ──▶   server ◀── Set
//
// Each node follows the other: it dials, and is sent the other's whole state at
// once and at every change. So nothing is lost by a broken connection, and each
// node knows by itself whether it hears the other. Merge says what two states
// come to; as merging brings nothing new the second time, nothing echoes.
//
// A Link belongs to the engine, which decides what to do with what it hears. A
// peer that is slow, dead or talks nonsense costs the link and nothing else.
package peer
