package engine

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seesaw/engine/peer"
	"seesaw/internal/config"
	"seesaw/internal/lb"
	"seesaw/internal/nettest"
)

var pairs atomic.Uint32

// newPair makes two nodes and starts both. Their link goes over addresses of
// their own on the loopback interface, which no config would let a node have.
func newPair(t *testing.T) (a, b *rig) {
	t.Helper()
	ca := nettest.NewAuthority(t)
	net := byte(100 + pairs.Add(1))
	at := func(host byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(1 + os.Getpid()%250), net, host}), peer.Port)
	}
	node := func(own, other byte) *rig {
		cert, key := ca.Issue(t, t.TempDir(), time.Now().Add(time.Hour))
		text := strings.NewReplacer("10.2\n", fmt.Sprintf("10.%d\n", own), "10.3\n", fmt.Sprintf("10.%d\n", other)).Replace(nodeText)
		r := newRig(t, text+fmt.Sprintf("[peer]\nca = %s\ncert = %s\nkey = %s\n", ca.File, cert, key), head+dns+web)
		r.prepare = func(e *Engine) { e.linkOver([]peer.Path{{Local: at(own), Peer: at(other)}}) }
		r.startNCC()
		r.start()
		return r
	}
	return node(2, 3), node(3, 2)
}

func (r *rig) override(vserver string, state lb.Override) {
	r.t.Helper()
	if err := r.client.OverrideVserver(r.ctx(), vserver, state); err != nil {
		r.t.Fatal(err)
	}
}

// overridden waits until a vserver's override is in force.
func (r *rig) overridden(vserver string, state lb.Override) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%s is overridden: %v", vserver, state), func() bool {
		list, err := r.client.Vservers(r.ctx())
		if err != nil {
			return false
		}
		for _, v := range list {
			if v.Name == vserver {
				return v.Override == state
			}
		}
		return false
	})
}

// peer waits until what is known of the peer is so.
func (r *rig) peer(what string, true func(lb.PeerView) bool) {
	r.t.Helper()
	r.eventually(what, func() bool {
		v, err := r.client.ConfigStatus(r.ctx())
		return err == nil && true(v.Peer)
	})
}

func connected(v lb.PeerView) bool { return v.Connected && v.Reason == "" && !v.Since.IsZero() }

func TestOverridesReachThePeer(t *testing.T) {
	a, b := newPair(t)
	a.override("dns", lb.OverrideDisabled)
	b.overridden("dns", lb.OverrideDisabled)
	b.tableIs("")
	b.override("web", lb.OverrideDisabled)
	a.overridden("web", lb.OverrideDisabled)

	// What was said while the peer was away reaches it when it returns; what it
	// had said holds on.
	a.stop()
	b.override("web", lb.OverrideDefault)
	b.peer("lost", func(v lb.PeerView) bool { return !v.Connected && v.Reason != "" && v.Config.Hash != "" })
	a.start()
	a.overridden("web", lb.OverrideDefault)
	a.overridden("dns", lb.OverrideDisabled)

	// It survives the restart of both.
	a.stop()
	b.stop()
	a.start()
	a.overridden("dns", lb.OverrideDisabled)
	b.start()
	b.overridden("dns", lb.OverrideDisabled)

	// Taken back on the node that had only heard of it.
	b.override("dns", lb.OverrideDefault)
	a.overridden("dns", lb.OverrideDefault)
	a.tableIs(dnsUp)
	b.tableIs(dnsUp)
}

// One word is one change on each node, however long they talk about it.
func TestOverridesDoNotEcho(t *testing.T) {
	a, b := newPair(t)
	a.override("dns", lb.OverrideDisabled)
	b.overridden("dns", lb.OverrideDisabled)
	b.override("web", lb.OverrideDisabled)
	a.overridden("web", lb.OverrideDisabled)
	a.stop()
	b.stop()
	for name, r := range map[string]*rig{"a": a, "b": b} {
		for _, vserver := range []string{"dns", "web"} {
			if n := strings.Count(r.log.String(), `msg="vserver override" vserver=`+vserver); n != 1 {
				t.Errorf("%s: %d changes of %s, want 1:\n%s", name, n, vserver, r.log)
			}
		}
	}
}

func TestConfigStatusShowsThePeer(t *testing.T) {
	a, b := newPair(t)
	agree := func(v lb.PeerView) bool { return connected(v) && v.SameConfig && v.Config.Hash != "" }
	a.peer("a knows that b runs the same", agree)
	b.peer("b knows that a runs the same", agree)

	data, err := os.ReadFile(b.file())
	if err != nil {
		t.Fatal(err)
	}
	b.write(strings.Replace(string(data), dns, "", 1))
	if err := b.client.ConfigReload(b.ctx()); err != nil {
		t.Fatal(err)
	}
	differ := func(v lb.PeerView) bool { return connected(v) && !v.SameConfig }
	a.peer("a knows that b runs another", differ)
	b.peer("b knows that a runs another", differ)
	va, err := a.client.ConfigStatus(a.ctx())
	if err != nil {
		t.Fatal(err)
	}
	vb, err := b.client.ConfigStatus(b.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if va.Hash == vb.Hash || va.Peer.Config.Hash != vb.Hash || vb.Peer.Config.Hash != va.Hash {
		t.Errorf("a runs %s and thinks that b runs %s; b runs %s and thinks that a runs %s", va.Hash, va.Peer.Config.Hash, vb.Hash, vb.Peer.Config.Hash)
	}

	b.write(string(data))
	if err := b.client.ConfigReload(b.ctx()); err != nil {
		t.Fatal(err)
	}
	a.peer("a knows that b runs the same again", agree)
}

func TestWithoutALink(t *testing.T) {
	secured := "[peer]\nca = /nowhere/ca.crt\ncert = /nowhere/node.crt\nkey = /nowhere/node.key\n"
	for name, tc := range map[string]struct{ node, want string }{
		"no certificates":     {nodeText, "no certificates are named"},
		"no family in common": {strings.Replace(nodeText, "peer_ipv4 = 192.168.10.3", "peer_ipv6 = 2001:db8::3", 1) + secured, "addresses of one family"},
		"no peer":             {strings.Replace(nodeText, "peer_ipv4 = 192.168.10.3\n", "", 1) + secured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t, tc.node, head+dns)
			r.override("dns", lb.OverrideDisabled)
			r.overridden("dns", lb.OverrideDisabled)
			v, err := r.client.ConfigStatus(r.ctx())
			if err != nil || v.Peer != (lb.PeerView{}) || v.Hash == "" {
				t.Errorf("status %+v, %v; want a hash and no peer", v, err)
			}
			want := 0
			if tc.want != "" {
				want = 1
			}
			if n := strings.Count(r.log.String(), "no link to the peer"); n != want || !strings.Contains(r.log.String(), tc.want) {
				t.Errorf("%d warnings, want %d for %q:\n%s", n, want, tc.want, r.log)
			}
		})
	}
}

// Operators are warned when the nodes differ for long, and while they hear each
// other.
func TestDifferentConfigs(t *testing.T) {
	var p pair
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	began := now
	hear := func(hash string) {
		p.view.Connected, p.view.Config = true, lb.ConfigVersion{Hash: hash}
		p.compare(now)
	}
	for _, step := range []struct {
		what string
		do   func()
		warn bool
	}{
		{"nothing runs", func() {}, false},
		{"the peer runs something", func() { hear("one") }, false},
		{"for long", func() { now = now.Add(time.Hour) }, false},
		{"we run another", func() { p.runs(now, lb.ConfigVersion{Hash: "two", LastUpdate: began}) }, false},
		{"not yet for long", func() { now = now.Add(differLong - 1) }, false},
		{"it runs yet another", func() { hear("three") }, false},
		{"for long now", func() { now = now.Add(1) }, true},
		{"it is lost", func() { p.view.Connected = false }, false},
		{"it is back", func() { hear("three") }, true},
		{"the same", func() { hear("two") }, false},
		{"another once more", func() { hear("four") }, false},
		{"for long", func() { now = now.Add(differLong) }, true},
		{"it runs nothing", func() { hear("") }, false},
	} {
		step.do()
		w := p.warning(now)
		if (w != "") != step.warn {
			t.Errorf("%s: warning %q, want one: %v", step.what, w, step.warn)
		}
		if w != "" && (!strings.Contains(w, "that of 2026-01-02T03:04:05Z (two)") || !strings.Contains(w, "one of unknown age (")) {
			t.Errorf("%s: %s", step.what, w)
		}
		var v lb.ConfigView
		p.explain(now, &v)
		if (len(v.Warnings) > 0) != step.warn {
			t.Errorf("%s: view has warnings %q", step.what, v.Warnings)
		}
	}
}

// The log has one line each time that the nodes differ for long.
func TestDifferentConfigsAreLoggedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine, _ *stub, log *logged) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { e.watchPeer(ctx) })
		for i := range 3 {
			for _, hash := range []string{"another", e.pair.ours.Hash} {
				owner{e}.PeerSaid(ctx, lb.PeerState{Config: lb.ConfigVersion{Hash: hash}})
				time.Sleep(3 * differLong)
				synctest.Wait()
				if n := strings.Count(log.String(), "the nodes have run different cluster configs"); n != i+1 {
					t.Errorf("%d lines after the peer ran another config %d times, want as many:\n%s", n, i+1, log)
				}
			}
		}
		cancel()
		wg.Wait()
	})
}

// The hash is of what a config says, not of how it is written.
func TestVersionOf(t *testing.T) {
	parse := func(text string) *config.Cluster {
		c, err := config.ParseCluster("cluster.pb", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one := versionOf(parse(head + dns))
	if same := versionOf(parse("# remark\n" + head + "\n\n" + dns)); one.Hash == "" || same != one {
		t.Errorf("versions %v and %v, want the same", one, same)
	}
	if other := versionOf(parse(head + web)); other.Hash == one.Hash {
		t.Errorf("another config has the hash %s too", one.Hash)
	}
}
