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

// keepAtMost bounds the size of one text in a bundle, in bytes.
const keepAtMost = 4 << 20

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
	logs := make(map[string][]byte)
	errs = append(errs, readTree(l.dir, logs))
	for name, data := range logs {
		errs = append(errs, os.WriteFile(filepath.Join(l.bundle, filepath.Base(name)), data, 0o644))
	}
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
		// Read by a thread in the host, written by one that sees the bundle.
		files := make(map[string][]byte)
		err := h.inFiles(func() error { return readTree(tree, files) })
		errs = append(errs, err, writeFiles(dir, files))
	}
	return errors.Join(errs...)
}

// readTree reads the regular files below root, if it exists, into files by path.
func readTree(root string, files map[string][]byte) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // also for what goes away while we look
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		files[name] = end(name, data)
		return err
	})
}

// end is the end of a text that is longer than keepAtMost. A capture is bounded
// where it is made, and useless without its beginning.
func end(name string, data []byte) []byte {
	if strings.Contains(filepath.Base(name), ".pcap") {
		return data
	}
	return data[max(0, len(data)-keepAtMost):]
}

// writeFiles writes files to the same paths below dir.
func writeFiles(dir string, files map[string][]byte) error {
	var errs []error
	for name, data := range files {
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.WriteFile(target, data, 0o644))
	}
	return errors.Join(errs...)
}
