package daemon

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is stamped at build time with -ldflags "-X seesaw/internal/daemon.Version=...". Empty: the
// module version or the commit that the Go tool recorded, else "dev". Read it through VersionString.
var Version string

// VersionString is the version as -version and the log print it, with the Go release and platform.
func VersionString() string {
	return fmt.Sprintf("%s (%s %s/%s)", BuildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// BuildVersion is the bare version of this build.
func BuildVersion() string {
	info, ok := debug.ReadBuildInfo()
	return versionFrom(Version, info, ok)
}

func versionFrom(stamped string, info *debug.BuildInfo, ok bool) string {
	if stamped != "" {
		return stamped
	}
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "dev"
	}
	return "dev-" + revision[:min(12, len(revision))] + dirty
}
