package lab

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is a time some milliseconds after a fixed one.
func at(ms int) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(ms) * time.Millisecond)
}

// success and loss are attempts due at a time, in milliseconds.
func success(due, late, took int, body string) attempt {
	return attempt{due: at(due), start: at(due + late), end: at(due + late + took), body: body}
}

func loss(due int, why string) attempt {
	return attempt{due: at(due), start: at(due), end: at(due + 200), err: errors.New(why)}
}

func TestSummarize(t *testing.T) {
	ms := time.Millisecond
	for _, test := range []struct {
		name     string
		attempts []attempt
		want     Result
	}{
		{"nothing", nil, Result{Answers: map[string]int{}, Errors: map[string]int{}}},
		{
			"steady",
			[]attempt{success(0, 0, 3, "a"), success(20, 1, 3, "b"), success(40, 0, 3, "a")},
			Result{
				Start: at(0), End: at(43), Sent: 3, Gap: 21 * ms, Slowest: 3 * ms, Late: 1 * ms, FirstGood: at(3), LastGood: at(43),
				Answers: map[string]int{"a": 2, "b": 1}, Errors: map[string]int{},
			},
		},
		{
			"one success has no gap",
			[]attempt{loss(0, "x"), success(20, 0, 3, "a"), loss(40, "x")},
			Result{
				Start: at(0), End: at(240), Sent: 3, Lost: 2, Slowest: 3 * ms, FirstGood: at(23), LastGood: at(23),
				Answers: map[string]int{"a": 1}, Errors: map[string]int{"x": 2},
			},
		},
		{
			"an outage is from the last success before it to the first after it",
			[]attempt{success(0, 0, 5, "a"), loss(20, "x"), loss(40, "y"), success(60, 0, 9, "a"), success(80, 0, 5, "a")},
			Result{
				Start: at(0), End: at(240), Sent: 5, Lost: 2, Gap: 64 * ms, Slowest: 9 * ms, FirstGood: at(5), LastGood: at(85),
				Answers: map[string]int{"a": 3}, Errors: map[string]int{"x": 1, "y": 1},
			},
		},
		{
			"answers that overtake one another",
			[]attempt{success(0, 0, 100, "slow"), success(20, 0, 5, "a"), success(40, 0, 5, "a")},
			Result{
				Start: at(0), End: at(100), Sent: 3, Gap: 55 * ms, Slowest: 100 * ms, FirstGood: at(25), LastGood: at(100),
				Answers: map[string]int{"a": 2, "slow": 1}, Errors: map[string]int{},
			},
		},
		{
			"all lost",
			[]attempt{loss(0, "x"), loss(20, "x")},
			Result{Start: at(0), End: at(220), Sent: 2, Lost: 2, Answers: map[string]int{}, Errors: map[string]int{"x": 2}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 5 { // attempts end in any order
				rand.Shuffle(len(test.attempts), func(i, j int) {
					test.attempts[i], test.attempts[j] = test.attempts[j], test.attempts[i]
				})
				if diff := cmp.Diff(test.want, summarize(test.attempts)); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestResultString(t *testing.T) {
	good := summarize([]attempt{success(0, 0, 3, "a"), success(20, 1, 3, "b"), success(40, 0, 3, "b")})
	for _, test := range []struct {
		name string
		in   Result
		want string
	}{
		{"no loss", good, "3 sent in 43ms, 0 lost, gap 21ms, slowest 3ms, late 1ms, answers {b=2, a=1}"},
		{
			"loss", summarize([]attempt{success(0, 0, 3, "a"), loss(20, "connect: no answer in time")}),
			"2 sent in 220ms, 1 lost, gap 0s, slowest 3ms, late 0s, answers {a=1}, errors {connect: no answer in time=1}",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.in.String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestParseAnswer(t *testing.T) {
	for _, test := range []struct {
		name, answer, body, err string
	}{
		{"good", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nweb1\n", "web1", ""},
		{"empty body", "HTTP/1.0 200\r\n\r\n", "", ""},
		{"another status", "HTTP/1.1 503 Busy\r\n\r\nweb1\n", "", `answer "HTTP/1.1 503 Busy"`},
		{"no body", "HTTP/1.1 200 OK\r\nServer", "", "answer cut short"},
		{"nothing", "", "", "answer cut short"},
		{"no HTTP", "hello\r\n\r\nweb1", "", `answer "hello"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, err := parse(test.answer)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if body != test.body || got != test.err {
				t.Errorf("got %q, %q; want %q, %q", body, got, test.body, test.err)
			}
		})
	}
}

func TestSafeName(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"TestX", "TestX"},
		{"TestX/a_b/10.0.0.1:80", "TestX/a_b/10.0.0.1_80"},
		{"TestX/../../etc", "TestX/__/__/etc"},
		{"TestX//y z", "TestX/y_z"},
	} {
		if got := safeName(test.in); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestLoadedModules(t *testing.T) {
	const text = "ip_vs_rr 16384 1 - Live 0x0\nip_vs 180224 3 ip_vs_rr, Live 0x0\nipip 20480 0 - Live 0x0\ndummy 16384 0 - Live 0x0\n"
	for _, test := range []struct {
		name     string
		prefixes []string
		want     []string
	}{
		{"ip_vs", []string{"ip_vs"}, []string{"ip_vs_rr", "ip_vs"}},
		{"two", []string{"dummy", "ipip"}, []string{"ipip", "dummy"}},
		{"none", []string{"xt_"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, loaded(text, test.prefixes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDisturbed(t *testing.T) {
	for late, want := range map[time.Duration]bool{0: false, Answer / 4: false, Answer/4 + time.Millisecond: true} {
		if got := (Result{Late: late}).Disturbed(); got != want {
			t.Errorf("late by %v: disturbed %v, want %v", late, got, want)
		}
	}
}
