package watchdog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// services reads "a b:a c:a,b" as three services and their dependencies.
func services(text string) []Service {
	var out []Service
	for _, f := range strings.Fields(text) {
		name, needs, _ := strings.Cut(f, ":")
		s := Service{Name: name, TermTimeout: termTimeout}
		if needs != "" {
			s.Dependencies = strings.Split(needs, ",")
		}
		out = append(out, s)
	}
	return out
}

func TestOrdered(t *testing.T) {
	tests := []struct {
		name, services string
		want           string
		fault          string
	}{
		{"none", "", "", ""},
		{"as given", "c b a", "c b a", ""},
		{"shipped file", "ecu:engine engine:ncc ha:engine healthcheck:engine ncc", "ncc engine ecu ha healthcheck", ""},
		{"several", "c:a,b b:a a", "a b c", ""},
		{"diamond", "d:b,c b:a c:a a", "a b c d", ""},
		{"unknown", "a:x b:y", "", "service a: depends on x, which is not defined\nservice b: depends on y, which is not defined"},
		{"twice", "a a", "", "service a: defined twice"},
		{"itself", "a:a", "", "dependencies go round in a circle: a needs a"},
		{"circle", "a:c b:a c:b", "", "dependencies go round in a circle: a needs c needs b needs a"},
		{"circle off the start", "x:a a:b b:a", "", "dependencies go round in a circle: x needs a needs b needs a"},
		{"reserved name", "watchdog", "", `service "watchdog": not a possible name: it is part of file names`},
		{"path as name", "../a", "", `service "../a": not a possible name: it is part of file names`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := ordered(services(tt.services))
			var names []string
			for _, s := range out {
				names = append(names, s.Name)
			}
			if diff := cmp.Diff(tt.want, strings.Join(names, " ")); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
			fault := ""
			if err != nil {
				fault = err.Error()
			}
			if diff := cmp.Diff(tt.fault, fault); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}
