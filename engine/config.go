package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"seesaw/engine/core"
	"seesaw/engine/source"
	"seesaw/internal/config"
	"seesaw/internal/lb"
)

// ErrNoServer: no config server is named in seesaw.cfg.
var ErrNoServer = errors.New("no config server is named (config_server.primary of seesaw.cfg)")

// pollEvery is the pause between looking whether the operator's file has
// changed.
const pollEvery = 60 * time.Second

// notPulled says why the local copy is in use where a server is the source.
const notPulled = "pulling from a config server is not built yet: the local copy is in use"

// configure puts the first config in force and then whatever the operator's file
// comes to say.
func (e *Engine) configure(ctx context.Context) error {
	e.start(ctx)
	close(e.booted)
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
			e.poll(ctx)
		}
	}
}

// start puts the first config in force. Without one the engine waits for it and
// leaves the host as it is.
func (e *Engine) start(ctx context.Context) {
	e.reading.Lock()
	defer e.reading.Unlock()
	if len(e.cfg.Node.ConfigServers) > 0 {
		e.log.Warn(notPulled, "servers", e.cfg.Node.ConfigServers, "file", e.src.File)
	}
	l, err := e.src.Boot(func(c *config.Cluster) error {
		var refused error
		err := e.on(ctx, func(time.Time) { refused = e.core.Accept(c) })
		return errors.Join(err, refused)
	})
	if err == nil && l.Fallback != nil {
		e.log.Warn("the cluster file is refused: running on the copy of what was last accepted", "file", e.src.File, "err", l.Fallback)
	}
	if err := e.accept(ctx, nil, l, err); err != nil && ctx.Err() == nil {
		e.log.Error("no cluster config to run with: the host is left as it is until there is one", "err", err)
	}
}

// reload reads the operator's file again and puts it in force. If it is refused
// nothing changes, and the error says all that is wrong with it. What is in
// force may lack the vservers that are faulty.
func (e *Engine) reload(ctx context.Context) (faulty []config.Faulty, err error) {
	e.reading.Lock()
	defer e.reading.Unlock()
	var inForce *config.Cluster
	if err := e.on(ctx, func(time.Time) { inForce = e.boot.loaded }); err != nil {
		return nil, err
	}
	l, err := e.src.Read(inForce)
	if err := e.accept(ctx, inForce, l, err); err != nil {
		return nil, err
	}
	return l.Cluster.Faulty, nil
}

// leftOut is the error that tells an operator of vservers which a config has
// wrong; nil if there are none.
func leftOut(faulty []config.Faulty) error {
	if len(faulty) == 0 {
		return nil
	}
	lines := make([]string, len(faulty))
	for i, f := range faulty {
		lines[i] = f.Problems.Error()
	}
	return fmt.Errorf("all is in force but the vservers with a fault; they stay as they were last accepted:\n%s", strings.Join(lines, "\n"))
}

// poll reloads if the operator's file says something new.
func (e *Engine) poll(ctx context.Context) {
	e.reading.Lock()
	changed := e.src.Changed()
	e.reading.Unlock()
	if !changed {
		return
	}
	follow := false
	if e.on(ctx, func(time.Time) { follow = e.boot.source != source.None }) != nil || !follow {
		return
	}
	if _, err := e.reload(ctx); err != nil {
		e.log.Error("the cluster file is refused: what was in force stays", "file", e.src.File, "err", err)
	}
}

// accept puts in force what was read, if it was read and is fit for this node.
// reading is held.
func (e *Engine) accept(ctx context.Context, inForce *config.Cluster, l source.Loaded, err error) error {
	same := err == nil && inForce != nil && proto.Equal(inForce.Raw, l.Cluster.Raw) && reflect.DeepEqual(inForce.Faulty, l.Cluster.Faulty)
	var version lb.ConfigVersion
	if err == nil && !same {
		version = versionOf(l.Cluster)
	}
	stopping := e.on(ctx, func(now time.Time) {
		if err == nil {
			err = e.core.Accept(l.Cluster)
		}
		if e.boot.err = err; err != nil {
			return
		}
		e.boot.err, e.boot.fallback = l.Fallback, l.Fallback != nil
		if same {
			return
		}
		for _, f := range l.Cluster.Faulty {
			e.log.Error("vserver is refused; all others are in force", "vserver", f.Name, "kept last good", slices.Contains(l.Kept, f.Name), "err", f.Problems)
		}
		e.boot.loaded = l.Cluster
		e.step(now, core.Load{Cluster: l.Cluster, View: lb.ConfigView{InUse: source.Disk, LoadedAt: now}})
		e.pair.runs(now, version)
		e.tellPeer()
	})
	if err := errors.Join(stopping, err); err != nil {
		return err
	}
	if !same && l.Fallback == nil {
		e.saver.save(e.src.Accepted, func() error { return e.src.Save(l.Cluster) })
	}
	return nil
}

// explain adds to the view of a config where it came from, and why not from
// where it should.
func (b *bootState) explain(v *lb.ConfigView) {
	v.Source = b.source
	switch {
	case b.fallback:
		v.Reason = "the cluster file is refused: the copy of what was last accepted is in use"
	case b.source == source.Server:
		v.Reason = notPulled
	}
	if b.err != nil {
		v.Warnings = append(v.Warnings, fmt.Sprintf("the cluster file is refused, what was in force stays: %v", b.err))
	}
}

// setSource changes where config comes from and reads it from there. It returns
// where it came from before; an empty name only asks.
func (e *Engine) setSource(ctx context.Context, name string) (before string, err error) {
	switch name {
	case "", source.Disk, source.None:
	case source.Server:
		if len(e.cfg.Node.ConfigServers) == 0 {
			return "", ErrNoServer
		}
	case source.Peer:
		return "", errors.New("config source peer: a peer cannot be asked for its config yet (use disk)")
	default:
		return "", fmt.Errorf("config source %q: want disk, server, peer or none", name)
	}
	err = e.on(ctx, func(time.Time) {
		if before = e.boot.source; name != "" && name != before {
			e.boot.source = name
			e.log.Info("config source changed", "old", before, "new", name)
		}
	})
	if err != nil || name == "" || name == source.None {
		return before, err
	}
	if _, err := e.reload(ctx); err != nil {
		return before, fmt.Errorf("the config source is %s now, but what it has is refused: %w", name, err)
	}
	return before, nil
}

// missing says why there is no config to show.
func (e *Engine) missing() error {
	if e.boot.loaded != nil {
		return nil
	}
	err := e.boot.err
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w (write one; an example is /etc/seesaw/cluster.pb.example)", err)
	}
	return fmt.Errorf("no cluster config is in force: %w", err)
}
