//go:build lab

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestLabConcurrency(t *testing.T) {
	l := newLab(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			own := func(i int) Service {
				return Service{Address: netip.AddrFrom4([4]byte{192, 0, byte(g), byte(i)}), Protocol: TCP, Port: 80, Scheduler: "rr"}
			}
			for i := range 50 {
				s := own(i)
				d := Destination{Address: netip.AddrFrom4([4]byte{10, 0, byte(g), byte(i)}), Port: 80, Forward: ForwardRoute, Weight: uint32(i)}
				if err := errors.Join(l.NewService(s), l.NewDestination(s, d)); err != nil {
					t.Error(err)
				}
				if err := l.NewService(s); !errors.Is(err, unix.EEXIST) {
					t.Errorf("got %v, want EEXIST", err)
				}
				if got, err := l.GetService(s); err != nil || got.Key() != s.Key() {
					t.Errorf("got %s, %v; want %s", got, err, s)
				}
				if got, err := l.ListDestinations(s); err != nil || len(got) != 1 || !got[0].Equal(d) {
					t.Errorf("got %v, %v; want %s", got, err, d)
				}
				if _, err := l.ListServices(); err != nil {
					t.Error(err)
				}
				if i%2 == 1 {
					if err := l.DelService(own(i - 1)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got, err := l.ListServices(); err != nil || len(got) != 8*25 {
		t.Errorf("%d services left, %v; want %d", len(got), err, 8*25)
	}
}

// TestLabOverrun makes the kernel drop answers for lack of buffer.
func TestLabOverrun(t *testing.T) {
	l := newLab(t)
	s, ok := l.conn.link.(*socket)
	if !ok {
		s = l.conn.link.(*recorder).link.(*socket)
	}
	l.must(unix.SetsockoptInt(s.s.GetFd(), unix.SOL_SOCKET, unix.SO_RCVBUF, 2048))
	start := time.Now()
	lost := 0
	for _, err := range l.Do(repeat(Request{Op: OpDelService, Service: web}, 1000)) {
		switch {
		case errors.Is(err, ErrAnswerLost) && errors.Is(err, unix.ENOBUFS):
			lost++
		case !errors.Is(err, unix.ESRCH):
			t.Fatalf("got %v, want ESRCH or ErrAnswerLost", err)
		}
	}
	t.Logf("%d of 1000 answers lost, in %s", lost, time.Since(start))
	if lost == 0 {
		t.Error("nothing was lost: the test is blind")
	}
	l.wantErr(l.DelService(web), unix.ESRCH)
	for i := range 300 {
		l.must(l.NewService(Service{FWMark: uint32(i + 1), Scheduler: "rr"}))
	}
	if got, err := l.ListServices(); err != nil || len(got) != 300 {
		t.Errorf("listed %d services, %v; want 300", len(got), err)
	}
}

// TestLabBatchSpeed makes the same table by Do and by ipvsadm -R.
func TestLabBatchSpeed(t *testing.T) {
	const services, each = 2000, 4
	var (
		requests []Request
		script   strings.Builder
	)
	for i := range services {
		s := Service{Address: netip.AddrFrom4([4]byte{192, 1, byte(i >> 8), byte(i)}), Protocol: TCP, Port: 80, Scheduler: "wlc"}
		requests = append(requests, Request{Op: OpNewService, Service: s})
		fmt.Fprintf(&script, "-A -t %s:80 -s wlc\n", s.Address)
		for j := range each {
			d := Destination{Address: netip.AddrFrom4([4]byte{10, byte(j), byte(i >> 8), byte(i)}), Port: 80, Forward: ForwardRoute, Weight: 1}
			requests = append(requests, Request{Op: OpNewDestination, Service: s, Destination: d})
			fmt.Fprintf(&script, "-a -t %s:80 -r %s:80 -g -w 1\n", s.Address, d.Address)
		}
	}
	var tables [2][]string
	for round := range 2 {
		l := newLab(t)
		start := time.Now()
		l.must(errors.Join(l.Do(requests)...))
		batch := time.Since(start)

		start = time.Now()
		all, err := l.ListServices()
		l.must(err)
		found := 0
		for _, s := range all {
			dests, err := l.ListDestinations(s)
			l.must(err)
			found += len(dests)
		}
		dumped := time.Since(start)
		if len(all) != services || found != services*each {
			t.Errorf("found %d services and %d destinations", len(all), found)
		}
		tables[0] = l.saved()
		l.must(l.Flush())

		start = time.Now()
		l.run(script.String(), "ipvsadm", "-R")
		restored := time.Since(start)
		tables[1] = l.saved()

		l.must(l.Flush())
		start = time.Now()
		for _, r := range requests {
			l.must(l.Do([]Request{r})[0])
		}
		single := time.Since(start)
		t.Logf("round %d: %d objects: Do %s, one by one %s, ipvsadm -R %s; listed all in %s", round, len(requests), batch, single, restored, dumped)
		if diff := cmp.Diff(tables[1], tables[0]); diff != "" {
			t.Errorf("tables differ (-ipvsadm +Do):\n%s", diff)
		}
	}
}

// TestLabNotLoaded takes the module away and brings it back.
func TestLabNotLoaded(t *testing.T) {
	l := newLab(t)
	l.must(l.NewService(Service{FWMark: 1, Scheduler: "rr"}))
	l.must(l.Flush())
	// Namespaces of earlier tests go away, and with them their use of the
	// modules, some time after their last handle.
	l.eventually("ip_vs can be removed", func() (string, bool) {
		modules, err := filepath.Glob("/sys/module/ip_vs_*")
		l.must(err)
		for _, m := range append(modules, "ip_vs") {
			if out, err := exec.Command("modprobe", "-r", filepath.Base(m)).CombinedOutput(); err != nil {
				return string(out), false
			}
		}
		return "", true
	})
	// Asked for the family, the kernel loads the module by itself if it can.
	helper, err := os.ReadFile("/proc/sys/kernel/modprobe")
	l.must(err)
	setHelper := func(path string) { l.must(os.WriteFile("/proc/sys/kernel/modprobe", []byte(path), 0)) }
	setHelper("/bin/false")
	defer setHelper(string(helper))
	if _, err := l.ListServices(); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("without the module: got %v, want ErrNotLoaded", err)
	}
	if _, err := New(InNamespace(l.ns)); !errors.Is(err, ErrNotLoaded) || !strings.Contains(err.Error(), "modprobe ip_vs") {
		t.Errorf("New: got %v, want ErrNotLoaded", err)
	}
	// The handle finds the family again when the module is back.
	setHelper(string(helper))
	l.run("", "modprobe", "ip_vs")
	if got, err := l.ListServices(); err != nil || len(got) != 0 {
		t.Errorf("module loaded again: %v, %v", got, err)
	}
	l.must(l.NewService(Service{FWMark: 1, Scheduler: "rr"}))
}
