package vm

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the scripts
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

//go:embed init.sh
var initScript string

//go:embed second.sh
var secondScript string

// roots are the modules that the guest cannot reach its root file system or its
// ports without.
var roots = []string{"virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay", "virtio_rng"}

// kernel is an unpacked kernel package.
type kernel struct {
	version string // as uname -r says
	image   string
	modules string // the directory that holds the one called version
}

// openKernel finds the kernel that install.sh has unpacked.
func openKernel(cache string) (kernel, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(cache, "kernel"))
	if err != nil {
		return kernel{}, fmt.Errorf("lab: find the kernel: %w", err)
	}
	version := strings.TrimPrefix(filepath.Base(dir), "kernel-")
	k := kernel{
		version: version,
		image:   filepath.Join(dir, "boot", "vmlinux"),
		modules: filepath.Join(dir, "lib", "modules"),
	}
	if _, err := os.Stat(k.image); err != nil {
		k.image = filepath.Join(dir, "boot", "vmlinuz-"+version)
	}
	return k, nil
}

// initramfs returns the path of the archive for k, made when it is not in the
// cache; its name tells what is in it.
func (k kernel) initramfs(cache string) (string, error) {
	tree := filepath.Join(k.modules, k.version)
	deps, err := os.ReadFile(filepath.Join(tree, "modules.dep"))
	if err != nil {
		return "", fmt.Errorf("lab: read module dependencies: %w", err)
	}
	builtin, err := os.ReadFile(filepath.Join(tree, "modules.builtin"))
	if err != nil {
		return "", fmt.Errorf("lab: read built-in modules: %w", err)
	}
	order, err := loadOrder(string(deps), string(builtin), roots)
	if err != nil {
		return "", err
	}
	files := []file{{name: "init", mode: 0o755, data: []byte(initScript)}, {name: "second.sh", mode: 0o644, data: []byte(secondScript)}}
	busybox, err := readBusybox()
	if err != nil {
		return "", err
	}
	files = append(files, file{name: "bin", mode: dirMode | 0o755}, file{name: "bin/busybox", mode: 0o755, data: busybox}, file{name: "modules", mode: dirMode | 0o755})
	var list strings.Builder
	for _, m := range order {
		data, err := os.ReadFile(filepath.Join(tree, m))
		if err != nil {
			return "", fmt.Errorf("lab: %w", err)
		}
		files = append(files, file{name: "modules/" + path.Base(m), mode: 0o644, data: data})
		list.WriteString(path.Base(m) + "\n")
	}
	files = append(files, file{name: "modules/order", mode: 0o644, data: []byte(list.String())})

	var archive bytes.Buffer
	writeCpio(&archive, files)
	name := filepath.Join(cache, fmt.Sprintf("initramfs-%s-%.6x", k.version, sha256.Sum256(archive.Bytes())))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := os.WriteFile(name+".new", archive.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	return name, os.Rename(name+".new", name)
}

// readBusybox reads the guest's first program, which must be a static one.
func readBusybox() ([]byte, error) {
	name, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("lab: %w (apt-get install busybox-static)", err)
	}
	return os.ReadFile(name)
}

// loadOrder lists the files of the wanted modules and of all that they depend
// on, in an order that insmod can follow. deps and builtin are the contents of
// modules.dep and modules.builtin; what is built in needs no loading.
func loadOrder(deps, builtin string, wanted []string) ([]string, error) {
	needs := make(map[string][]string)
	byName := make(map[string]string)
	for line := range strings.Lines(deps) {
		file, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		needs[file] = strings.Fields(rest)
		byName[moduleName(file)] = file
	}
	done := make(map[string]bool)
	for line := range strings.Lines(builtin) {
		done[moduleName(strings.TrimSpace(line))] = true
	}
	var order []string
	var load func(file string)
	load = func(file string) {
		if done[moduleName(file)] {
			return
		}
		done[moduleName(file)] = true
		for _, d := range needs[file] {
			load(d)
		}
		order = append(order, file)
	}
	for _, name := range wanted {
		file, ok := byName[name]
		if !ok && !done[name] {
			return nil, fmt.Errorf("lab: the kernel has no module %s", name)
		}
		if ok {
			load(file)
		}
	}
	return order, nil
}

// moduleName is the name under which the kernel knows a module file.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path.Base(file), ".ko"), "-", "_")
}
