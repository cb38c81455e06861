package nccfake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"seesaw/internal/lb"
	"seesaw/ncc/plan"
)

// String prints what there is as sorted text, one object a line. Settings are
// printed only where they are no longer the default, modules only if loaded.
func (k *Kernel) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(k.modules)) {
		fmt.Fprintf(&b, "module %s\n", name)
	}
	for _, name := range slices.Sorted(maps.Keys(k.found.Sysctls)) {
		if v := k.found.Sysctls[name]; v != k.defaults[name] {
			fmt.Fprintf(&b, "sysctl %s=%s\n", name, v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.found.Links)) {
		k.printLink(&b, k.found.Links[name])
	}
	for _, key := range slices.SortedFunc(maps.Keys(k.found.Services), lb.ServiceKey.Compare) {
		printService(&b, k.found.Services[key])
	}
	return b.String()
}

func (k *Kernel) printLink(b *strings.Builder, l plan.Link) {
	state := map[bool]string{true: "up", false: "down"}[l.Up]
	fmt.Fprintf(b, "link %s %s %s", l.Name, state, l.MAC)
	if l.VLAN != 0 {
		fmt.Fprintf(b, " vlan %d on %s", l.VLAN, l.Parent)
	}
	b.WriteByte('\n')
	var lines []string
	for key, a := range k.found.Addrs {
		if key.Link != l.Name {
			continue
		}
		line := fmt.Sprintf("  address %v/%d", key.Addr, a.Bits)
		if a.Deprecated {
			line += " deprecated"
		}
		if !a.Ours {
			line += " foreign"
		}
		lines = append(lines, line+"\n")
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

func printService(b *strings.Builder, s lb.Service) {
	fmt.Fprintf(b, "service %v %s", s.Key, s.Scheduler)
	if s.Flags != 0 {
		fmt.Fprintf(b, " flags %d", s.Flags)
	}
	if s.Persistence != 0 {
		fmt.Fprintf(b, " persistent %d", s.Persistence/time.Second)
	}
	b.WriteByte('\n')
	for _, d := range s.Destinations {
		fmt.Fprintf(b, "  destination %v %v weight %d", d.Key(), d.Mode, d.Weight)
		if d.Upper != 0 || d.Lower != 0 {
			fmt.Fprintf(b, " thresholds %d/%d", d.Lower, d.Upper)
		}
		b.WriteByte('\n')
	}
}
