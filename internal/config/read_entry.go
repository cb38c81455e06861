package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
	configpb "seesaw/proto/config"
)

// maxPersistence is a month, the bound of ipvsadm(8): the kernel counts it in
// ticks of 32 bits.
const maxPersistence = 31 * 24 * 60 * 60

// entryKey is an entry's identity within its vserver.
type entryKey struct {
	protocol configpb.Protocol
	port     int32
}

func (k entryKey) String() string { return fmt.Sprintf("%d/%v", k.port, k.protocol) }

func (r *reader) entries(at *place, raw *configpb.Vserver) []Entry {
	seen := make(map[entryKey]*place)
	var list []Entry
	for i, e := range raw.GetVserverEntry() {
		item := at.item("vserver_entry", i, "")
		key := entryKey{e.GetProtocol(), e.GetPort()}
		once(r, seen, key, item, "port", "another entry has this protocol and port")
		entry := r.entry(item, e, raw.GetUseFwm())
		if len(list) > 0 && raw.GetUseFwm() {
			r.agrees(item, list[0], entry)
		}
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return list
}

func (r *reader) entry(at *place, e *configpb.VserverEntry, fwm bool) Entry {
	r.servicePort(at, e, fwm)
	if p := e.GetPersistence(); p < 0 || p > maxPersistence {
		r.fault(at, "persistence", p, "want seconds from 0 (off) to 2678400 (31 days)")
	}
	r.thresholds(at, e)
	if e.GetOnePacket() && e.GetProtocol() != configpb.Protocol_UDP {
		r.notice(at, "one_packet", true, "has an effect on UDP only")
	}
	entry := Entry{
		Protocol:    protocols[e.GetProtocol()],
		Port:        uint16(e.GetPort()),
		Scheduler:   strings.ToLower(e.GetScheduler().String()),
		Mode:        lb.Mode(e.GetMode()),
		Persistence: time.Duration(e.GetPersistence()) * time.Second,
		OnePacket:   e.GetOnePacket(),
		LThreshold:  uint32(e.GetLthreshold()),
		UThreshold:  uint32(e.GetUthreshold()),
		Quiescent:   e.GetQuiescent(),
		Checks:      r.checks(at, e.GetHealthcheck(), e),
	}
	entry.Low, entry.High = r.watermarks(at, e)
	return entry
}

var protocols = map[configpb.Protocol]lb.Protocol{
	configpb.Protocol_TCP:  lb.TCP,
	configpb.Protocol_UDP:  lb.UDP,
	configpb.Protocol_SCTP: lb.SCTP,
}

// servicePort checks the port of an entry. The kernel serves all ports of an
// address (port 0) only for clients that it remembers.
func (r *reader) servicePort(at *place, e *configpb.VserverEntry, fwm bool) {
	switch p := e.GetPort(); {
	case p < 0 || p > 65535:
		r.fault(at, "port", p, "want 1 to 65535")
	case p == 0 && fwm:
		r.fault(at, "port", p, "want 1 to 65535: with use_fwm every port is named")
	case p == 0 && e.GetPersistence() <= 0:
		r.fault(at, "port", p, "want 1 to 65535, or 0 for all ports together with persistence")
	}
}

func (r *reader) thresholds(at *place, e *configpb.VserverEntry) {
	low, high := e.GetLthreshold(), e.GetUthreshold()
	switch {
	case low < 0:
		r.fault(at, "lthreshold", low, "want a number of connections, or 0 for none")
	case high < 0:
		r.fault(at, "uthreshold", high, "want a number of connections, or 0 for none")
	case low > high:
		r.fault(at, "lthreshold", low, "must not be above uthreshold, "+show(high))
	}
}

// watermarks reads the two shares of healthy backends. A low one that is not
// set is the high one; a high one below the low one gives way.
func (r *reader) watermarks(at *place, e *configpb.VserverEntry) (low, high float32) {
	const rule = "want a share from 0 to 1"
	low, high = e.GetServerLowWatermark(), e.GetServerHighWatermark()
	if !(low >= 0 && low <= 1) { // NaN too
		r.fault(at, "server_low_watermark", low, rule)
		return 0, 0
	}
	if !(high >= 0 && high <= 1) {
		r.fault(at, "server_high_watermark", high, rule)
		return 0, 0
	}
	if e.ServerLowWatermark == nil {
		return high, high
	}
	if high < low {
		if e.ServerHighWatermark != nil {
			r.notice(at, "server_high_watermark", high, "below server_low_watermark, which is taken for both: "+show(low))
		}
		return low, low
	}
	return low, high
}

// agrees notes the settings in which an entry of a firewall-mark vserver
// differs from the first one.
func (r *reader) agrees(at *place, first, e Entry) {
	for _, setting := range []struct {
		field      string
		first, own any
	}{
		{"scheduler", first.Scheduler, e.Scheduler},
		{"mode", first.Mode, e.Mode},
		{"persistence", first.Persistence, e.Persistence},
		{"one_packet", first.OnePacket, e.OnePacket},
		{"lthreshold", first.LThreshold, e.LThreshold},
		{"uthreshold", first.UThreshold, e.UThreshold},
		{"server_low_watermark", first.Low, e.Low},
		{"server_high_watermark", first.High, e.High},
	} {
		if setting.own != setting.first {
			r.fault(at, setting.field, setting.own,
				"with use_fwm all entries share one service, and the first has "+show(setting.first))
		}
	}
}
