package integration

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers says how high each part stands; imports run downward, or sideways.
// The longest matching prefix counts.
var layers = map[string]int{
	"store/index": 0, "replicate/chunk": 0, "replicate/squeeze": 0,
	"store": 1, "scan/vfs": 1, "diff": 1, "replicate/wire": 1, "replicate/stock": 1,
	"scan": 2, "recovery": 2, "replicate/report": 2, "replicate/gauge": 2,
	"replicate/book":     3,
	"replicate/checkup":  3,
	"replicate/expiry":   3,
	"replicate/inquiry":  3,
	"replicate/install":  3,
	"replicate/link":     3,
	"replicate/looks":    3,
	"replicate/orders":   3,
	"replicate/pace":     3,
	"replicate/post":     3,
	"replicate/repair":   3,
	"replicate/restore":  3,
	"replicate/room":     3,
	"replicate/rounds":   3,
	"replicate/ruling":   3,
	"replicate/talk":     3,
	"replicate/tidy":     3,
	"replicate/transfer": 3,
	"replicate/trouble":  3,
	"replicate":          4,
	"cmd":                5,
	"integration":        6,
}

// owned are the libraries that exactly one package knows.
var owned = map[string]string{
	"go.etcd.io/bbolt":       "store",
	"github.com/fsnotify/":   "scan",
	"github.com/bmatcuk/":    "scan",
	"github.com/zeebo/":      "scan",
	"lukechampine.com/":      "scan",
	"golang.org/x/crypto/":   "replicate/link",
	"github.com/klauspost/":  "replicate/squeeze",
	"github.com/cespare/":    "replicate/chunk",
	"github.com/spf13/viper": "cmd/duet/config",
	"gonum.org/":             "integration/bench",
}

// pure packages know no clock, no context, no log and no file.
var pure = []string{"store/index", "diff", "replicate/wire"}

var impure = []string{"time", "context", "log", "log/slog", "os", "syscall", "net", "golang.org/x/sys/unix"}

const (
	maxFile     = 500
	maxFunction = 70
)

// The shape of the code, as docs/architecture.md describes it.
func TestShape(t *testing.T) {
	root := moduleRoot(t)
	must(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".pb.go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return checkFile(t, name, filepath.ToSlash(rel))
	}))
}

func checkFile(t *testing.T, name, rel string) error {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if clean, err := format.Source(source); err != nil || !bytes.Equal(clean, source) {
		t.Errorf("%s is not gofmt-clean (%v)", rel, err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		return err
	}
	isTest := strings.HasSuffix(rel, "_test.go")
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		checkImport(t, rel, imported, isTest)
	}
	if isTest {
		return nil
	}
	if lines := bytes.Count(source, []byte("\n")); lines > maxFile {
		t.Errorf("%s has %d lines, more than %d: fold it by noun", rel, lines, maxFile)
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if lines := files.Position(f.End()).Line - files.Position(f.Pos()).Line; lines > maxFunction {
			t.Errorf("%s: %s has %d lines, more than %d", rel, f.Name.Name, lines, maxFunction)
		}
	}
	return nil
}

func checkImport(t *testing.T, rel, imported string, isTest bool) {
	t.Helper()
	folder := path.Dir(rel)
	if below, ok := strings.CutPrefix(imported, "duet/"); ok && !isTest {
		if layer(folder) < layer(below) {
			t.Errorf("%s imports %s, which stands above it", rel, below)
		}
	}
	for library, owner := range owned {
		if strings.HasPrefix(imported, library) && folder != owner && !isTest {
			t.Errorf("%s imports %s, which only %s may", rel, imported, owner)
		}
	}
	if !isTest && slices.Contains(pure, folder) && slices.Contains(impure, imported) {
		t.Errorf("%s imports %s, but %s is pure", rel, imported, folder)
	}
}

// layer returns the layer of a folder; an unknown one fails the import.
func layer(folder string) int {
	for ; folder != "."; folder = path.Dir(folder) {
		if n, ok := layers[folder]; ok {
			return n
		}
	}
	return -1
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the tests")
		}
		dir = filepath.Dir(dir)
	}
}
