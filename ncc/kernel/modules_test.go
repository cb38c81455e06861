package kernel

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seesaw/ncc/plan"
)

// moduleHost is a host in a directory, with a modprobe that notes how it was
// called and then does what script says. In it $ROOT is the directory.
func moduleHost(t *testing.T, script string) (m modules, calls func() []string) {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string, mode os.FileMode) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("proc/modules", "nf_conntrack 172032 1 ip_vs, Live 0x0000000000000000\n8021q 40960 0 - Live 0x0\n", 0o644)
	put("sys/module/ip_vs/refcnt", "1\n", 0o644)
	put("lib/modules/"+release()+"/modules.builtin", "kernel/drivers/net/dummy.ko\nkernel/net/ip-tunnel.ko.xz\n", 0o644)
	put("modprobe", "#!/bin/sh\nROOT="+root+"\necho \"$@\" >>$ROOT/calls\n"+script+"\n", 0o755)
	m = modules{root: root, modprobe: filepath.Join(root, "modprobe")}
	return m, func() []string {
		b, err := os.ReadFile(filepath.Join(root, "calls"))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
}

func TestLoadModules(t *testing.T) {
	const fails = `echo "modprobe: FATAL: Module ip_vs_zebra not found." >&2; mkdir -p $ROOT/sys/module/ip_vs_mh; exit 1`
	for name, test := range map[string]struct {
		script string
		lists  [][]string
		calls  []string
		want   []string // part of each list's error; empty = none
	}{
		"nothing wanted":         {"", nil, nil, nil},
		"all there":              {"exit 1", [][]string{{"ip_vs", "nf-conntrack", "8021q"}, {"dummy", "ip_tunnel"}}, nil, []string{"", ""}},
		"loaded together":        {"", [][]string{{"ip_vs", "ip_vs_rr"}, {"ip_vs_mh"}}, []string{"-a ip_vs_rr ip_vs_mh"}, []string{"", ""}},
		"one of them fails":      {fails, [][]string{{"ip_vs_mh"}, {"ip_vs_zebra"}}, []string{"-a ip_vs_mh ip_vs_zebra"}, []string{"", "kernel module missing: ip_vs_zebra: modprobe: FATAL: Module ip_vs_zebra not found. (try: modprobe -a ip_vs_zebra; "}},
		"all of them named":      {"exit 1", [][]string{{"a", "b"}}, []string{"-a a b"}, []string{"kernel module missing: a, b: "}},
		"an option for a name":   {"", [][]string{{"-r"}, {"../x"}, {""}}, nil, []string{`"-r" is not the name`, `"../x" is not the name`, `"" is not the name`}},
		"a bad one spoils not":   {"", [][]string{{"-r"}, {"ip_vs_rr"}}, []string{"-a ip_vs_rr"}, []string{"is not the name", ""}},
		"a name with a dash":     {"", [][]string{{"nft-chain"}}, []string{"-a nft-chain"}, []string{""}},
		"several lines are said": {"echo one; echo two; exit 3", [][]string{{"x"}}, []string{"-a x"}, []string{": one; two ("}},
		"silence is explained":   {"exit 3", [][]string{{"x"}}, []string{"-a x"}, []string{"exit status 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, calls := moduleHost(t, test.script)
			errs := m.load(t.Context(), test.lists...)
			if len(errs) != len(test.want) {
				t.Fatalf("%d errors, want %d", len(errs), len(test.want))
			}
			for i, want := range test.want {
				switch {
				case want == "" && errs[i] != nil:
					t.Errorf("list %d: %v", i, errs[i])
				case want != "" && (errs[i] == nil || !strings.Contains(errs[i].Error(), want)):
					t.Errorf("list %d:\n got %v\nwant %s", i, errs[i], want)
				case strings.HasPrefix(want, "kernel module") && !errors.Is(errs[i], plan.ErrNoModule):
					t.Errorf("list %d: %v is not ErrNoModule", i, errs[i])
				}
			}
			if diff := cmp.Diff(test.calls, calls()); diff != "" {
				t.Errorf("modprobe was called (-want +got):\n%s", diff)
			}
		})
	}
}

func TestModprobeMissing(t *testing.T) {
	m, _ := moduleHost(t, "")
	m.modprobe = filepath.Join(m.root, "no-such-program")
	err := m.load(t.Context(), []string{"ip_vs_rr"})[0]
	if !errors.Is(err, plan.ErrNoModule) || !strings.Contains(err.Error(), "no modprobe on this host (Debian has it in the package kmod)") {
		t.Errorf("got %v", err)
	}
}

func TestModprobeHangs(t *testing.T) {
	m, _ := moduleHost(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := m.load(ctx, []string{"ip_vs_rr"})[0]
	if !errors.Is(err, plan.ErrNoModule) || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("got %v", err)
	}
}

// TestModprobeOfTheKernel: the one in /proc/sys/kernel/modprobe comes first.
func TestModprobeOfTheKernel(t *testing.T) {
	m, calls := moduleHost(t, "")
	dir := filepath.Join(m.root, "proc/sys/kernel")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "modprobe"), []byte(m.modprobe+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.modprobe = ""
	if err := m.load(t.Context(), []string{"ip_vs_rr"})[0]; err != nil {
		t.Fatal(err)
	}
	if len(calls()) != 1 {
		t.Errorf("called %v", calls())
	}
}

// TestDoLoadsTogether: a run of operations is one run of modprobe, and each has
// its own outcome, named.
func TestDoLoadsTogether(t *testing.T) {
	m, calls := moduleHost(t, "mkdir -p $ROOT/sys/module/ip_vs_rr; exit 1")
	k := &Kernel{log: slog.New(slog.DiscardHandler), modules: m}
	errs := k.Do(t.Context(), []plan.Op{
		plan.LoadModules{Names: []string{"ip_vs_rr"}},
		plan.LoadModules{Names: []string{"ip_vs_zebra"}},
	})
	if errs[0] != nil {
		t.Errorf("ip_vs_rr: %v", errs[0])
	}
	if want := "load kernel modules [ip_vs_zebra]: kernel module missing: ip_vs_zebra"; errs[1] == nil || !strings.HasPrefix(errs[1].Error(), want) {
		t.Errorf("got %v, want %s…", errs[1], want)
	}
	if diff := cmp.Diff([]string{"-a ip_vs_rr ip_vs_zebra"}, calls()); diff != "" {
		t.Errorf("modprobe was called (-want +got):\n%s", diff)
	}
}
