package ipvs

import "fmt"

// Stats are the counters of a service or destination and their rates per
// second. The kernel renews what it shows every 2 seconds. Kernels before 4.1
// have no 64-bit counters; packets and connections then wrap at 32 bits.
type Stats struct {
	Connections uint64
	PacketsIn   uint64
	PacketsOut  uint64
	BytesIn     uint64
	BytesOut    uint64

	CPS    uint64 // connections
	PPSIn  uint64 // packets
	PPSOut uint64
	BPSIn  uint64 // bytes, not bits
	BPSOut uint64
}

// String shows totals, then rates.
func (s Stats) String() string {
	return fmt.Sprintf("%d connections, packets %d in %d out, bytes %d in %d out; per second %d connections, packets %d in %d out, bytes %d in %d out",
		s.Connections, s.PacketsIn, s.PacketsOut, s.BytesIn, s.BytesOut,
		s.CPS, s.PPSIn, s.PPSOut, s.BPSIn, s.BPSOut)
}
