package peer

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"seesaw/internal/lb"
)

// rec is a record said at a second by a node: "web=disabled@3b".
func rec(t testing.TB, s string) lb.OverrideRecord {
	t.Helper()
	name, rest, _ := strings.Cut(s, "=")
	state, at, _ := strings.Cut(rest, "@")
	r := lb.OverrideRecord{Vserver: name}
	if err := r.State.UnmarshalText([]byte(state)); err != nil {
		t.Fatal(err)
	}
	if at != "" {
		var sec int64
		if _, err := fmt.Sscanf(at, "%d%s", &sec, &r.Node); err != nil {
			t.Fatal(err)
		}
		r.Time = time.Unix(sec, 0)
	}
	return r
}

func recs(t testing.TB, s string) (list []lb.OverrideRecord) {
	t.Helper()
	for _, f := range strings.Fields(s) {
		list = append(list, rec(t, f))
	}
	return list
}

func same(t testing.TB, what string, got, want []lb.OverrideRecord) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestMerge(t *testing.T) {
	for name, tc := range map[string]struct{ ours, theirs, result, changed string }{
		"nothing":                    {"", "", "", ""},
		"only ours":                  {"web=disabled@1a", "", "web=disabled@1a", ""},
		"only theirs":                {"", "web=disabled@1b", "web=disabled@1b", "web=disabled@1b"},
		"theirs is later":            {"web=disabled@1a", "web=enabled@2b", "web=enabled@2b", "web=enabled@2b"},
		"theirs is earlier":          {"web=disabled@3a", "web=enabled@2b", "web=disabled@3a", ""},
		"the same":                   {"web=disabled@1a", "web=disabled@1a", "web=disabled@1a", ""},
		"taken back":                 {"web=disabled@1a", "web=default@2b", "web=default@2b", "web=default@2b"},
		"taken back long ago":        {"web=default@2a", "web=disabled@1b", "web=default@2a", ""},
		"of one instant":             {"web=disabled@1a", "web=enabled@1b", "web=enabled@1b", "web=enabled@1b"},
		"of one instant, other side": {"web=enabled@1b", "web=disabled@1a", "web=enabled@1b", ""},
		"of one instant and node":    {"web=disabled@1a", "web=enabled@1a", "web=enabled@1a", "web=enabled@1a"},
		"without a time":             {"web=disabled", "web=default@1b", "web=default@1b", "web=default@1b"},
		"both without a time":        {"web=disabled", "web=enabled", "web=enabled", "web=enabled"},
		"each knows more":            {"a=disabled@1a c=enabled@5a", "b=enabled@1b c=default@4b", "a=disabled@1a b=enabled@1b c=enabled@5a", "b=enabled@1b"},
		"said twice":                 {"", "web=disabled@1b web=enabled@3b web=default@2b", "web=enabled@3b", "web=enabled@3b"},
		"unsorted":                   {"c=enabled@1a a=enabled@1a", "b=enabled@1b", "a=enabled@1a b=enabled@1b c=enabled@1a", "b=enabled@1b"},
	} {
		t.Run(name, func(t *testing.T) {
			result, changed := Merge(recs(t, tc.ours), recs(t, tc.theirs))
			same(t, "result", result, recs(t, tc.result))
			same(t, "changed", changed, recs(t, tc.changed))
		})
	}
}

// anyState is a node's records: few names, times and nodes, so that they clash.
var anyState = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) lb.OverrideRecord {
	r := lb.OverrideRecord{
		Vserver: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "vserver"),
		State:   rapid.SampledFrom([]lb.Override{lb.OverrideDefault, lb.OverrideDisabled, lb.OverrideEnabled}).Draw(t, "state"),
		Node:    rapid.SampledFrom([]string{"", "10.0.0.1", "10.0.0.2"}).Draw(t, "node"),
	}
	if at := rapid.Int64Range(0, 4).Draw(t, "time"); at > 0 {
		r.Time = time.Unix(at, 0)
	}
	return r
}), 0, 6)

func merged(ours, theirs []lb.OverrideRecord) []lb.OverrideRecord {
	result, _ := Merge(ours, theirs)
	return result
}

func equal(t *rapid.T, law string, a, b []lb.OverrideRecord) {
	if d := cmp.Diff(a, b, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("not %s:\n%s", law, d)
	}
}

func TestMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyState.Draw(t, "a"), anyState.Draw(t, "b"), anyState.Draw(t, "c")
		equal(t, "commutative", merged(a, b), merged(b, a))
		equal(t, "associative", merged(merged(a, b), c), merged(a, merged(b, c)))
		equal(t, "idempotent", merged(merged(a, b), b), merged(a, b))

		result, changed := Merge(a, b)
		equal(t, "made by what has changed", merged(a, changed), result)
		if _, again := Merge(result, b); len(again) > 0 {
			t.Fatalf("what was merged is news again: %v", again)
		}
		for _, r := range changed {
			for _, old := range merged(a, nil) {
				if old.Vserver == r.Vserver && r.Compare(old) <= 0 {
					t.Fatalf("%v is no news to one who has %v", r, old)
				}
			}
		}
	})
}

// Two nodes on which operators say things, with states that are lost, late and
// out of order between them, agree on the last that was said of everything once
// each has heard the other's last one.
func TestTwoNodesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes [2][]lb.OverrideRecord
		var all []lb.OverrideRecord
		sent := [2][][]lb.OverrideRecord{}
		t.Repeat(map[string]func(*rapid.T){
			"say": func(t *rapid.T) {
				n := rapid.IntRange(0, 1).Draw(t, "node")
				records := anyState.Draw(t, "records")
				all = append(all, records...)
				nodes[n] = merged(nodes[n], records)
				sent[n] = append(sent[n], nodes[n])
			},
			"hear": func(t *rapid.T) {
				n := rapid.IntRange(0, 1).Draw(t, "node")
				if len(sent[1-n]) == 0 {
					t.Skip("nothing was sent")
				}
				nodes[n] = merged(nodes[n], rapid.SampledFrom(sent[1-n]).Draw(t, "state"))
			},
		})
		a, b := merged(nodes[0], nodes[1]), merged(nodes[1], nodes[0])
		equal(t, "agreed", a, b)
		equal(t, "the last of all", a, merged(nil, all))
	})
}

func TestWhatCannotBeBelievedIsLeftOut(t *testing.T) {
	good := rec(t, "web=disabled@1b")
	for name, tc := range map[string]struct {
		bad  lb.OverrideRecord
		want string // part of the reason; empty = believed
	}{
		"good":                 {rec(t, "dns=enabled@2b"), ""},
		"good, without a time": {rec(t, "dns=enabled"), ""},
		"no vserver":           {lb.OverrideRecord{}, "no vserver"},
		"long name":            {lb.OverrideRecord{Vserver: strings.Repeat("x", maxName+1)}, "more than 1024 bytes"},
		"long node":            {lb.OverrideRecord{Vserver: "dns", Node: strings.Repeat("x", maxName+1)}, "more than 1024 bytes"},
		"no state":             {lb.OverrideRecord{Vserver: "dns", State: 3}, "override(3) is not a state"},
		"before the epoch":     {lb.OverrideRecord{Vserver: "dns", Time: time.Unix(-1, 0)}, "which cannot be"},
		"the end of time":      {lb.OverrideRecord{Vserver: "dns", Time: time.Unix(0, math.MaxInt64)}, "which cannot be"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sound(lb.PeerState{Config: lb.ConfigVersion{Hash: "abc"}, Overrides: []lb.OverrideRecord{tc.bad, good}})
			want := []lb.OverrideRecord{good}
			if tc.want == "" {
				want = []lb.OverrideRecord{tc.bad, good}
			}
			same(t, "believed", s.Overrides, want)
			if s.Config.Hash != "abc" {
				t.Errorf("config hash %q, want abc", s.Config.Hash)
			}
			if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "1 of 2 overrides: ")) {
				t.Errorf("reason %v, want %q", err, tc.want)
			}
		})
	}
	for name, s := range map[string]lb.PeerState{
		"too many":  {Overrides: make([]lb.OverrideRecord, maxRecords+1)},
		"long hash": {Config: lb.ConfigVersion{Hash: strings.Repeat("x", maxHash+1)}},
	} {
		if got, err := sound(s); err == nil || len(got.Overrides) > 0 || got.Config.Hash != "" {
			t.Errorf("%s: believed", name)
		}
	}
}
