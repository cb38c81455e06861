package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const events = `{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Output":"=== RUN TestGood\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"pass","Package":"a","Test":"TestGood/part"}
{"Action":"skip","Package":"a","Test":"TestOther"}
{"Action":"pass","Package":"a","Elapsed":1.5}
{"Action":"output","Package":"b","Test":"TestBad","Output":"it is broken\n"}
{"Action":"fail","Package":"b","Test":"TestBad"}
{"Action":"fail","Package":"b","Elapsed":0.1}
{"Action":"build-output","ImportPath":"c","Output":"c.go:1: no such thing\n"}
{"Action":"build-fail","ImportPath":"c"}
`
	var out bytes.Buffer
	got := report(strings.NewReader(events), &out)
	if want := (tally{passed: 1, failed: 1, skipped: 1}); got != want {
		t.Errorf("counts %v, want %v", got, want)
	}
	const want = "pass\ta\t1.5s\nit is broken\nfail\tb\t0.1s\nc.go:1: no such thing\n"
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestLineCounter(t *testing.T) {
	var out bytes.Buffer
	c := &lineCounter{out: &out}
	for _, part := range []string{"=== RUN TestA\n--- PA", "SS: TestA (0.1s)\r\n    --- FAIL: TestB/part\n", "--- FAIL: TestB (0.2s)\n--- SKIP: TestC"} {
		if n, err := c.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	if want := (tally{passed: 1, failed: 1}); c.tally != want {
		t.Errorf("counts %v, want %v", c.tally, want)
	}
	if !strings.HasSuffix(out.String(), "--- SKIP: TestC") {
		t.Errorf("output is not passed on: %q", out.String())
	}
}
