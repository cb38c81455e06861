package ipvs

import (
	"fmt"
	"time"
)

// Info is what the kernel says of IPVS itself.
type Info struct {
	Version   Version
	TableSize uint32 // buckets of the connection table
}

// String returns "IPVS 1.2.1, connection table of 4096".
func (i Info) String() string {
	return fmt.Sprintf("IPVS %s, connection table of %d", i.Version, i.TableSize)
}

// Version is the IPVS version with one number a byte: 0x010201 is 1.2.1.
type Version uint32

// String returns "1.2.1".
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", byte(v>>16), byte(v>>8), byte(v))
}

// Timeouts are how long idle connections are kept in the namespace, in whole seconds.
type Timeouts struct {
	TCP    time.Duration // established
	TCPFin time.Duration // after a FIN
	UDP    time.Duration
}

// String returns "tcp 15m0s, tcpfin 2m0s, udp 5m0s".
func (t Timeouts) String() string {
	return fmt.Sprintf("tcp %s, tcpfin %s, udp %s", t.TCP, t.TCPFin, t.UDP)
}
