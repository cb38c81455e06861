// Package ecu shows a node to those outside it: whether it is healthy, and metrics for Prometheus.
//
// It decides nothing and keeps nothing: each answer is read from the engine when it is asked for. An engine
// that is away is something to report, never a reason to end. cmd/seesaw_ecu runs it.
package ecu
