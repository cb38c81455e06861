// Package config turns the bytes of a node's three files into typed, defaulted
// and validated values: seesaw.cfg into a Node, watchdog.cfg into a Watchdog,
// the cluster file into a Cluster.
//
// It opens no file, knows no address of its own host and decides nothing about
// traffic: it only says whether what an operator wrote can be meant, and if not,
// all at once, where and why. Its values are not to be changed once made, so
// they may be shared. The daemons' mains, engine/source, engine/core, the CLI
// and the config server call it.
//
// How strict it is depends on what a fault can break. In seesaw.cfg and
// watchdog.cfg every fault refuses the file. In the cluster file a fault of
// syntax, a field that nobody knows and anything wrong outside the vservers
// refuses the file; a fault inside one vserver leaves out that vserver alone.
package config
