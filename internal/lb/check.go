package lb

import (
	"net/netip"
	"time"
)

// CheckID names a check by what it does: it is a hash of the check's whole
// definition, marks apart, so that it stays the same over restarts of either
// side and two identical probes have one id.
type CheckID uint64

// CheckKind is a probe protocol, with the numbers of the cluster file.
type CheckKind uint8

// The kinds of check.
const (
	CheckICMP   CheckKind = 1
	CheckUDP    CheckKind = 2
	CheckTCP    CheckKind = 3
	CheckHTTP   CheckKind = 4
	CheckHTTPS  CheckKind = 5
	CheckDNS    CheckKind = 6
	CheckTLS    CheckKind = 7
	CheckRADIUS CheckKind = 8
)

var checkNames = [...]string{"none", "ICMP", "UDP", "TCP", "HTTP", "HTTPS", "DNS", "TCP_TLS", "RADIUS"}

func (k CheckKind) String() string {
	if int(k) < len(checkNames) {
		return checkNames[k]
	}
	return "none"
}

// Check is a probe to be run against one backend.
type Check struct {
	ID   CheckID
	Kind CheckKind
	// Addr is where the probe is sent: the backend, or for DSR and TUN the VIP,
	// with Mark steering it to the backend. Backend is always the backend.
	Addr    netip.Addr
	Backend netip.Addr
	Port    uint16
	// Mode is zero for a plain probe, DSR or TUN for one through a VIP.
	Mode Mode
	Mark uint32
	// Source is the address that a DSR or TUN probe is sent from.
	Source   netip.Addr
	Interval time.Duration
	Timeout  time.Duration
	// Retries is how many consecutive failures a healthy target is forgiven.
	Retries int

	Send, Receive string
	Code          int // expected response code; zero = the protocol's default
	Method        string
	Proxy         bool
	TLSVerify     bool
}

// Health is the verdict on a target.
type Health uint8

// The verdicts, with the original's numbers.
const (
	HealthUnknown Health = 0
	Unhealthy     Health = 1
	Healthy       Health = 2
)

func (h Health) String() string { return [...]string{"unknown", "unhealthy", "healthy"}[h%3] }

// MarshalText gives the operator's word for the verdict.
func (h Health) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Verdict is what healthcheck knows about one check.
type Verdict struct {
	ID        CheckID
	State     Health
	LastCheck time.Time // when the last probe ended; zero = none yet
	Duration  time.Duration
	Failures  uint64 // since the daemon started
	Successes uint64
	// Message says why the last probe came out as it did.
	Message string
}

// CheckUpdate is what the engine sends to healthcheck: the whole set of checks
// (Full) or a change to it.
type CheckUpdate struct {
	Full    bool
	Changed []Check
	Removed []CheckID
}

// VerdictReport is what healthcheck sends to the engine: every verdict (Full)
// or those that have changed.
type VerdictReport struct {
	Full     bool
	Verdicts []Verdict
}
