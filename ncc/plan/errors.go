package plan

import "errors"

// Errors that a kernel returns for an Op, tested with errors.Is.
var (
	// ErrNoSysctl: this kernel or namespace does not have the setting. It
	// degrades the node, it never stops it.
	ErrNoSysctl = errors.New("no such setting in this kernel")
	// ErrNoLink: the interface does not exist.
	ErrNoLink = errors.New("no such interface")
	// ErrNoModule: a kernel module is neither loaded nor loadable.
	ErrNoModule = errors.New("kernel module missing")
)
