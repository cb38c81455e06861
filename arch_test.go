package seesaw

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "seesaw/"

// mayImport lists, for every package, which of ours it may import: the table of
// docs/architecture.md 4.2. cmd/* and lab/* may import anything; nobody imports
// them.
var mayImport = map[string]string{
	"engine":              "engine/core engine/source engine/peer internal/config internal/lb internal/wire internal/rpc proto/api",
	"engine/core":         "internal/lb internal/config",
	"engine/source":       "internal/config proto/config",
	"engine/peer":         "internal/lb internal/wire internal/rpc proto/api",
	"engine/client":       "internal/lb internal/wire internal/rpc proto/api",
	"ncc/client":          "internal/lb internal/wire internal/rpc proto/api",
	"ha":                  "ha/vrrp internal/lb",
	"ha/vrrp":             "",
	"healthcheck":         "healthcheck/probe healthcheck/verdict internal/lb",
	"healthcheck/probe":   "internal/lb",
	"healthcheck/verdict": "",
	"cli":                 "internal/config internal/lb",
	"ecu":                 "internal/lb internal/wire internal/rpc proto/api",
	"ncc":                 "ncc/plan internal/lb internal/wire internal/rpc proto/api",
	"ncc/plan":            "internal/lb",
	"ncc/bgp":             "internal/lb",
	"ncc/kernel":          "ncc/plan internal/lb ipvs",
	"ncc/nccfake":         "ncc/plan internal/lb",
	"configserver":        "internal/config internal/lb internal/wire internal/rpc proto/config proto/api",
	"watchdog":            "",
	"ipvs":                "",
	"internal/wire":       "internal/lb proto/api",
	"internal/config":     "internal/lb proto/config",
	"internal/lb":         "",
	"internal/rpc":        "",
	"internal/daemon":     "",
	"internal/nettest":    "",
	"proto/config":        "",
	"proto/api":           "",
}

// pure packages decide; they never wait, read a clock or touch the host.
var pure = []string{"engine/core", "ha/vrrp", "healthcheck/verdict", "ncc/plan", "internal/config", "internal/lb"}

var (
	impureImports = []string{"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "os/exec", "sync", "sync/atomic", "syscall", "golang.org/x/sys/unix"}
	clock         = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}
)

// Only these may change the host in the ways named (rule 5 of the page).
var only = map[string][]string{
	"github.com/vishvananda/netlink":    {"ncc/kernel", "ipvs", "ha", "internal/nettest"},
	"github.com/vishvananda/netlink/nl": {"ncc/kernel", "ipvs"},
	"os/exec":                           {"ncc/kernel", "watchdog"},
	"github.com/mdlayher/packet":        {"ncc/kernel"},
	"golang.org/x/net/icmp":             {"ha", "ncc/kernel", "healthcheck/probe"},
}

type pkg struct {
	Dir, ImportPath, Doc string
	GoFiles, Imports     []string
}

// name is the package's path within the module.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// packages lists all packages of ours that have code besides tests.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=Dir,ImportPath,Doc,GoFiles,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := make(map[string]pkg)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all[p.name()] = p
		}
	}
}

func joins(name string) bool {
	return strings.HasPrefix(name, "cmd/") || name == "lab" || strings.HasPrefix(name, "lab/")
}

func TestImports(t *testing.T) {
	for name, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s: no package comment", name)
		}
		allowed, known := mayImport[name]
		if !known && !joins(name) {
			t.Errorf("%s: not in mayImport; add a line that says what it may import, here and in docs/architecture.md", name)
		}
		for _, imp := range p.Imports {
			if users, restricted := only[imp]; restricted && !joins(name) && !slices.Contains(users, name) {
				t.Errorf("%s must not import %s: only %v may", name, imp, users)
			}
			dep, ours := strings.CutPrefix(imp, module)
			switch {
			case !ours:
			case strings.HasPrefix(dep, "cmd/"):
				t.Errorf("%s imports %s: nobody imports a command", name, dep)
			case !joins(name) && !slices.Contains(strings.Fields(allowed), dep):
				t.Errorf("%s must not import %s", name, dep)
			case strings.HasPrefix(dep, "ncc/nccfake") && !strings.HasPrefix(name, "lab"):
				t.Errorf("%s imports the fake %s in production code", name, dep)
			}
		}
	}
}

// within returns a package and all of ours that it imports, directly or not.
func within(all map[string]pkg, name string, seen map[string]bool) map[string]bool {
	if !seen[name] {
		seen[name] = true
		for _, imp := range all[name].Imports {
			if dep, ours := strings.CutPrefix(imp, module); ours {
				within(all, dep, seen)
			}
		}
	}
	return seen
}

func TestPurePackages(t *testing.T) {
	all := packages(t)
	for _, name := range pure {
		if _, ok := all[name]; !ok {
			t.Errorf("%s is listed as pure and does not exist", name)
		}
		for _, dep := range slices.Sorted(maps.Keys(within(all, name, map[string]bool{}))) {
			if dep == "proto/config" { // generated
				continue
			}
			for _, imp := range all[dep].Imports {
				if slices.Contains(impureImports, imp) {
					t.Errorf("%s is pure and must not import %q (through %s)", name, imp, dep)
				}
			}
			checkPurity(t, all[dep])
		}
	}
}

// checkPurity looks for goroutines, channels and clocks.
func checkPurity(t *testing.T, p pkg) {
	for _, file := range p.GoFiles {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
				t.Errorf("%s: goroutine or channel in a pure package", fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
					t.Errorf("%s: time.%s in a pure package; take now as an argument", fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestOnlyMainsExit: an error is returned up to main; there are no init
// functions.
func TestOnlyMainsExit(t *testing.T) {
	for name, p := range packages(t) {
		if joins(name) {
			continue
		}
		for _, file := range p.GoFiles {
			if strings.HasSuffix(file, ".pb.go") {
				continue
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && (x.Name == "os" && n.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(n.Sel.Name, "Fatal")) {
						t.Errorf("%s: %s.%s below main; return an error", fset.Position(n.Pos()), x.Name, n.Sel.Name)
					}
				case *ast.FuncDecl:
					if n.Recv == nil && n.Name.Name == "init" {
						t.Errorf("%s: init function", fset.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}

// TestMainsAreThin: what a main could get wrong belongs in a package with tests.
func TestMainsAreThin(t *testing.T) {
	files, err := filepath.Glob("cmd/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no commands found: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("\n")); n > 100 && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s has %d lines, at most 100 are allowed", file, n)
		}
	}
}

// TestMapIsTrue: the list in docs/architecture.md and the one above say the
// same.
func TestMapIsTrue(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "| Package | may import |")
	if !ok {
		t.Fatal("docs/architecture.md has no table of imports")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	page2 := make(map[string][]string)
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(table, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			page2[short(name)] = strings.Split(row[2], ", ")
		}
	}
	for name, allowed := range mayImport {
		want := strings.Fields(allowed)
		got, listed := page2[name]
		if strings.HasPrefix(name, "proto/") {
			got, listed = page2["proto/*"]
		}
		if !listed {
			t.Errorf("%s is not in the table of docs/architecture.md", name)
			continue
		}
		if len(got) == 1 && got[0] == "nothing of ours" {
			got = nil
		}
		for i := range got {
			got[i] = short(got[i])
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the page allows %v, the test %v", name, got, want)
		}
	}
}

// short expands the abbreviations of the page's table.
func short(name string) string {
	switch name {
	case "lb", "config", "wire", "rpc", "daemon", "nettest":
		return "internal/" + name
	}
	return name
}
