package ipvs

// appendDestinationKey appends attrDest with what identifies d only.
func appendDestinationKey(b []byte, d Destination) ([]byte, error) {
	if err := d.checkKey(); err != nil {
		return nil, err
	}
	return appendNested(b, attrDest, d.appendKey), nil
}

// appendDestination appends attrDest with all that can be set.
func appendDestination(b []byte, d Destination) ([]byte, error) {
	if err := d.checkKey(); err != nil {
		return nil, err
	}
	if d.Forward > ForwardBypass {
		return nil, invalid("unknown %s", d.Forward)
	}
	d = d.settings()
	return appendNested(b, attrDest, func(b []byte) []byte {
		b = d.appendKey(b)
		b = appendU32(b, destFwdMethod, uint32(d.Forward))
		b = appendU32(b, destWeight, d.Weight)
		b = appendU32(b, destUpperThreshold, d.UpperThreshold)
		b = appendU32(b, destLowerThreshold, d.LowerThreshold)
		// Kernels before 5.2 know no tunnel type; plain ones need not name it.
		if d.TunnelType != TunnelIPIP || d.TunnelFlags != 0 {
			b = appendAttr(b, destTunType, byte(d.TunnelType))
			b = appendPort(b, destTunPort, d.TunnelPort)
			b = appendU16(b, destTunFlags, uint16(d.TunnelFlags))
		}
		return b
	}), nil
}

func (d Destination) checkKey() error {
	if !d.Address.IsValid() {
		return invalid("no destination address")
	}
	if d.Address.Zone() != "" {
		return invalid("destination address %s has a zone", d.Address)
	}
	return nil
}

func (d Destination) appendKey(b []byte) []byte {
	b = appendAddr(b, destAddr, d.Address)
	b = appendPort(b, destPort, d.Port)
	return appendU16(b, destAddrFamily, uint16(familyOf(d.Address)))
}

// decodeDestination reads the content of attrDest. Kernels before 3.18 do not
// name the family of a destination: it is the service's.
func decodeDestination(b []byte, service Family) (Destination, error) {
	var (
		d       decoder
		dest    Destination
		family  = service
		address []byte
		stats   statsDecoder
	)
	for typ, v := range d.attrs(b) {
		switch typ {
		case destAddr:
			address = v
		case destPort:
			dest.Port = d.port("destination port", v)
		case destAddrFamily:
			family = Family(d.u16("destination family", v))
		case destFwdMethod:
			dest.Forward = Forwarding(d.u32("forwarding method", v)) & 0x7 // IP_VS_CONN_F_FWD_MASK
		case destWeight:
			dest.Weight = d.u32("weight", v)
		case destUpperThreshold:
			dest.UpperThreshold = d.u32("upper threshold", v)
		case destLowerThreshold:
			dest.LowerThreshold = d.u32("lower threshold", v)
		case destActiveConns:
			dest.ActiveConns = d.u32("active connections", v)
		case destInactConns:
			dest.InactiveConns = d.u32("inactive connections", v)
		case destPersistConns:
			dest.PersistentConns = d.u32("persistent connections", v)
		case destTunType:
			dest.TunnelType = TunnelType(d.u8("tunnel type", v))
		case destTunPort:
			dest.TunnelPort = d.port("tunnel port", v)
		case destTunFlags:
			dest.TunnelFlags = TunnelFlags(d.u16("tunnel flags", v))
		case destStats, destStats64:
			stats.read(&d, typ == destStats64, v)
		}
	}
	if address == nil {
		d.fail("destination without address")
	} else {
		dest.Address = d.addr("destination address", family, address)
	}
	dest.Stats = stats.Stats
	return dest, d.err
}

// statsDecoder takes the 64-bit counters where the kernel sends them, the
// 32-bit ones else, in whichever order they come.
type statsDecoder struct {
	Stats
	wide bool
}

func (s *statsDecoder) read(d *decoder, wide bool, b []byte) {
	if s.wide && !wide {
		return
	}
	s.wide, s.Stats = wide, Stats{}
	for typ, v := range d.attrs(b) {
		switch typ {
		case statConns:
			s.Connections = d.uint("connection count", v)
		case statInPkts:
			s.PacketsIn = d.uint("packets in", v)
		case statOutPkts:
			s.PacketsOut = d.uint("packets out", v)
		case statInBytes:
			s.BytesIn = d.uint("bytes in", v)
		case statOutBytes:
			s.BytesOut = d.uint("bytes out", v)
		case statCPS:
			s.CPS = d.uint("connection rate", v)
		case statInPPS:
			s.PPSIn = d.uint("packet rate in", v)
		case statOutPPS:
			s.PPSOut = d.uint("packet rate out", v)
		case statInBPS:
			s.BPSIn = d.uint("byte rate in", v)
		case statOutBPS:
			s.BPSOut = d.uint("byte rate out", v)
		}
	}
}
