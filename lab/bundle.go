package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// evidence are the commands whose output a bundle keeps for each host, one file each.
var evidence = []struct{ file, script string }{
	{"ip.txt", "ip -d addr; ip -s link; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; ip neigh"},
	{"ipvs.txt", "ipvsadm -Ln; ipvsadm -Ln --stats; ipvsadm -Lnc; cat /proc/net/ip_vs_conn"},
	{"nft.txt", "nft list ruleset"},
	{"ps.txt", "ps -eo pid,ppid,pgid,user,stat,etimes,rss,args; ss -anp"},
	{"files.txt", "ls -lR /run/seesaw /etc/seesaw /var/lib/seesaw /var/log/seesaw"},
	{"sysctl.txt", "sysctl -a -r 'net.ipv4.(vs|ip_forward|conf.*.(arp_|rp_filter|accept_local|forwarding))'"},
}

// copied are the trees of a host that a bundle keeps.
var copied = []string{"/var/log/seesaw", "/etc/seesaw", "/run/seesaw", "/var/lib/seesaw"}

// copyLimit bounds the size of one file in a bundle; its end is what is kept.
const copyLimit = 4 << 20

// writeBundle writes what can be known about the topology into the bundle. It
// never fails a test: what could not be had says so in its place.
func (l *Lab) writeBundle() {
	if err := os.MkdirAll(l.bundle, 0o755); err != nil {
		l.t.Logf("lab: no bundle: %v", err)
		return
	}
	done := make(chan error)
	for _, h := range l.hosts {
		go func() { done <- h.writeEvidence(filepath.Join(l.bundle, h.Name)) }()
	}
	var errs []error
	for range l.hosts {
		errs = append(errs, <-done)
	}
	for _, s := range l.segments {
		out, err := s.command(context.Background(), "bridge", "fdb", "show").CombinedOutput()
		errs = append(errs, err, os.WriteFile(filepath.Join(l.bundle, s.Name+"-fdb.txt"), out, 0o644))
	}
	errs = append(errs, copyTree(l.dir, l.bundle))
	if err := errors.Join(errs...); err != nil {
		l.t.Logf("lab: parts of the bundle are missing: %v", err)
	}
	l.t.Logf("lab: bundle of the failure: %s", l.bundle)
}

// writeEvidence writes one host's part of a bundle.
func (h *Host) writeEvidence(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	for _, e := range evidence {
		// Whatever a command has to complain about is evidence too.
		out, err := h.Command(ctx, "sh", "-c", e.script).CombinedOutput()
		if len(out) == 0 && err != nil {
			out = fmt.Appendf(nil, "%v\n", err)
		}
		errs = append(errs, os.WriteFile(filepath.Join(dir, e.file), out, 0o644))
	}
	for _, tree := range copied {
		// The bundle is in a shared file system, so a thread in the host can write it.
		errs = append(errs, h.inFiles(func() error { return copyTree(tree, filepath.Join(dir, tree)) }))
	}
	return errors.Join(errs...)
}

// copyTree copies regular files below from, if it exists, to the same places
// below to.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(name, from))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return copyEnd(name, target)
	})
}

// copyEnd copies a file; of a text longer than copyLimit only the end. A capture
// is bounded where it is made, and useless without its beginning.
func copyEnd(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if len(data) > copyLimit && !strings.Contains(filepath.Base(from), ".pcap") {
		data = data[len(data)-copyLimit:]
	}
	return os.WriteFile(to, data, 0o644)
}
