// Package lb is the project's vocabulary: the values that every part of a
// Seesaw node talks about, and nothing that acts on them.
//
// It has three groups of words. The basic ones (Family, Protocol, Mode, Role,
// Host, ServiceKey …) name things of the field. Update and Report are what
// crosses between the engine and ncc: the network that this node should have,
// and what is true of it. Check and Verdict are what crosses between the
// engine and healthcheck. The …View types are what an operator is shown, by
// the CLI as text and by -json and the status port as JSON.
//
// All types are plain values: safe to copy, compare and send. The package is
// pure: it imports nothing that can wait, read a clock or touch the host.
package lb
