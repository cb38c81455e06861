package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"seesaw/ncc/plan"
)

// The settings that a plan may want, each below its own root. Those of a link
// are read for every link, since the plan and not we know which ones matter.
var (
	hostSettings = []string{
		"net/ipv4/ip_forward",
		"net/ipv4/vs/conntrack",
		"net/ipv4/vs/expire_nodest_conn",
	}
	linkSettings4 = []string{
		"accept_local", "arp_announce", "arp_filter", "arp_ignore", "rp_filter", "send_redirects",
	}
	linkSettings6 = []string{"accept_dad", "autoconf", "keep_addr_on_down"}
)

const sysctlRoot = "/proc/sys/"

// linkSetting is the name of a setting of one link. Slashes separate, so that a
// link's name may hold dots (eth0.100).
func linkSetting(family, link, name string) string {
	return "net/" + family + "/conf/" + link + "/" + name
}

// readSysctls returns the settings above that this kernel has, for the host,
// for "all" and for each of the links. Call it inside the namespace.
func readSysctls(links map[string]plan.Link) (map[string]string, error) {
	found := make(map[string]string, len(hostSettings)+(len(links)+1)*9)
	var problems []error
	read := func(name string) {
		value, err := readSysctl(name)
		switch {
		case err == nil:
			found[name] = value
		case !errors.Is(err, plan.ErrNoSysctl):
			problems = append(problems, err)
		}
	}
	for _, name := range hostSettings {
		read(name)
	}
	readLink := func(link string) {
		for _, name := range linkSettings4 {
			read(linkSetting("ipv4", link, name))
		}
		for _, name := range linkSettings6 {
			read(linkSetting("ipv6", link, name))
		}
	}
	readLink("all")
	for link := range links {
		readLink(link)
	}
	return found, errors.Join(problems...)
}

// readSysctl returns a setting without its newline.
func readSysctl(name string) (string, error) {
	file, err := sysctlFile(name)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", sysctlError(name, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// writeSysctl sets a value unless it is set already: what is as wanted needs no
// right to write.
func writeSysctl(name, value string) error {
	if now, err := readSysctl(name); err == nil && now == value {
		return nil
	}
	file, err := sysctlFile(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return sysctlError(name, err)
	}
	_, err = f.WriteString(value + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return sysctlError(name, err)
	}
	return nil
}

// sysctlFile refuses a name that would lead out of /proc/sys.
func sysctlFile(name string) (string, error) {
	if name == "" || name[0] == '/' || path.Clean(name) != name || strings.HasPrefix(name, "..") {
		return "", fmt.Errorf("%q is not a path below /proc/sys", name)
	}
	return sysctlRoot + name, nil
}

// sysctlError turns "no such file" into plan.ErrNoSysctl and drops the file's
// path, which the name says already.
func sysctlError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: /proc/sys/%s", plan.ErrNoSysctl, name)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("/proc/sys/%s: %w", name, err)
}
