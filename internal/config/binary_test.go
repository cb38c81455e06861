package config

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	configpb "seesaw/proto/config"
)

// binary is a text as a config server would send it.
func binary(t testing.TB, c *Cluster) []byte {
	t.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(c.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBinaryIsText(t *testing.T) {
	for _, file := range []string{"fieldreport.pb", "vservers.pb", "cluster_part.pb", "vlans.pb"} {
		t.Run(file, func(t *testing.T) {
			want := parse(t, string(readFile(t, "testdata/"+file)))
			got, err := ParseClusterBinary(file, binary(t, want))
			if err != nil {
				t.Fatal(err)
			}
			for i := range want.Notices { // which have no position here
				n := &want.Notices[i]
				n.File, n.Line, n.Column = file, 0, 0
			}
			if diff := cmp.Diff(want, got, values); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBinaryFromNewer reads what servers of other versions might send.
func TestBinaryFromNewer(t *testing.T) {
	message := func(fields ...[]byte) []byte { return []byte(strings.Join(stringsOf(fields), "")) }
	number := func(n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
	}
	text := func(n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), v)
	}
	host := func(name, ipv4 string, more ...[]byte) []byte {
		return message(text(1, []byte(name)), text(2, []byte(ipv4)), message(more...))
	}
	seesawVIP := text(1, host("vip", "192.0.2.1"))
	vserver := func(name, ipv4 string, more ...[]byte) []byte {
		return text(7, message(text(1, []byte(name)), text(2, host(name, ipv4)), text(3, nil), message(more...)))
	}
	const scheduler, entry, protocol, port = 5, 5, 1, 2
	good := vserver("good", "192.0.2.10", text(entry, message(number(protocol, 1), number(port, 80))))

	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "refused:\n  c.bin: seesaw_vip: missing, and required\n"},
		{"not a cluster", []byte("seesaw_vip <"), "refused:\n  c.bin: not a cluster in binary form, or cut short (12 bytes)\n"},
		{"cut short", message(seesawVIP, good)[:40], "refused:\n  c.bin: not a cluster in binary form, or cut short (40 bytes)\n"},
		{"new fields", message(seesawVIP, number(150, 1), vserver("a", "192.0.2.10", text(151, []byte("x")))), `served: a
  warning: no backend: nothing can answer
  warning: no vserver_entry: nothing is served
noticed:
  c.bin: field 150: not known to this version, and passed over
  c.bin: vserver[0] "a" field 151: not known to this version, and passed over
`},
		{"new scheduler", message(seesawVIP, good,
			vserver("new", "192.0.2.11", text(entry, message(number(protocol, 1), number(port, 80), number(scheduler, 199))))), `served: good
  warning: no backend: nothing can answer
  warning: no healthcheck: every backend is taken to be healthy
left out: "new"
  c.bin: vserver[1] "new" vserver_entry[0].scheduler: 199: not a Scheduler that this version knows
`},
		{"new protocol, in a required field", message(seesawVIP,
			vserver("new", "192.0.2.11", text(entry, message(number(protocol, 199), number(port, 80))))), `left out: "new"
  c.bin: vserver[0] "new" vserver_entry[0].protocol: 199: not a Protocol that this version knows
`},
		{"new status of a node", message(seesawVIP, text(2, host("n", "192.0.2.2", number(4, 9)))),
			"refused:\n  c.bin: node[0] \"n\" status: 9: not a Status that this version knows\n"},
		{"missing", message(seesawVIP, text(7, nil)), `refused:
  c.bin: vserver[0].name: missing, and required
  c.bin: vserver[0].entry_address: missing, and required
  c.bin: vserver[0].rp: missing, and required
`},
		{"fault", message(seesawVIP, vserver("a", "192.0.2.300"), vserver("a", "192.0.2.3")), `left out: "a"
  c.bin: vserver[0] "a" entry_address.ipv4: "192.0.2.300": want an IPv4 address such as 192.0.2.10/24 (IPv4 field has value >255)
left out: "a"
  c.bin: vserver[1] "a" name: "a": another vserver has this name; only the first is served; the first is vserver[0] "a"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tellCluster(ParseClusterBinary("c.bin", tt.data))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func stringsOf(parts [][]byte) []string {
	var list []string
	for _, p := range parts {
		list = append(list, string(p))
	}
	return list
}

func TestMarshalText(t *testing.T) {
	for _, file := range []string{"fieldreport.pb", "vservers.pb", "cluster_part.pb", "vlans.pb"} {
		t.Run(file, func(t *testing.T) {
			want := parse(t, string(readFile(t, "testdata/"+file)))
			text, err := MarshalText(want.Raw)
			if err != nil {
				t.Fatal(err)
			}
			got := parse(t, string(text))
			if diff := cmp.Diff(want, got, values, cmpopts.IgnoreFields(Cluster{}, "Notices")); diff != "" {
				t.Errorf("written and read back (-want +got):\n%s", diff)
			}
			again, err := MarshalText(got.Raw)
			if err != nil || string(again) != string(text) {
				t.Errorf("written twice (-first +second), %v:\n%s", err, cmp.Diff(string(text), string(again)))
			}
		})
	}
	if _, err := MarshalText(new(configpb.Cluster)); err == nil {
		t.Error("a cluster without its required fields was written")
	}
}

// TestMarshalTextForm pins what a person sees.
func TestMarshalTextForm(t *testing.T) {
	c := parse(t, string(readFile(t, "testdata/fieldreport.pb")))
	text, err := MarshalText(c.Raw)
	if err != nil {
		t.Fatal(err)
	}
	const want = "testdata/fieldreport.text"
	if *update {
		if err := os.WriteFile(want, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, want)), string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
