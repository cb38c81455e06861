package wire

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"seesaw/internal/lb"
)

// filler gives every field of a value its own non-zero content, so that a
// field that a conversion forgets, or takes from its neighbour, shows.
type filler struct{ n int }

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{10, 0, byte(f.n >> 8), byte(f.n)})))
		if f.n%2 == 0 {
			v.Set(reflect.ValueOf(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", f.n))))
		}
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(f.n >> 8), byte(f.n)}), 1+f.n%32)))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(f.n), int64(f.n))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint8:
		v.SetUint(uint64(1 + f.n%200))
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Float32:
		v.SetFloat(float64(f.n))
	default:
		panic(fmt.Sprintf("teach the filler about %v", v.Type()))
	}
}

// trip sends a value over the wire in bytes and back.
func trip[L any, M proto.Message](t *testing.T, to func(L) M, from func(M) L, empty M) {
	t.Helper()
	var zero, full L
	(&filler{}).fill(reflect.ValueOf(&full).Elem())
	for name, want := range map[string]L{"zero": zero, "full": full} {
		b, err := proto.Marshal(to(want))
		if err != nil {
			t.Fatalf("%T %s: %v", want, name, err)
		}
		m := empty.ProtoReflect().New().Interface().(M)
		if err := proto.Unmarshal(b, m); err != nil {
			t.Fatalf("%T %s: %v", want, name, err)
		}
		if d := cmp.Diff(want, from(m), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
			t.Errorf("%T %s came back otherwise (-sent +received):\n%s", want, name, d)
		}
	}
}

func TestEveryFieldSurvivesTheWire(t *testing.T) {
	trip(t, ToUpdate, FromUpdate, ToUpdate(lb.Update{}))
	trip(t, ToReport, FromReport, ToReport(lb.Report{}))
	trip(t, ToStatistics, FromStatistics, ToStatistics(nil))
	trip(t, ToCheckUpdate, FromCheckUpdate, ToCheckUpdate(lb.CheckUpdate{}))
	trip(t, ToVerdictReport, FromVerdictReport, ToVerdictReport(lb.VerdictReport{}))
	trip(t, ToHADirective, FromHADirective, ToHADirective(lb.HADirective{}))
	trip(t, ToHAReport, FromHAReport, ToHAReport(lb.HAReport{}))
	trip(t, ToClusterView, FromClusterView, ToClusterView(lb.ClusterView{}))
	trip(t, ToConfigView, FromConfigView, ToConfigView(lb.ConfigView{}))
	trip(t, ToPeerState, FromPeerState, ToPeerState(lb.PeerState{}))
	trip(t, ToHAView, FromHAView, ToHAView(lb.HAView{}))
	trip(t, ToVservers, FromVservers, ToVservers(nil))
	trip(t, ToVLANs, FromVLANs, ToVLANs(nil))
	trip(t, ToBGPNeighbors, FromBGPNeighbors, ToBGPNeighbors(nil))
}
