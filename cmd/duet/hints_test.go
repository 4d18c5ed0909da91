package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	hint   = regexp.MustCompile(`'duet( [^']+)'`)
	filled = strings.NewReplacer("%s", "x", "%v", "x", "%d", "1")
)

// What a message tells people to type can be typed: there is such a command, with
// those flags, and it takes so many arguments. It stands in quotes that a shell does
// nothing with, if somebody copies them, too.
func TestCommandsInMessages(t *testing.T) {
	found := 0
	texts(t, func(where, text string) {
		if strings.Contains(text, "`duet ") {
			t.Errorf("%s: a shell runs what stands in backticks; write 'duet ...': %s", where, text)
		}
		for _, m := range hint.FindAllStringSubmatch(text, -1) {
			found++
			a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
			c, rest, err := a.root().Find(strings.Fields(filled.Replace(m[1])))
			if err == nil && !c.HasParent() {
				t.Errorf("%s: there is no such command: %s", where, m[0])
				continue
			}
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %s: %v", where, m[0], err)
			}
		}
	})
	if found < 50 {
		t.Errorf("only %d commands were found in messages", found)
	}
}

// texts calls f with every string of the code, but for tests.
func texts(t *testing.T, f func(where, text string)) {
	t.Helper()
	files := token.NewFileSet()
	for _, dir := range []string{"cmd", "replicate", "recovery", "scan", "diff", "store"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, name, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				f(files.Position(lit.Pos()).String(), text)
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
