// Package cli is the operator's command line: it finds the command that a line means, asks the engine and
// prints the answer, in the layouts that scripts know or as JSON.
//
// It decides nothing about the network and opens no socket: cmd/seesaw_cli hands it a client of the engine.
// Everything runs on the caller's goroutine.
package cli
