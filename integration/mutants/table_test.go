package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTable: docs/safety.md says what the patches say, each rule has a guard,
// and each guard is held, and tested, by something that exists.
func TestTable(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := readMutants(root, regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs", "safety.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := renew(doc, all)
	if err != nil || !bytes.Equal(doc, want) {
		t.Errorf("docs/safety.md is not what the patches say (%v): go run ./integration/mutants -table", err)
	}
	guarded := make(map[int]bool)
	for _, m := range all {
		guarded[m.rule] = true
		if out, err := exec.Command("git", "-C", root, "apply", "--check", m.file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", m.name, err, out)
		}
		for name := range strings.SplitSeq(m.in, ", ") {
			pkg, leaf := folders[name[:strings.Index(name, ".")]], name[strings.LastIndex(name, ".")+1:]
			if !declares(t, filepath.Join(root, pkg), ".go", `(func (\([^)]*\) )?|var |const |type |\t)`+leaf+`\b`) {
				t.Errorf("%s: there is no %s", m.name, name)
			}
		}
		top, _, _ := strings.Cut(strings.Trim(m.test.run, "^$"), "$")
		if !declares(t, filepath.Join(root, m.test.pkg), "_test.go", `func `+top+`\(`) {
			t.Errorf("%s: there is no %s in %s", m.name, top, m.test.pkg)
		}
	}
	for rule := range rules {
		if !guarded[rule] {
			t.Errorf("rule %d has no guard", rule)
		}
	}
}

// folders of the packages that hold guards.
var folders = map[string]string{
	"diff":      "diff",
	"recovery":  "recovery",
	"landing":   "recovery/landing",
	"compare":   "recovery/compare",
	"verify":    "recovery/verify",
	"replicate": "replicate",
	"book":      "replicate/book",
	"expiry":    "replicate/expiry",
	"gauge":     "replicate/gauge",
	"install":   "replicate/install",
	"link":      "replicate/link",
	"looks":     "replicate/looks",
	"room":      "replicate/room",
	"squeeze":   "replicate/squeeze",
	"orders":    "replicate/orders",
	"plan":      "replicate/plan",
	"rounds":    "replicate/rounds",
	"ruling":    "replicate/ruling",
	"talk":      "replicate/talk",
	"tidy":      "replicate/tidy",
	"transfer":  "replicate/transfer",
	"trouble":   "replicate/trouble",
	"inspect":   "cmd/duet/inspect",
	"wire":      "replicate/wire",
	"scan":      "scan",
	"vfs":       "scan/vfs",
	"store":     "store",
	"index":     "store/index",
}

// declares reports whether a file in dir has a line that matches.
func declares(t *testing.T, dir, suffix, pattern string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + pattern)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if line.Match(raw) {
			return true
		}
	}
	return false
}
