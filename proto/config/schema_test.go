package configpb_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	// The messages of this package have global names. Whatever else ends up in one
	// of our programs must not have one of them: that would end it at its start.
	_ "google.golang.org/grpc/health"
	_ "google.golang.org/grpc/status"

	_ "seesaw/proto/api"
	configpb "seesaw/proto/config"
)

var update = flag.Bool("update", false, "write what the test sees into testdata")

// TestSchema pins names, numbers, labels, types and defaults: files in the
// field and other versions rely on them.
func TestSchema(t *testing.T) {
	var b strings.Builder
	file := configpb.File_proto_config_config_proto
	if file.Package() != "" {
		t.Errorf("package %q, want none", file.Package())
	}
	describeEnums(&b, file.Enums())
	describeMessages(&b, file.Messages())
	const want = "testdata/schema.want"
	if *update {
		if err := os.WriteFile(want, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(data), b.String()); diff != "" {
		t.Errorf("the schema has changed (-want +got):\n%s", diff)
	}
}

func describeEnums(b *strings.Builder, enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		e := enums.Get(i)
		fmt.Fprintf(b, "enum %s\n", e.FullName())
		for k := range e.Values().Len() {
			v := e.Values().Get(k)
			fmt.Fprintf(b, "  %d %s\n", v.Number(), v.Name())
		}
	}
}

func describeMessages(b *strings.Builder, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		m := messages.Get(i)
		fmt.Fprintf(b, "message %s\n", m.FullName())
		for k := range m.Fields().Len() {
			f := m.Fields().Get(k)
			kind := f.Kind().String()
			if f.Enum() != nil {
				kind = string(f.Enum().FullName())
			} else if f.Message() != nil {
				kind = string(f.Message().FullName())
			}
			fmt.Fprintf(b, "  %d %s %s %s", f.Number(), f.Cardinality(), kind, f.Name())
			switch {
			case !f.HasDefault():
			case f.Enum() != nil:
				fmt.Fprintf(b, " = %s", f.DefaultEnumValue().Name())
			default:
				fmt.Fprintf(b, " = %v", f.Default())
			}
			b.WriteByte('\n')
		}
		for k := range m.ReservedRanges().Len() {
			fmt.Fprintf(b, "  reserved %v\n", m.ReservedRanges().Get(k))
		}
		describeEnums(b, m.Enums())
	}
}

// TestBytes pins the binary form of a small cluster.
func TestBytes(t *testing.T) {
	text := `seesaw_vip < fqdn: "v" ipv4: "192.0.2.1/24" status: TESTING >
		vserver < name: "w" entry_address < fqdn: "w" > rp: "r" vserver_entry < protocol: TCP port: 80 scheduler: MH > >
		metadata < last_updated: 1 >`
	c := new(configpb.Cluster)
	if err := prototext.Unmarshal([]byte(text), c); err != nil {
		t.Fatal(err)
	}
	want := "0a13" + "0a0176" + "120c3139322e302e322e312f3234" + "2002" +
		"3a13" + "0a0177" + "1203" + "0a0177" + "1a0172" + "2a06" + "0801" + "1050" + "2806" +
		"5202" + "0801"
	got, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil || fmt.Sprintf("%x", got) != want {
		t.Errorf("got  %x, %v\nwant %s", got, err, want)
	}
}
