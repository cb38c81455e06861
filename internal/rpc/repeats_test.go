package rpc

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRepeats(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	var r Repeats
	for i, step := range []struct {
		addr netip.Addr
		err  string // empty = success
		news bool
	}{
		{a, "", false},
		{a, "port 4711: expired", true},
		{a, "port 4712: expired", false},
		{a, "EOF", true},
		{a, "port 4713: expired", false},
		{b, "EOF", true},
		{b, "", false},
		{a, "EOF", false},
		{b, "EOF", true},
		{a, "", false},
		{a, "EOF", true},
	} {
		var err error
		if step.err != "" {
			err = errors.New(step.err)
		}
		if got := r.New(step.addr, err); got != step.news {
			t.Errorf("step %d (%v, %q): news is %v, want %v", i, step.addr, step.err, got, step.news)
		}
	}
}

// A flood of failures costs neither memory nor the log.
func TestRepeatsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Repeats
		flood := func() (news int) {
			addr := netip.MustParseAddr("2001:db8::")
			for range 10 * repeatsMax {
				addr = addr.Next()
				if r.New(addr, fmt.Errorf("no certificate")) {
					news++
				}
			}
			return news
		}
		// Room is made once, then no more within the time.
		if got := flood(); got != 2*repeatsMax {
			t.Errorf("%d are news, want %d", got, 2*repeatsMax)
		}
		if got := flood(); got != 0 {
			t.Errorf("%d are news soon after, want none", got)
		}
		time.Sleep(repeatsEvery)
		if got := flood(); got != repeatsMax {
			t.Errorf("%d are news later, want %d", got, repeatsMax)
		}
		if len(r.known) > repeatsMax {
			t.Errorf("%d are remembered, want at most %d", len(r.known), repeatsMax)
		}
		if why := words(errors.New("1a2:3")); why != "a:" || strings.ContainsAny(why, "0123456789") {
			t.Errorf("words are %q", why)
		}
	})
}
