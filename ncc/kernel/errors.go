package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"seesaw/ncc/plan"
)

// explain puts in front of an error what was being done to which object, and
// behind it what mends it where that is known. No error stays none.
func explain(op plan.Op, err error) error {
	if err == nil {
		return nil
	}
	// A link that goes while we are at it is as missing as one that never was.
	if errors.Is(err, unix.ENODEV) {
		err = plan.ErrNoLink
	}
	return fmt.Errorf("%v: %w%s", op, err, remedy(op, err))
}

func remedy(op plan.Op, err error) string {
	switch {
	case errors.Is(err, plan.ErrNoLink):
		return " (is it named right in section [interface] of seesaw.cfg?)"
	case errors.Is(err, unix.EROFS):
		return " (is /proc/sys mounted read-only?)"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return " (does seesaw_ncc have " + capability(op) + "?)"
	}
	return ""
}

func capability(op plan.Op) string {
	switch op.(type) {
	case plan.Announce:
		return "CAP_NET_RAW"
	case plan.LoadModules:
		return "CAP_SYS_MODULE"
	}
	return "CAP_NET_ADMIN"
}
