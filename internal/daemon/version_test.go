package daemon

import (
	"runtime/debug"
	"testing"
)

func TestVersionFrom(t *testing.T) {
	vcs := func(revision, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified},
		}}
	}
	tests := []struct {
		name    string
		stamped string
		info    *debug.BuildInfo
		ok      bool
		want    string
	}{
		{"stamped wins", "v3.0", vcs("0123456789abcdef", "true"), true, "v3.0"},
		{"no information", "", nil, false, "dev"},
		{"module version", "", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, true, "v1.2.3"},
		{"commit", "", vcs("0123456789abcdef", "false"), true, "dev-0123456789ab"},
		{"changed commit", "", vcs("0123456789abcdef", "true"), true, "dev-0123456789ab-dirty"},
		{"short commit", "", vcs("01", "false"), true, "dev-01"},
		{"no commit", "", &debug.BuildInfo{}, true, "dev"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := versionFrom(tt.stamped, tt.info, tt.ok); got != tt.want {
				t.Errorf("version = %q, want %q", got, tt.want)
			}
		})
	}
}
