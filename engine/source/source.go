// Package source finds the cluster config that a node should run: in the
// operator's file, or in the copy of what was last accepted. It reads, parses
// and saves; whether a config is put in force is the engine's decision.
//
// The operator's file is never written. The accepted copy lives in the state
// directory and is what a node falls back to when the operator's file cannot be
// used, and where a faulty vserver's last good version comes from.
package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"seesaw/internal/config"
)

// The names of sources, as operators write them.
const (
	None   = "none"
	Disk   = "disk"
	Peer   = "peer"
	Server = "server"
)

// Source reads and keeps the cluster config of one node.
type Source struct {
	// File is the operator's cluster file, Accepted the copy of what was last
	// accepted.
	File, Accepted string

	last [sha256.Size]byte // of what File said when it was last read
}

// Loaded is a config that could be read.
type Loaded struct {
	Cluster *config.Cluster
	// File is where it was read from.
	File string
	// Kept names the faulty vservers that have their last good version.
	Kept []string
	// Fallback says why the accepted copy is used in place of the operator's
	// file; nil while it is not.
	Fallback error
}

// Read reads the operator's file. Vservers with a fault have the last good
// version of inForce, or, if nothing is in force yet, of the accepted copy.
func (s *Source) Read(inForce *config.Cluster) (Loaded, error) {
	data, err := os.ReadFile(s.File)
	s.last = sum(data, err)
	if err != nil {
		return Loaded{}, fmt.Errorf("read cluster file: %w", err)
	}
	cluster, err := config.ParseCluster(s.File, data)
	if err != nil {
		return Loaded{}, err
	}
	last := inForce
	if last == nil && len(cluster.Faulty) > 0 {
		// Without an accepted copy the faulty vservers are simply absent.
		last, _ = parse(s.Accepted)
	}
	whole, kept := cluster.KeepLastGood(last)
	return Loaded{Cluster: whole, File: s.File, Kept: kept}, nil
}

// Changed reports whether the operator's file says something else than when it
// was last read.
func (s *Source) Changed() bool {
	data, err := os.ReadFile(s.File)
	return sum(data, err) != s.last
}

// sum stands for what reading a file came to.
func sum(data []byte, err error) [sha256.Size]byte {
	if err != nil {
		data = []byte(err.Error())
	}
	return sha256.Sum256(data)
}

// Boot reads what a node starts with: the operator's file, or, if that is
// refused or absent, the accepted copy. fit says whether a config can be put in
// force on this node.
func (s *Source) Boot(fit func(*config.Cluster) error) (Loaded, error) {
	l, err := s.Read(nil)
	if err == nil {
		err = fit(l.Cluster)
	}
	if err == nil {
		return l, nil
	}
	cluster, err2 := parse(s.Accepted)
	if err2 == nil {
		err2 = fit(cluster)
	}
	if err2 != nil {
		if errors.Is(err2, os.ErrNotExist) {
			return Loaded{}, err
		}
		return Loaded{}, errors.Join(err, fmt.Errorf("the copy of what was last accepted is no help: %w", err2))
	}
	return Loaded{Cluster: cluster, File: s.Accepted, Fallback: err}, nil
}

// Save keeps a config as what was last accepted. It is written beside and then
// renamed, so that there is always a whole one.
func (s *Source) Save(cluster *config.Cluster) error {
	text, err := config.MarshalText(cluster.Raw)
	if err != nil {
		return fmt.Errorf("save accepted cluster config: %w", err)
	}
	if err := WriteFile(s.Accepted, text); err != nil {
		return fmt.Errorf("save accepted cluster config: %w", err)
	}
	return nil
}

// WriteFile replaces a file whole or not at all. Its folder is made if it is
// not there.
func WriteFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func parse(file string) (*config.Cluster, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read cluster file: %w", err)
	}
	return config.ParseCluster(file, data)
}
