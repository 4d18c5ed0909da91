package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every package has its line on the map in docs/architecture.md, and every line
// there a package.
func TestMap(t *testing.T) {
	root := moduleRoot(t)
	doc, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	must(t, err)
	_, rest, _ := strings.Cut(string(doc), "## The map\n\n```\n")
	list, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("docs/architecture.md has no map")
	}
	mapped := map[string]bool{}
	top := ""
	for line := range strings.Lines(list) {
		name, _, ok := strings.Cut(strings.TrimLeft(line, " "), "/ ")
		if !ok {
			t.Errorf("a line that names no folder: %q", line)
		}
		if strings.HasPrefix(line, " ") {
			name = top + "/" + name
		} else {
			top = name
		}
		mapped[name] = true
		if files, err := filepath.Glob(filepath.Join(root, name, "*.go")); err != nil || len(files) == 0 {
			t.Errorf("%s is on the map, and has no code", name)
		}
	}
	must(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != root {
			return fs.SkipDir
		}
		// What lies deeper belongs to the package above it.
		deep := strings.Count(strings.TrimPrefix(rel, "cmd/"), "/") > 1
		if strings.HasSuffix(name, ".go") && !deep && !mapped[rel] && !strings.Contains(name, "testdata") {
			t.Errorf("%s is not on the map in docs/architecture.md", rel)
			mapped[rel] = true
		}
		return nil
	}))
}
