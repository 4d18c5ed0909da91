package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/scan/vfs"
	"duet/store/index"
)

func TestHoldingBeside(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	must(t, os.Mkdir(root, 0o755))
	must(t, os.Symlink(root, filepath.Join(t.TempDir(), "elsewhere")))
	tree := openTree(t, root, vfs.Options{Name: "images"})
	if want := filepath.Join(dir, ".duet-images"); tree.Holding() != want || tree.HoldingInside() {
		t.Errorf("holding area %s, inside %v; want %s", tree.Holding(), tree.HoldingInside(), want)
	}
	for _, sub := range []string{"", "stage", "kept"} {
		info, err := os.Stat(filepath.Join(tree.Holding(), sub))
		must(t, err)
		if info.Mode() != os.ModeDir|0o700 {
			t.Errorf("%q has mode %v", sub, info.Mode())
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("in the root: %v, %v", entries, err)
	}
	stage(t, tree, "f", "f")
	must(t, os.Chmod(tree.Holding(), 0o755))
	must(t, os.Chmod(filepath.Join(tree.Holding(), "kept"), 0o777))

	again := openTree(t, root, vfs.Options{Name: "images"})
	if infos, err := again.ListHeld(vfs.Stage); err != nil || len(infos) != 1 || again.Holding() != tree.Holding() {
		t.Errorf("opened again: %s holds %+v, %v", again.Holding(), infos, err)
	}
	for _, sub := range []string{"", "kept"} {
		info, err := os.Stat(filepath.Join(tree.Holding(), sub))
		must(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%q still has mode %v", sub, info.Mode())
		}
	}
}

// TestHoldingOfSymlink: beside the root is beside the directory itself.
func TestHoldingOfSymlink(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "real", "root")
	must(t, os.MkdirAll(root, 0o755))
	must(t, os.Symlink("real/root", filepath.Join(dir, "link")))
	tree := openTree(t, filepath.Join(dir, "link"), vfs.Options{})
	if want := filepath.Join(dir, "real", ".duet-root"); tree.Holding() != want {
		t.Errorf("holding area %s, want %s", tree.Holding(), want)
	}
	must(t, tree.Place(stage(t, tree, "f", "f"), "f"))
}

func TestHoldingInside(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	must(t, os.MkdirAll(filepath.Join(root, "d"), 0o755))
	tree := openTree(t, root, vfs.Options{Holding: filepath.Join(root, ".duet")})
	if !tree.HoldingInside() {
		t.Fatalf("%s is not said to be inside", tree.Holding())
	}
	dir, err := tree.OpenDir(index.Root)
	must(t, err)
	defer dir.Close()
	if names, err := dir.Names(); err != nil || !slices.Equal(names, []string{"d"}) {
		t.Errorf("names in the root: %q, %v", names, err)
	}
	give := stage(t, tree, "give", "give")
	kept := vfs.Held{Area: vfs.Kept, Name: "x"}
	for _, p := range []index.Path{".duet", ".duet/kept", ".duet/stage/give"} {
		_, lstat := tree.Lstat(p)
		_, open := tree.Open(p)
		_, list := tree.OpenDir(p)
		_, set := tree.SetMeta(p, vfs.Meta{}, index.Stamp{})
		for i, err := range []error{lstat, open, list, set, tree.Place(give, p), tree.Swap(give, p), tree.Shelve(p, kept),
			tree.Move(p, "new"), tree.Move("d", p), tree.Rmdir(p), tree.SyncDirs([]index.Path{p})} {
			if !errors.Is(err, vfs.ErrReserved) {
				t.Errorf("operation %d on %v: got %v, want %v", i, p, err, vfs.ErrReserved)
			}
		}
	}
	must(t, tree.Place(give, "d/.duet"))

	// Once it is there it stays, so that what is kept in it is found.
	again := openTree(t, root, vfs.Options{})
	if !again.HoldingInside() {
		t.Errorf("another holding area, %s, was made", again.Holding())
	}
}

func TestHoldingConfigured(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	must(t, os.MkdirAll(filepath.Join(root, "sub"), 0o755))
	tree := openTree(t, root, vfs.Options{Holding: filepath.Join(dir, "held")})
	if tree.Holding() != filepath.Join(dir, "held") || tree.HoldingInside() {
		t.Errorf("holding area %s, inside %v", tree.Holding(), tree.HoldingInside())
	}
	must(t, tree.Place(stage(t, tree, "f", "f"), "f"))
}

// TestHeldAsRoot: what is held can be opened as a tree by its path, too.
func TestHeldAsRoot(t *testing.T) {
	tree, root := newTree(t)
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	write(t, filepath.Join(root, "d/f"), "f")
	must(t, tree.Shelve("d", vfs.Held{Area: vfs.Kept, Name: "d"}))
	held := openTree(t, filepath.Join(tree.Holding(), "kept/d"), vfs.Options{Holding: tree.Holding()})
	must(t, held.Shelve("f", vfs.Held{Area: vfs.Kept, Name: "f"}))
	if got := readHeld(t, tree, vfs.Held{Area: vfs.Kept, Name: "f"}); string(got) != "f" {
		t.Errorf("it holds %q", got)
	}
}

func TestHoldingRefused(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	must(t, os.MkdirAll(filepath.Join(root, "sub"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "full", "things"), 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	must(t, os.Symlink("empty", filepath.Join(dir, "link")))
	write(t, filepath.Join(dir, "file"), "x")
	cases := []struct{ name, holding, text string }{
		{"symlink", filepath.Join(dir, "link"), "symlink"},
		{"file", filepath.Join(dir, "file"), "no directory"},
		{"inside the root", filepath.Join(root, "sub"), "inside the root"},
		{"the root", root, "inside the root"},
		{"around the root", dir, "contains the root"},
		{"somebody's directory", filepath.Join(dir, "full"), "not made by Duet"},
	}
	if shm := disks(t)["tmpfs"]; shm != "" {
		cases = append(cases, struct{ name, holding, text string }{"other filesystem", filepath.Join(shm, "held"), "filesystem"})
	}
	for _, c := range cases {
		_, err := vfs.Open(root, vfs.Options{Holding: c.holding})
		wants(t, c.name, err, nil, c.text)
	}
	_, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(dir, "no", "held")})
	if err == nil {
		t.Error("a holding area in a missing directory was made")
	}
	if _, err := vfs.Open(root, vfs.Options{Name: "../x"}); err == nil {
		t.Error("a share name with a slash was taken")
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "empty")); err != nil || len(entries) != 0 {
		t.Errorf("behind the symlink: %v, %v", entries, err)
	}
	// The one that would be chosen is not gone around either.
	must(t, os.Symlink("empty", filepath.Join(dir, ".duet-root")))
	_, err = vfs.Open(root, vfs.Options{})
	wants(t, "symlink beside the root", err, nil, "symlink")
}

func TestHoldingOfOther(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a directory away")
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	held := filepath.Join(dir, "held")
	must(t, os.MkdirAll(root, 0o755))
	must(t, os.Mkdir(held, 0o755))
	must(t, os.Chown(held, 12345, 12345))
	_, err := vfs.Open(root, vfs.Options{Holding: held})
	wants(t, "another user's, open to all", err, nil, "belongs to user 12345")
	must(t, os.Chmod(held, 0o700))
	openTree(t, root, vfs.Options{Holding: held})
}

// TestHoldingUnwritableParent: an ordinary user's share often lies in a
// directory of root's.
func TestHoldingUnwritableParent(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere; see TestMounts for the same choice")
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	must(t, os.Mkdir(root, 0o755))
	must(t, os.Chmod(dir, 0o500))
	defer os.Chmod(dir, 0o700)
	tree := openTree(t, root, vfs.Options{})
	if tree.Holding() != filepath.Join(root, ".duet") || !tree.HoldingInside() {
		t.Errorf("holding area %s, inside %v", tree.Holding(), tree.HoldingInside())
	}
}
