//go:build lab

package pair_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seesaw/lab"
	"seesaw/lab/site"
)

// keepalived's own virtual router, beside ours on the wire.
const (
	theirVIP    = "192.168.37.210"
	theirTarget = theirVIP + ":80"
	theirIf     = "eth0"
)

// keepalived is a pair of nodes run by keepalived, with the same backends, the
// same priorities, no preemption, and IPVS in place beforehand.
type keepalived struct {
	*pair
	hosts []*lab.Host
}

func newKeepalived(t *testing.T, p *pair) *keepalived {
	t.Helper()
	k := &keepalived{pair: p}
	for _, h := range p.Backends {
		h.Addr(t, "lo", theirVIP+"/32")
	}
	for i := range 2 {
		h := p.Lab.Host(fmt.Sprintf("keepalived%02d", i+1))
		p.LAN.Plug(h, theirIf, fmt.Sprintf("192.168.37.%d/24", 86+i))
		h.WriteFile(t, "/run/lab/keepalived.conf", fmt.Sprintf(`global_defs {
	vrrp_version 3
}
vrrp_instance lab {
	interface %s
	state BACKUP
	nopreempt
	virtual_router_id 61
	priority %d
	advert_int %g
	virtual_ipaddress {
		%s/32
	}
}
`, theirIf, 254-i, p.interval.Seconds(), theirVIP))
		h.Run(t, "ipvsadm", "-A", "-t", theirTarget, "-s", "rr")
		for _, backend := range []string{"192.168.37.71", "192.168.37.72"} {
			h.Run(t, "ipvsadm", "-a", "-t", theirTarget, "-r", backend, "-g")
		}
		h.Start(t, "keepalived", "-n", "-l", "-P", "-f", "/run/lab/keepalived.conf", "-p", "/run/lab/pid", "-r", "/run/lab/vrrp.pid")
		k.hosts = append(k.hosts, h)
	}
	return k
}

// master waits until one of them has the VIP, and says which.
func (k *keepalived) master(t *testing.T) (master, other *lab.Host) {
	t.Helper()
	lab.WaitFor(t, site.Patience, "a master of keepalived", func() (bool, string) {
		var have []int
		for i, h := range k.hosts {
			if strings.Contains(h.Run(t, "ip", "-4", "-o", "addr", "show", "dev", theirIf), theirVIP) {
				have = append(have, i)
			}
		}
		if len(have) == 1 {
			master, other = k.hosts[have[0]], k.hosts[1-have[0]]
		}
		return len(have) == 1, fmt.Sprint(have)
	})
	return master, other
}

// cutMaster cuts the master off a number of times, as cutLeader does.
func (k *keepalived) cutMaster(t *testing.T, cuts int) (gaps []time.Duration) {
	t.Helper()
	for i := range cuts {
		master, _ := k.master(t)
		load := lab.StartLoad(t, k.Client, theirTarget, k.every())
		load.WaitForAnswers(t, site.Patience, 100)
		k.LAN.Cut(t, master)
		load.WaitForAnswers(t, site.Patience, 100)
		r := load.Stop(t)
		t.Logf("keepalived, cut %d of %s: %v", i, master.Name, r)
		gaps = append(gaps, r.Gap)
		k.LAN.Mend(t, master)
	}
	return gaps
}
