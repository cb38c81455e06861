// Package wire converts between the vocabulary of internal/lb and the messages
// of proto/api, once, for every server and client.
//
// ToX makes a message, FromX reads one. Reading never fails half way: a message
// comes from another of our daemons, so the only thing that can be wrong in it
// is an address of impossible length, which becomes the zero address. Whoever
// receives a value checks it as it would check any other input.
package wire
