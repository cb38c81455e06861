package ipvs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Op is what a [Request] does.
type Op uint8

// The operations. Those on a service use its key alone unless they add or
// update it; those on destinations use the service's key.
const (
	OpNewService Op = 1 + iota
	OpUpdateService
	OpDelService
	OpNewDestination
	OpUpdateDestination
	OpDelDestination
	OpZero
)

// operations says how each Op is named and sent.
var operations = [...]struct {
	name    string
	cmd     uint8
	service func([]byte, Service) ([]byte, error)
	dest    func([]byte, Destination) ([]byte, error)
	join    string // between destination and service
}{
	OpNewService:        {"add service", cmdNewService, appendService, nil, ""},
	OpUpdateService:     {"update service", cmdSetService, appendService, nil, ""},
	OpDelService:        {"delete service", cmdDelService, appendServiceKey, nil, ""},
	OpNewDestination:    {"add destination", cmdNewDest, appendServiceKey, appendDestination, "to"},
	OpUpdateDestination: {"update destination", cmdSetDest, appendServiceKey, appendDestination, "of"},
	OpDelDestination:    {"delete destination", cmdDelDest, appendServiceKey, appendDestinationKey, "from"},
	OpZero:              {"zero counters of", cmdZero, appendServiceKey, nil, ""},
}

// String returns "add service", "delete destination" and the like.
func (o Op) String() string {
	if o == 0 || int(o) >= len(operations) {
		return fmt.Sprintf("operation(%d)", uint8(o))
	}
	return operations[o].name
}

// Request is one change for [Handle.Do].
type Request struct {
	Op          Op
	Service     Service
	Destination Destination // for destination operations
}

// String names the change and its object: "add destination 10.0.0.7:80 to 192.0.2.1:80/TCP".
func (r Request) String() string {
	if r.Op == 0 || int(r.Op) >= len(operations) {
		return r.Op.String()
	}
	op := operations[r.Op]
	if op.dest == nil {
		return fmt.Sprintf("%s %s", op.name, r.Service.Key())
	}
	d := r.Destination
	return fmt.Sprintf("%s %s %s %s", op.name, hostPort(d.Address, d.Port), op.join, r.Service.Key())
}

// encode makes the wire form of r.
func (r Request) encode() (request, error) {
	if r.Op == 0 || int(r.Op) >= len(operations) {
		return request{}, invalid("unknown %s", r.Op)
	}
	op := operations[r.Op]
	body, err := op.service(make([]byte, 0, 256), r.Service)
	if err == nil && op.dest != nil {
		body, err = op.dest(body, r.Destination)
	}
	return request{cmd: op.cmd, body: body}, err
}

// do carries out one request.
func (h *Handle) do(r Request) error { return h.Do([]Request{r})[0] }

// Do carries out requests in their order and returns as many errors, nil for
// each request that succeeded; errors.Join makes one of them. A request that
// fails does not keep later ones from being carried out.
//
// Requests share system calls, some hundred at a time. Other goroutines' calls
// may come between two such groups. If the socket fails, the errors of the
// requests under way wrap ErrAnswerLost and those of the rest ErrNotSent.
func (h *Handle) Do(requests []Request) []error {
	errs := make([]error, len(requests))
	for start := 0; start < len(requests); {
		end := min(start+h.conn.window, len(requests))
		if err := h.doWindow(requests[start:end], errs[start:end]); err != nil {
			for i := end; i < len(requests); i++ {
				errs[i] = fmt.Errorf("%s: %w: %w", requests[i], ErrNotSent, err)
			}
			break
		}
		start = end
	}
	return errs
}

// doWindow carries out requests together. It returns an error if there is no
// point in sending more.
func (h *Handle) doWindow(requests []Request, errs []error) error {
	encoded := make([]request, 0, len(requests))
	index := make([]int, 0, len(requests)) // of each encoded request
	for i, r := range requests {
		e, err := r.encode()
		if err != nil {
			errs[i] = fmt.Errorf("%s: %w", r, err)
			continue
		}
		encoded, index = append(encoded, e), append(index, i)
	}
	if len(encoded) == 0 {
		return nil
	}
	results := make([]error, len(encoded))
	failed := h.transact(encoded, results)
	for j, i := range index {
		if results[j] == nil {
			results[j] = failed
		}
		errs[i] = explain(requests[i].String(), encoded[j].cmd, results[j])
	}
	if errors.Is(failed, unix.ENOBUFS) {
		return nil // a moment's shortage; the next requests may well fare better
	}
	return failed
}
