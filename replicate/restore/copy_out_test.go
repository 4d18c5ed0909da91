package restore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/scan/vfs"
	"duet/store/index"
)

// breaking is files of which the held ones break off.
type breaking struct{ vfs.Files }

var errBroken = errors.New("input/output error")

func (b breaking) OpenHeld(h vfs.Held) (vfs.Content, error) {
	c, err := b.Files.OpenHeld(h)
	return brokenContent{c}, err
}

type brokenContent struct{ vfs.Content }

func (c brokenContent) Read(p []byte) (int, error) {
	if n, err := c.Content.Read(p[:min(len(p), 3)]); err == nil {
		return n, nil
	}
	return 0, errBroken
}

// kept is a tree with one kept version.
func kept(t *testing.T) (*vfs.Tree, *index.Kept) {
	t.Helper()
	root := t.TempDir()
	tree, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(t.TempDir(), "holding")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	if err := os.WriteFile(filepath.Join(root, "f"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tree.Shelve("f", vfs.Held{Area: vfs.Kept, Name: "1-f"}); err != nil {
		t.Fatal(err)
	}
	return tree, &index.Kept{ID: 1, Path: "f", Held: "1-f", Entry: &index.Entry{Kind: index.File, Size: 7, Mode: 0o640, ModTime: 1e18}}
}

// What is copied out is whole or not there, so that it can be tried again.
func TestCopyOutIsWhole(t *testing.T) {
	tree, k := kept(t)
	to := filepath.Join(t.TempDir(), "out")
	if err := CopyOut(breaking{tree}, k, to); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(to); !os.IsNotExist(err) {
		t.Errorf("something is left: %v", err)
	}
	if err := CopyOut(tree, k, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
}

// What is there already stays, and that is said.
func TestCopyOutOntoSomething(t *testing.T) {
	tree, k := kept(t)
	link := &index.Kept{ID: 2, Path: "l", Entry: &index.Entry{Kind: index.Symlink, Target: "content"}}
	for _, k := range []*index.Kept{k, link} {
		to := filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(to, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := CopyOut(tree, k, to)
		if err == nil || !strings.Contains(err.Error(), to+" is there already: name another file") {
			t.Errorf("%v: got %v", k.Path, err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != "mine" {
			t.Errorf("%v: it is %q, %v", k.Path, got, err)
		}
	}
}
