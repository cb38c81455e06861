package kernel

import (
	"testing"

	"seesaw/ncc/nccfake"
	"seesaw/ncc/plan"
)

// TestFakeConforms: the kernel in memory, on which the daemons' tests run, does
// what the real one does in TestLabConforms.
func TestFakeConforms(t *testing.T) { conform(t, fake(t)) }

func TestFakeRefuses(t *testing.T) {
	k := fake(t)
	k.Do(t.Context(), []plan.Op{plan.LoadModules{Names: []string{"ip_vs", "ip_vs_rr", "8021q"}}})
	refuse(t, k)
}

func fake(t *testing.T) *nccfake.Kernel {
	t.Helper()
	k := nccfake.New("lan", "side")
	if err := k.Do(t.Context(), []plan.Op{plan.SetLink{Link: "side", Up: true}})[0]; err != nil {
		t.Fatal(err)
	}
	return k
}
