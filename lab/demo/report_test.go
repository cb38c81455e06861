package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/lab"
)

func TestLimit(t *testing.T) {
	gap := limit{lost: -1, gap: 200 * time.Millisecond}
	for _, test := range []struct {
		name string
		l    limit
		r    lab.Result
		ok   bool
	}{
		{"no loss", limit{}, lab.Result{Sent: 9, Gap: time.Second}, true},
		{"loss", limit{}, lab.Result{Sent: 9, Lost: 1}, false},
		{"nothing sent", limit{}, lab.Result{}, false},
		{"loss within the gap", gap, lab.Result{Sent: 9, Lost: 3, Gap: 200 * time.Millisecond}, true},
		{"too long a gap", gap, lab.Result{Sent: 9, Gap: 201 * time.Millisecond}, false},
		{"no answer at all has no gap", gap, lab.Result{Sent: 9, Lost: 9}, false},
		{"not limited", limit{lost: -1}, lab.Result{Sent: 9, Lost: 9}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.l.check(test.r); (got == "") != test.ok {
				t.Errorf("got %q, want ok %v", got, test.ok)
			}
		})
	}
}

func TestTable(t *testing.T) {
	got := table([]row{
		{"steady", lab.Result{Sent: 150, Gap: 40200 * time.Microsecond}, limit{note: "0 lost"}},
		{"the old leader returns", lab.Result{Sent: 9, Lost: 2, Gap: time.Second}, limit{note: "0 lost"}},
	})
	const want = `measured                               requests  lost  longest gap  allowed
steady                                      150     0         40ms  0 lost
the old leader returns                        9     2           1s  0 lost  <- FAILED
together                                    159     2
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestServers reads what the CLI and ipvsadm print.
func TestServers(t *testing.T) {
	const cli = `Destinations
[   1] dns@ams/198.51.100.35 (enabled, healthy, active)
[   2] dns@ams/198.51.100.36 (disabled, unhealthy, inactive)
[  10] www@ams/[2001:db8:51:100::21]:80/TCP (enabled, healthy, active)
[  11] www@ams/192.168.37.72:443/TCP (enabled, unhealthy, inactive)
[  12] www@ams/192.168.37.71:80/TCP (enabled, healthy, active)
`
	const table = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
FWM  65536 rr
  -> 192.168.37.9:0               Route   1      4          73        
TCP  192.168.37.200:80 wlc
  -> 192.168.37.71:80             Route   2      0          71        
  -> 192.168.37.72:80             Route   0      0          36        
TCP  [2001:db8:51:100::20]:80 wlc
  -> [2001:db8:51:100::21]:80     Route   2      0          0         
FWM  256 sh (sh-fallback,sh-port)
  -> 198.51.100.35:0              Route   1      0          0         
FWM  65537 IPv6 rr
  -> [2001:db8:51:100::21]:0      Route   1      5          73        
`
	want := []string{"192.168.37.71:80", "198.51.100.35", "[2001:db8:51:100::21]:80"}
	if diff := cmp.Diff(want, cliServers(cli)); diff != "" {
		t.Errorf("CLI (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, kernelServers(table)); diff != "" {
		t.Errorf("kernel (-want +got):\n%s", diff)
	}
	if got := append(cliServers("nothing"), kernelServers("nothing")...); len(got) != 0 {
		t.Errorf("servers in nothing: %v", got)
	}
}
