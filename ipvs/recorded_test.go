package ipvs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected text of recorded answers")

// TestRecorded decodes answers that a Linux 6.1 kernel gave to the tests with
// tag lab (flag -record), one datagram a line after the test's name.
func TestRecorded(t *testing.T) {
	recorded, err := os.ReadFile("testdata/kernel-6.1.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for line := range strings.Lines(string(recorded)) {
		name, datagram, _ := strings.Cut(strings.TrimSpace(line), " ")
		var d decoder
		for m := range d.messages(unhex(t, datagram)) {
			fmt.Fprintf(&got, "%s: %s\n", name, describe(t, m))
		}
		if d.err != nil {
			t.Errorf("%s: %v", name, d.err)
		}
	}
	const golden = "testdata/kernel-6.1.want"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// describe decodes an answer by the command that the kernel gives it.
func describe(t *testing.T, m message) string {
	t.Helper()
	if m.ends() {
		return fmt.Sprintf("error %v", m.result())
	}
	var (
		text string
		err  error
	)
	switch cmd := m.body[0]; cmd {
	case cmdNewService:
		var s Service
		s, err = decodeService(attribute(t, m.attributes(), attrService))
		text = fmt.Sprintf("%s; family %s, flags %s; %s", s, s.Family, s.Flags, s.Stats)
	case cmdNewDest:
		var dest Destination
		dest, err = decodeDestination(attribute(t, m.attributes(), attrDest), 0)
		text = fmt.Sprintf("%s; connections %d/%d/%d; %s", dest, dest.ActiveConns, dest.InactiveConns, dest.PersistentConns, dest.Stats)
	case cmdNewDaemon:
		var daemon Daemon
		daemon, err = decodeDaemon(attribute(t, m.attributes(), attrDaemon))
		text = daemon.String()
	case cmdSetConfig:
		var timeouts Timeouts
		timeouts, err = decodeTimeouts(m.attributes())
		text = timeouts.String()
	case cmdSetInfo:
		var info Info
		info, err = decodeInfo(m.attributes())
		text = info.String()
	default:
		t.Errorf("unexpected command %d", cmd)
	}
	if err != nil {
		t.Error(err)
	}
	return text
}
