package ipvs

import (
	"math"
	"time"
)

func decodeInfo(b []byte) (Info, error) {
	var (
		d decoder
		i Info
	)
	for typ, v := range d.attrs(b) {
		switch typ {
		case infoVersion:
			i.Version = Version(d.u32("version", v))
		case infoTableSize:
			i.TableSize = d.u32("table size", v)
		}
	}
	return i, d.err
}

// appendTimeouts appends the three timeouts; the kernel takes 0 for "leave as it is".
func appendTimeouts(b []byte, t Timeouts) ([]byte, error) {
	for _, a := range []struct {
		attr  uint16
		value time.Duration
	}{
		{attrTimeoutTCP, t.TCP}, {attrTimeoutTCPFin, t.TCPFin}, {attrTimeoutUDP, t.UDP},
	} {
		if a.value < 0 || seconds(a.value) > math.MaxUint32 {
			return nil, invalid("timeout %s", a.value)
		}
		b = appendU32(b, a.attr, uint32(seconds(a.value)))
	}
	return b, nil
}

func decodeTimeouts(b []byte) (Timeouts, error) {
	var (
		d decoder
		t Timeouts
	)
	for typ, v := range d.attrs(b) {
		switch typ {
		case attrTimeoutTCP:
			t.TCP = time.Duration(d.u32("tcp timeout", v)) * time.Second
		case attrTimeoutTCPFin:
			t.TCPFin = time.Duration(d.u32("tcpfin timeout", v)) * time.Second
		case attrTimeoutUDP:
			t.UDP = time.Duration(d.u32("udp timeout", v)) * time.Second
		}
	}
	return t, d.err
}

// appendDaemon appends attrDaemon. Fields for the kernel to fill are left out.
func appendDaemon(b []byte, d Daemon) ([]byte, error) {
	if d.State != DaemonMaster && d.State != DaemonBackup {
		return nil, invalid("sync daemon is neither master nor backup")
	}
	if d.Interface == "" {
		return nil, invalid("sync daemon without interface")
	}
	if err := checkName("interface", d.Interface); err != nil {
		return nil, err
	}
	return appendNested(b, attrDaemon, func(b []byte) []byte {
		b = appendU32(b, daemonState, uint32(d.State))
		b = appendString(b, daemonInterface, d.Interface)
		b = appendU32(b, daemonSyncID, uint32(d.SyncID))
		if d.MaxLen != 0 {
			b = appendU16(b, daemonMaxLen, d.MaxLen)
		}
		if group := d.Group.Unmap(); group.Is4() {
			b = appendAttr(b, daemonGroup, group.AsSlice()...)
		} else if group.Is6() {
			b = appendAttr(b, daemonGroup6, group.AsSlice()...)
		}
		if d.Port != 0 {
			// Unlike other ports this one is in the host's byte order.
			b = appendU16(b, daemonPort, d.Port)
		}
		if d.TTL != 0 {
			b = appendAttr(b, daemonTTL, d.TTL)
		}
		return b
	}), nil
}

// appendDaemonState appends what stops a daemon: its state alone.
func appendDaemonState(b []byte, s DaemonState) []byte {
	return appendNested(b, attrDaemon, func(b []byte) []byte {
		return appendU32(b, daemonState, uint32(s))
	})
}

// decodeDaemon reads the content of attrDaemon.
func decodeDaemon(b []byte) (Daemon, error) {
	var (
		d      decoder
		daemon Daemon
	)
	for typ, v := range d.attrs(b) {
		switch typ {
		case daemonState:
			daemon.State = DaemonState(d.u32("daemon state", v))
		case daemonInterface:
			daemon.Interface = d.text(v)
		case daemonSyncID:
			daemon.SyncID = uint8(d.u32("sync id", v))
		case daemonMaxLen:
			daemon.MaxLen = d.u16("maxlen", v)
		case daemonGroup:
			daemon.Group = d.addr("multicast group", IPv4, v)
		case daemonGroup6:
			daemon.Group = d.addr("multicast group", IPv6, v)
		case daemonPort:
			daemon.Port = d.u16("multicast port", v)
		case daemonTTL:
			daemon.TTL = d.u8("multicast ttl", v)
		}
	}
	return daemon, d.err
}
