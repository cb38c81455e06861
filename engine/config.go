package engine

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"google.golang.org/protobuf/proto"

	"seesaw/engine/core"
	"seesaw/engine/source"
	"seesaw/internal/lb"
)

// ErrNoServer: no config server is named in seesaw.cfg.
var ErrNoServer = errors.New("no config server is named (config_server.primary of seesaw.cfg)")

// start puts the first config in force. Without one the engine waits for it and
// leaves the host as it is.
func (e *Engine) start() {
	if e.boot.source == source.Server {
		e.log.Warn("pulling from a config server is not built yet: the local copy is in use",
			"servers", e.cfg.Node.ConfigServers, "file", e.src.File)
	}
	l, err := e.src.Boot()
	if err == nil && l.Fallback != nil {
		e.log.Warn("the cluster file is refused: running on the copy of what was last accepted", "file", e.src.File, "err", l.Fallback)
	}
	if err := e.accept(l, err); err != nil {
		e.log.Error("no cluster config to run with: the host is left as it is until there is one", "err", err)
	}
}

// reload reads the operator's file again and puts it in force. If it is refused
// nothing changes, and the error says all that is wrong with it.
func (e *Engine) reload() error {
	l, err := e.src.Read(e.boot.loaded)
	return e.accept(l, err)
}

// poll reloads if the operator's file says something new. What was refused
// before is refused quietly.
func (e *Engine) poll() {
	if e.boot.source == source.None {
		return
	}
	before := e.boot.err
	if err := e.reload(); err != nil && (before == nil || before.Error() != err.Error()) {
		e.log.Error("the cluster file is refused: what was in force stays", "file", e.src.File, "err", err)
	}
}

// accept puts in force what was read, if it was read and is fit for this node.
func (e *Engine) accept(l source.Loaded, err error) error {
	if err == nil {
		err = e.core.Accept(l.Cluster)
	}
	e.boot.err = err
	if err != nil {
		return err
	}
	if old := e.boot.loaded; old != nil && proto.Equal(old.Raw, l.Cluster.Raw) && reflect.DeepEqual(old.Faulty, l.Cluster.Faulty) {
		return nil
	}
	for _, f := range l.Cluster.Faulty {
		e.log.Error("vserver is refused; all others are in force", "vserver", f.Name, "kept last good", contains(l.Kept, f.Name), "err", f.Problems)
	}
	e.boot.loaded = l.Cluster
	e.step(time.Now(), core.Load{Cluster: l.Cluster, View: e.view(l)})
	if l.Fallback == nil {
		if err := e.src.Save(l.Cluster); err != nil {
			e.log.Warn("after a restart with a broken cluster file this config will not be there", "err", err)
		}
	}
	return nil
}

// view says where a config came from.
func (e *Engine) view(l source.Loaded) lb.ConfigView {
	v := lb.ConfigView{Source: e.boot.source, InUse: source.Disk, LoadedAt: time.Now()}
	if e.boot.source == source.Server {
		v.Reason = "pulling from a config server is not built yet: the local copy is in use"
	}
	if l.Fallback != nil {
		v.Reason = "the cluster file is refused, the copy of what was last accepted is in use"
		v.Warnings = append(v.Warnings, fmt.Sprintf("%s: %v", v.Reason, l.Fallback))
	}
	return v
}

// setSource changes where config comes from, and returns where it came from
// before. An empty name only asks.
func (e *Engine) setSource(name string) (before string, err error) {
	before = e.boot.source
	switch name {
	case "":
		return before, nil
	case source.Disk, source.None:
	case source.Server:
		if len(e.cfg.Node.ConfigServers) == 0 {
			return before, ErrNoServer
		}
	case source.Peer:
		return before, errors.New("config source peer: a peer cannot be asked for its config yet (use disk)")
	default:
		return before, fmt.Errorf("config source %q: want disk, server, peer or none", name)
	}
	e.boot.source = name
	if e.boot.loaded != nil {
		e.log.Info("config source changed", "old", before, "new", name)
	}
	if name == source.None {
		return before, nil
	}
	return before, e.reload()
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

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
