package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseWatchdog(t *testing.T) {
	plain := func(name string, change func(*Service)) Service {
		s := Service{Name: name, Binary: "/bin/" + name, TermTimeout: 5 * time.Second}
		if change != nil {
			change(&s)
		}
		return s
	}
	for _, tt := range []struct {
		name, text string
		want       []Service
	}{
		{"defaults", "[a]\nbinary = /bin/a\n", []Service{plain("a", nil)}},
		{"everything", `[A]
Binary = /bin/a
args =  -x  -y=z 
dependency =
priority = -20
term_timeout = 1m30s
user = seesaw
group = adm
capabilities = cap_net_raw, NET_ADMIN net_raw
realtime = yes
memlock = 65536
`, []Service{plain("a", func(s *Service) {
			s.Args = []string{"-x", "-y=z"}
			s.Priority, s.TermTimeout = -20, 90*time.Second
			s.User, s.Group = "seesaw", "adm"
			s.Restricted, s.Capabilities = true, []string{"CAP_NET_ADMIN", "CAP_NET_RAW"}
			s.Realtime, s.MemLock = true, 65536
		})}},
		{"no capability, all memory", "[a]\nbinary = /bin/a\ncapabilities = None\nmemlock = Unlimited\n", []Service{
			plain("a", func(s *Service) { s.Restricted, s.MemLock = true, MemLockUnlimited }),
		}},
		{"in the order of the file", "[b]\nbinary = /bin/b\n[a]\nbinary = /bin/a\n[c]\nbinary = /bin/c\n", []Service{
			plain("b", nil), plain("a", nil), plain("c", nil),
		}},
		{"dependencies first", "[a]\nbinary = /bin/a\ndependency = C b,c\n[b]\nbinary = /bin/b\ndependency = d\n" +
			"[c]\nbinary = /bin/c\n[d]\nbinary = /bin/d\n[e]\nbinary = /bin/e\n", []Service{
			plain("c", nil), plain("d", nil),
			plain("b", func(s *Service) { s.Dependencies = []string{"d"} }),
			plain("a", func(s *Service) { s.Dependencies = []string{"c", "b"} }),
			plain("e", nil),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseWatchdog("watchdog.cfg", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&Watchdog{Services: tt.want}, got, values); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestManyDependencies has as many ways through its services as there are
// subsets of them, and no cycle.
func TestManyDependencies(t *testing.T) {
	const n = 60
	var text strings.Builder
	var names []string
	for i := range n {
		name := fmt.Sprintf("s%d", i)
		fmt.Fprintf(&text, "[%s]\nbinary = /bin/x\ndependency = %s\n", name, strings.Join(names, ","))
		names = append(names, name)
	}
	w, err := ParseWatchdog("watchdog.cfg", []byte(text.String()))
	if err != nil || len(w.Services) != n {
		t.Fatalf("%v, %v", w, err)
	}
}
