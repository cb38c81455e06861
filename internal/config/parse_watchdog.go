package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseWatchdog reads watchdog.cfg, which has one section for each service.
// The name is for messages. An error is of type Problems and has all that is
// wrong with the file.
func ParseWatchdog(name string, data []byte) (*Watchdog, error) {
	os, err := readOptions(name, data)
	if err != nil {
		return nil, err
	}
	var services []Service
	for _, s := range os.sections {
		services = append(services, readService(s))
	}
	os.checkDependencies(services)
	os.unasked()
	if len(os.sections) == 0 {
		os.add(Problem{Rule: "no service: give each one a [section] with its binary"})
	}
	if err := os.err(); err != nil {
		return nil, err
	}
	return &Watchdog{Services: startOrder(services)}, nil
}

func readService(s *section) Service {
	service := Service{
		Name:         s.name,
		Binary:       s.text("binary", ""),
		Args:         strings.Fields(s.optional("args")),
		Dependencies: listed(s.optional("dependency")),
		Priority:     s.number("priority", 0, -20, 19),
		TermTimeout:  s.duration("term_timeout", 5*time.Second, time.Millisecond, time.Hour, 1),
		User:         s.text("user", ""),
		Group:        s.text("group", ""),
		Realtime:     s.flag("realtime", false),
		MemLock:      s.memLock(),
	}
	service.Restricted, service.Capabilities = s.capabilities()
	if o := s.find("binary"); o == nil {
		s.missing("binary", "missing: want the absolute path of the program")
	} else if service.Binary != "" && !strings.HasPrefix(service.Binary, "/") {
		o.fault("want an absolute path")
	}
	return service
}

// optional returns the text of an option that may be empty or absent.
func (s *section) optional(name string) string {
	if o := s.mayBeEmpty(name); o != nil {
		return o.value
	}
	return ""
}

// listed splits a list at commas and blanks, drops what comes twice, and makes
// the names lower case, as section names are.
func listed(text string) []string {
	var list []string
	fields := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
	for _, f := range fields {
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

// memLock reads a number of bytes, or unlimited.
func (s *section) memLock() uint64 {
	o := s.get("memlock")
	if o == nil {
		return 0
	}
	if strings.EqualFold(o.value, "unlimited") {
		return MemLockUnlimited
	}
	n, err := strconv.ParseUint(o.value, 10, 63)
	if err != nil || n == 0 {
		o.fault("want a number of bytes, or unlimited")
	}
	return n
}

// capabilities reads the capabilities that a process keeps; "none" is a list
// of none.
func (s *section) capabilities() (restricted bool, list []string) {
	o := s.get("capabilities")
	if o == nil {
		return false, nil
	}
	names := listed(o.value)
	if slices.Equal(names, []string{"none"}) {
		return true, nil
	}
	for _, name := range names {
		name = strings.ToUpper(name)
		if !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
		if !slices.Contains(knownCapabilities, name) {
			o.fault(name + " is not a capability (capabilities(7)); want a list of them, or none")
		}
	}
	slices.Sort(list)
	return true, list
}

// knownCapabilities are those of Linux 6.1, by number.
var knownCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// checkDependencies notes dependencies that cannot be met.
func (os *options) checkDependencies(services []Service) {
	byName := make(map[string]Service)
	for _, s := range services {
		byName[s.Name] = s
	}
	for _, s := range services {
		for _, d := range s.Dependencies {
			if _, known := byName[d]; !known {
				os.section(s.Name).find("dependency").fault("no service is called " + d)
			}
		}
	}
	reported := make(map[string]bool)
	for _, s := range services {
		cycle := findCycle(byName, []string{s.Name}, make(map[string]bool))
		if cycle == nil || reported[s.Name] {
			continue
		}
		for _, name := range cycle {
			reported[name] = true
		}
		rule := "these wait for one another for ever: " + strings.Join(append(cycle, s.Name), " → ")
		os.section(s.Name).find("dependency").fault(rule)
	}
}

// findCycle follows dependencies from the end of a way and returns a way that
// leads back to its beginning, or nil. Services in dead need not be tried: no
// way leads back from them.
func findCycle(byName map[string]Service, way []string, dead map[string]bool) []string {
	for _, d := range byName[way[len(way)-1]].Dependencies {
		if d == way[0] {
			return way
		}
		if dead[d] {
			continue
		}
		dead[d] = true
		if cycle := findCycle(byName, append(slices.Clone(way), d), dead); cycle != nil {
			return cycle
		}
	}
	return nil
}

// startOrder puts each service after its dependencies, and else keeps the
// order. There are no cycles.
func startOrder(services []Service) []Service {
	var order []Service
	placed := make(map[string]bool)
	var place func(s Service)
	place = func(s Service) {
		if placed[s.Name] {
			return
		}
		placed[s.Name] = true
		for _, d := range s.Dependencies {
			i := slices.IndexFunc(services, func(o Service) bool { return o.Name == d })
			place(services[i])
		}
		order = append(order, s)
	}
	for _, s := range services {
		place(s)
	}
	return order
}
