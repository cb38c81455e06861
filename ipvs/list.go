package ipvs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// GetService returns one service with its counters. ESRCH: there is no such service.
func (h *Handle) GetService(s Service) (Service, error) {
	what := fmt.Sprintf("get service %s", s.Key())
	body, err := appendServiceKey(nil, s)
	if err != nil {
		return Service{}, explain(what, cmdGetService, err)
	}
	found, err := list(h, request{cmd: cmdGetService, body: body}, attrService, decodeService)
	if err != nil {
		return Service{}, explain(what, cmdGetService, err)
	}
	if len(found) != 1 {
		return Service{}, fmt.Errorf("%s: the kernel returned %d services", what, len(found))
	}
	return found[0], nil
}

// ListServices returns all services with their counters, in no useful order.
// An empty table is an empty slice. The kernel does not notice changes made
// meanwhile: a service added or removed then may be missing or come twice.
func (h *Handle) ListServices() ([]Service, error) {
	found, err := list(h, request{cmd: cmdGetService, flags: unix.NLM_F_DUMP}, attrService, decodeService)
	return found, explain("list services", cmdGetService, err)
}

// ListDestinations returns the destinations of a service with their counters.
// The kernel does not tell a service without destinations from one that does
// not exist: both give an empty slice.
func (h *Handle) ListDestinations(s Service) ([]Destination, error) {
	k := s.Key()
	what := fmt.Sprintf("list destinations of %s", k)
	body, err := appendServiceKey(nil, s)
	if err != nil {
		return nil, explain(what, cmdGetDest, err)
	}
	r := request{cmd: cmdGetDest, flags: unix.NLM_F_DUMP, body: body}
	found, err := list(h, r, attrDest, func(b []byte) (Destination, error) {
		return decodeDestination(b, k.Family)
	})
	return found, explain(what, cmdGetDest, err)
}

// ListDaemons returns the sync daemons that run: none, one, or one of each state.
func (h *Handle) ListDaemons() ([]Daemon, error) {
	found, err := list(h, request{cmd: cmdGetDaemon, flags: unix.NLM_F_DUMP}, attrDaemon, decodeDaemon)
	return found, explain("list sync daemons", cmdGetDaemon, err)
}

// Info returns the kernel's IPVS version and the size of its connection table.
func (h *Handle) Info() (Info, error) {
	return get(h, "get ipvs info", cmdGetInfo, decodeInfo)
}

// GetTimeouts returns the namespace's timeouts.
func (h *Handle) GetTimeouts() (Timeouts, error) {
	return get(h, "get timeouts", cmdGetConfig, decodeTimeouts)
}

// list gathers what decode makes of attribute attr of every answer to r.
func list[T any](h *Handle, r request, attr uint16, decode func([]byte) (T, error)) ([]T, error) {
	var found []T
	err := h.ask(r, func() { found = []T{} }, func(m message) error {
		var d decoder
		for typ, v := range d.attrs(m.attributes()) {
			if typ != attr {
				continue
			}
			item, err := decode(v)
			if err != nil {
				return fmt.Errorf("decode: %w", err)
			}
			found = append(found, item)
		}
		return d.err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// get returns what decode makes of the single answer to cmd.
func get[T any](h *Handle, what string, cmd uint8, decode func([]byte) (T, error)) (T, error) {
	var (
		value    T
		answered bool
	)
	err := h.ask(request{cmd: cmd}, func() { answered = false }, func(m message) (err error) {
		answered = true
		value, err = decode(m.attributes())
		return err
	})
	if err == nil && !answered {
		err = fmt.Errorf("the kernel acknowledged without an answer: %w", unix.EBADMSG)
	}
	return value, explain(what, cmd, err)
}
