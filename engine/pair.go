package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"google.golang.org/protobuf/proto"

	"seesaw/engine/core"
	"seesaw/engine/peer"
	"seesaw/internal/config"
	"seesaw/internal/lb"
	"seesaw/internal/rpc"
)

// differLong is how long the nodes of a pair may run different configs before
// operators are warned. Each looks at its file once in pollEvery, and somebody
// must first have copied it.
const differLong = 3 * time.Minute

// pair is what the engine knows of the other node. All but link, which is set
// once, is owned by loop.
type pair struct {
	link *peer.Link // nil = there is none
	// view is what was heard last, but for SameConfig.
	view lb.PeerView
	// ours is the config that this node runs.
	ours lb.ConfigVersion
	// differs is since when the peer runs another one; zero = it does not.
	differs time.Time
	warned  bool // of that
}

// alone is what it means to have no link.
const alone = "no link to the peer: overrides stay on this node, and it does not know what the peer runs"

// newLink makes the link to the peer, if there is a peer and seesaw.cfg says how
// the nodes know each other.
func (e *Engine) newLink() {
	n := e.cfg.Node
	if !n.HasPeer() {
		return
	}
	if n.PeerCA == "" {
		e.log.Warn(alone, "err", "no certificates are named (ca, cert and key in [peer] of seesaw.cfg)")
		return
	}
	var paths []peer.Path
	for _, f := range lb.Families() {
		if own, other := n.Addrs.Addr(f), n.PeerAddrs.Addr(f); own.IsValid() && other.IsValid() {
			paths = append(paths, peer.Path{Local: netip.AddrPortFrom(own, peer.Port), Peer: netip.AddrPortFrom(other, peer.Port)})
		}
	}
	e.linkOver(paths)
}

// linkOver makes the link on given paths.
func (e *Engine) linkOver(paths []peer.Path) {
	n := e.cfg.Node
	link, err := peer.New(peer.Config{
		Paths: paths, Owner: owner{e},
		Files: rpc.TLSFiles{CA: n.PeerCA, Cert: n.PeerCert, Key: n.PeerKey},
	}, e.log)
	if err != nil {
		e.log.Warn(alone, "err", err)
		return
	}
	e.pair.link = link
	e.pair.view.Reason = "not connected yet"
	e.tellPeer()
}

// tellPeer hands the link what the peer is to know.
func (e *Engine) tellPeer() {
	if e.pair.link != nil {
		e.pair.link.Set(lb.PeerState{Config: e.pair.ours, Overrides: e.core.Overrides()})
	}
}

// owner takes what the link hears to loop.
type owner struct{ e *Engine }

var _ peer.Owner = owner{}

// PeerSaid takes in the peer's state.
func (o owner) PeerSaid(ctx context.Context, s lb.PeerState) {
	e := o.e
	e.on(ctx, func(now time.Time) {
		if v := &e.pair.view; !v.Connected {
			*v = lb.PeerView{Connected: true, Since: now}
		}
		e.pair.view.Config = s.Config
		e.pair.compare(now)
		if _, changed := peer.Merge(e.core.Overrides(), s.Overrides); len(changed) > 0 {
			e.step(now, core.Replicated{Records: changed})
		}
	})
}

// PeerLost takes in that the peer is not heard. What it said last stays known.
func (o owner) PeerLost(ctx context.Context, why error) {
	e := o.e
	e.on(ctx, func(now time.Time) {
		v := &e.pair.view
		if v.Connected {
			v.Since = now
		}
		v.Connected, v.Reason = false, why.Error()
	})
}

// runs says which config this node runs from now on.
func (p *pair) runs(now time.Time, v lb.ConfigVersion) {
	p.ours = v
	p.compare(now)
}

func (p *pair) same() bool { return p.ours.Hash != "" && p.ours.Hash == p.view.Config.Hash }

// compare keeps the books of since when the nodes differ. A node that runs
// nothing yet is not compared.
func (p *pair) compare(now time.Time) {
	switch {
	case p.same() || p.ours.Hash == "" || p.view.Config.Hash == "":
		p.differs = time.Time{}
	case p.differs.IsZero():
		p.differs = now
	}
}

// warning is what operators should know of the two nodes' configs, empty for
// nothing.
func (p *pair) warning(now time.Time) string {
	if p.differs.IsZero() || !p.view.Connected || now.Sub(p.differs) < differLong {
		return ""
	}
	return fmt.Sprintf("the nodes have run different cluster configs since %s: this one %v, the peer %v (give both the same cluster file)",
		p.differs.UTC().Format(time.RFC3339), describe(p.ours), describe(p.view.Config))
}

// describe is a config for people.
func describe(v lb.ConfigVersion) string {
	made := "one of unknown age"
	if !v.LastUpdate.IsZero() {
		made = "that of " + v.LastUpdate.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s (%.8s)", made, v.Hash)
}

// explain adds the other node to the view of a config.
func (p *pair) explain(now time.Time, v *lb.ConfigView) {
	v.Hash, v.Peer = p.ours.Hash, p.view
	if p.link != nil {
		v.Peer.SameConfig = p.same()
	}
	if w := p.warning(now); w != "" {
		v.Warnings = append(v.Warnings, w)
	}
}

// watchPeer logs once if the nodes run different configs for long.
func (e *Engine) watchPeer(ctx context.Context) error {
	tick := time.NewTicker(differLong / 10)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		e.on(ctx, func(now time.Time) {
			w := e.pair.warning(now)
			if w != "" && !e.pair.warned {
				e.log.Warn(w)
			}
			e.pair.warned = w != ""
		})
	}
}

// versionOf tells a config from others by all that it says.
func versionOf(c *config.Cluster) lb.ConfigVersion {
	v := lb.ConfigVersion{LastUpdate: c.LastUpdated}
	data, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(c.Raw)
	if err != nil {
		return v
	}
	sum := sha256.Sum256(data)
	v.Hash = hex.EncodeToString(sum[:16])
	return v
}
