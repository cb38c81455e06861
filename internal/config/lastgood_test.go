package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func TestKeepLastGood(t *testing.T) {
	v := func(name, addr string, port string) string {
		return `vserver { name: "` + name + `" entry_address { fqdn: "x" ipv4: "` + addr + `" } rp: ""
			vserver_entry { protocol: TCP port: ` + port + ` } }` + "\n"
	}
	const faulty = "70000"
	for _, tt := range []struct {
		name, last, now string
		want, kept      string // names and ports of the vservers that are served; names of those kept
	}{
		{"nothing faulty", v("a", "192.0.2.1", "1") + v("b", "192.0.2.2", "2"), v("a", "192.0.2.1", "3"), "a:3", ""},
		{"kept", v("a", "192.0.2.1", "1") + v("b", "192.0.2.2", "2"), v("a", "192.0.2.1", faulty) + v("b", "192.0.2.2", "3"), "a:1 b:3", "a"},
		{"all kept, in the order of the faults", v("a", "192.0.2.1", "1") + v("b", "192.0.2.2", "2"),
			v("b", "192.0.2.2", faulty) + v("a", "192.0.2.1", faulty), "a:1 b:2", "b a"},
		{"never good", v("b", "192.0.2.2", "2"), v("a", "192.0.2.1", faulty) + v("b", "192.0.2.2", "3"), "b:3", ""},
		{"no last", "", v("a", "192.0.2.1", faulty) + v("b", "192.0.2.2", "3"), "b:3", ""},
		{"faulty in last too", v("a", "192.0.2.1", faulty) + v("b", "192.0.2.2", "2"), v("a", "192.0.2.1", faulty), "", ""},
		{"name is given twice: the first serves", v("a", "192.0.2.1", "1"), v("a", "192.0.2.1", "2") + v("a", "192.0.2.1", "3"), "a:2", ""},
		{"name is given twice, both faulty", v("a", "192.0.2.1", "1"), v("a", "192.0.2.1", faulty) + v("a", "192.0.2.1", "3"), "a:1", "a"},
		{"service is taken by now", v("a", "192.0.2.1", "1"), v("a", "192.0.2.1", faulty) + v("b", "192.0.2.1", "1"), "b:1", ""},
		{"address is a node's by now", v("a", "192.0.2.1", "1"), `node { fqdn: "n" ipv4: "192.0.2.1" }` + v("a", "192.0.2.9", faulty), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read := func(text string) *Cluster {
				c, err := ParseCluster("cluster.pb", []byte(vip+text))
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			var last *Cluster
			if tt.last != "" {
				last = read(tt.last)
			}
			now := read(tt.now)
			before := proto.CloneOf(now.Raw)
			got, kept := now.KeepLastGood(last)
			if s := served(got); s != tt.want || strings.Join(kept, " ") != tt.kept {
				t.Errorf("served %q, kept %q, want %q and %q", s, kept, tt.want, tt.kept)
			}
			if !proto.Equal(before, now.Raw) {
				t.Error("the cluster was changed")
			}
			if diff := cmp.Diff(now.Faulty, got.Faulty); diff != "" {
				t.Errorf("the reasons are not the same (-want +got):\n%s", diff)
			}

			// What was accepted is written, read again, and has nothing wrong with it.
			text, err := MarshalText(got.Raw)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseCluster("saved.pb", text)
			if err != nil {
				t.Fatal(err)
			}
			if len(now.Faulty) > 0 && (served(again) != tt.want || len(again.Faulty) > 0) {
				t.Errorf("saved and read again: %q, faulty %v", served(again), again.Faulty)
			}
		})
	}
}

func served(c *Cluster) string {
	var list []string
	for _, v := range c.Vservers {
		list = append(list, v.Name+":"+show(v.Entries[0].Port))
	}
	return strings.Join(list, " ")
}

// TestKeepLastGoodTwice keeps a version over several faulty files in a row.
func TestKeepLastGoodTwice(t *testing.T) {
	c := parse(t, string(readFile(t, "testdata/fieldreport.pb")))
	bad := strings.Replace(string(readFile(t, "testdata/fieldreport.pb")), "weight: 1", "weight: -1", 1)
	for range 3 {
		next, err := ParseCluster("cluster.pb", []byte(bad))
		if err != nil {
			t.Fatal(err)
		}
		next, kept := next.KeepLastGood(c)
		if diff := cmp.Diff([]string{"test-vserver"}, kept); diff != "" {
			t.Fatalf("kept (-want +got):\n%s", diff)
		}
		if !next.Vservers[0].Equal(c.Vservers[0]) {
			t.Fatalf("kept another version:\n%s", cmp.Diff(c.Vservers, next.Vservers, values))
		}
		c = next
	}
}
