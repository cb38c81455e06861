package vrrp

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLedger keeps docs/vrrp.md true: every row names a test that exists, and every test named
// after a section of the RFC has a row.
func TestLedger(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "vrrp.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)`).FindAllStringSubmatch(string(src), -1) {
			tests = append(tests, m[1])
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(doc), -1)
	for _, m := range named {
		if !slices.Contains(tests, m[1]) {
			t.Errorf("docs/vrrp.md names %s, which does not exist", m[1])
		}
	}
	for _, name := range tests {
		row := func(m []string) bool { return m[1] == name }
		if strings.HasPrefix(name, "TestRFC") && !slices.ContainsFunc(named, row) {
			t.Errorf("docs/vrrp.md has no row for %s", name)
		}
	}
}
