package vrrp

// Reject is the check of RFC 9568 section 7.1 that a received packet failed. Its values are
// small and dense: count them in an array of length Rejects.
type Reject uint8

// The checks, in the order in which they are made.
const (
	RejectNone     Reject = iota // accepted
	RejectFamily                 // source and destination are not of one address family
	RejectShort                  // shorter than the fixed fields
	RejectVersion                // not version 3; the version is the upper half of byte 0
	RejectType                   // not an advert
	RejectVRID                   // another virtual router's, or an invalid one
	RejectTTL                    // not sent on this link
	RejectCount                  // lists no address
	RejectLength                 // not as long as its address count says
	RejectChecksum               // wrong in both forms
	RejectInterval               // interval zero

	// Rejects is the number of values.
	Rejects = int(RejectInterval) + 1
)

var rejects = [Rejects]string{
	RejectNone:     "accepted",
	RejectFamily:   "source and destination of different address families",
	RejectShort:    "shorter than a vrrp header",
	RejectVersion:  "not vrrp version 3",
	RejectType:     "not an advertisement",
	RejectVRID:     "of another virtual router",
	RejectTTL:      "ttl or hop limit is not 255",
	RejectCount:    "no virtual address",
	RejectLength:   "length does not match the address count",
	RejectChecksum: "wrong checksum",
	RejectInterval: "advertisement interval is zero",
}

func (r Reject) String() string {
	if int(r) < len(rejects) {
		return rejects[r]
	}
	return "unknown check"
}
