package config

import (
	"net/netip"
	"reflect"
	"testing"
)

// TestVserverEqual changes every field in turn: no change may go unnoticed.
func TestVserverEqual(t *testing.T) {
	read := func() *Vserver {
		return parse(t, string(readFile(t, "testdata/vservers.pb"))).Vserver("irc.server@au-syd")
	}
	v := read()
	v.Warnings = []string{"w"}
	same := read()
	same.Warnings = []string{"w"}
	if !v.Equal(v) || !v.Equal(same) {
		t.Error("not equal to itself or to its like")
	}
	changed := 0
	eachLeaf(reflect.ValueOf(v).Elem(), "Vserver", func(name string, leaf reflect.Value) {
		if name == "Vserver.Enabled" {
			return // follows from Status
		}
		changed++
		old := reflect.New(leaf.Type()).Elem()
		old.Set(leaf)
		leaf.Set(another(leaf))
		if v.Equal(same) || same.Equal(v) {
			t.Errorf("%s: a change is not noticed", name)
		}
		leaf.Set(old)
		if !v.Equal(same) {
			t.Fatalf("%s: not restored", name)
		}
	})
	if changed < 60 {
		t.Errorf("only %d values were changed", changed)
	}
}

// eachLeaf visits every value within a value, and every list for its length.
func eachLeaf(v reflect.Value, name string, visit func(string, reflect.Value)) {
	if v.Type() == reflect.TypeFor[netip.Prefix]() {
		visit(name, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			eachLeaf(v.Field(i), name+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		visit(name, v)
		for i := range v.Len() {
			eachLeaf(v.Index(i), name+"[]", visit)
		}
	default:
		visit(name, v)
	}
}

// another is a value of the same type that is not the same.
func another(v reflect.Value) reflect.Value {
	n := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		n.SetString(v.String() + "x")
	case reflect.Bool:
		n.SetBool(!v.Bool())
	case reflect.Slice:
		n.Set(v.Slice(0, v.Len()-1))
	case reflect.Float32:
		n.SetFloat(v.Float() + 1)
	case reflect.Int, reflect.Int64:
		n.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		n.SetUint(v.Uint() + 1)
	default:
		n.Set(reflect.ValueOf(netip.MustParsePrefix("203.0.113.1/32")))
	}
	return n
}
