package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// byPath is a Files of which nobody knows that it is a tree.
type byPath struct{ vfs.Files }

// What is done near a path is what is done by its name, with the same errors.
func TestNear(t *testing.T) {
	for _, how := range []string{"held open", "by path"} {
		t.Run(how, func(t *testing.T) {
			tree, root := newTree(t)
			var files vfs.Files = tree
			if how == "by path" {
				files = byPath{tree}
			}
			outside := t.TempDir()
			write(t, filepath.Join(outside, "f"), "not ours")
			must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
			write(t, filepath.Join(root, "d/f"), "ours")
			write(t, filepath.Join(root, "top"), "ours, too")
			for _, err := range []error{
				os.Symlink(outside, filepath.Join(root, "away")), os.Symlink("f", filepath.Join(root, "d/link")),
				unix.Mkfifo(filepath.Join(root, "d/fifo"), 0o600), os.Mkdir(filepath.Join(root, "d/dir"), 0o700),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for p, want := range map[index.Path]error{
				"d/f": nil, "top": nil, "d/none": fs.ErrNotExist, "none/f": fs.ErrNotExist, "away/f": fs.ErrNotExist,
				"d/link": vfs.ErrChanged, "d/dir": vfs.ErrChanged, "d/fifo": vfs.ErrSpecial,
			} {
				if err := grips(files, p); !errors.Is(err, want) || err == nil != (want == nil) {
					t.Errorf("grip of %v: %v, want %v", p, err, want)
				}
			}
			shelves(t, files, "d/f", "d/link", "top")
			if b, err := os.ReadFile(filepath.Join(outside, "f")); err != nil || string(b) != "not ours" {
				t.Errorf("what is outside: %q, %v", b, err)
			}
		})
	}
}

func grips(files vfs.Files, p index.Path) error {
	at, err := vfs.NearTo(files, p)
	if err != nil {
		return err
	}
	defer at.Close()
	g, info, err := at.Grip()
	if err != nil {
		return err
	}
	defer g.Close()
	now, err := at.Lstat()
	if err == nil && now.Stamp != info.Stamp {
		err = errors.New("another stamp")
	}
	return err
}

func shelves(t *testing.T, files vfs.Files, paths ...index.Path) {
	t.Helper()
	taken := vfs.Held{Area: vfs.Kept, Name: "taken"}
	for i, p := range paths {
		before, err := files.Lstat(p)
		if err != nil {
			t.Fatal(err)
		}
		at, err := vfs.NearTo(files, p)
		if err != nil {
			t.Fatal(err)
		}
		h := vfs.Held{Area: vfs.Kept, Name: p.Leaf()}
		if i == 0 {
			h = taken
		} else if err := at.Shelve(taken); !errors.Is(err, fs.ErrExist) {
			t.Errorf("shelve %v to a name that is taken: %v", p, err)
		}
		if err := at.Shelve(h); err != nil {
			t.Fatal(err)
		}
		if _, err := at.Lstat(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v after it was shelved: %v", p, err)
		}
		if err := at.Shelve(h); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("shelve %v again: %v", p, err)
		}
		at.Close()
		if info, err := files.LstatHeld(h); err != nil || info.Stamp.Ino != before.Stamp.Ino {
			t.Errorf("%v among the kept: %+v, %v", p, info, err)
		}
	}
}

// A writer is known near a path as it is by its name.
func TestNearWriters(t *testing.T) {
	tree, root := newTree(t)
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	write(t, filepath.Join(root, "d/f"), "x")
	writes := func() (writers, known bool) {
		at, err := vfs.NearTo(tree, "d/f")
		if err != nil {
			t.Fatal(err)
		}
		defer at.Close()
		g, _, err := at.Grip()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		return g.Writers()
	}
	if writers, known := writes(); writers {
		t.Errorf("nobody writes: %v, %v", writers, known)
	}
	f, err := os.OpenFile(filepath.Join(root, "d/f"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if writers, known := writes(); known && !writers {
		t.Error("the writer is not seen")
	}
}

// Nothing is done near a path once its tree is closed.
func TestNearClosed(t *testing.T) {
	tree, root := newTree(t)
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	write(t, filepath.Join(root, "d/f"), "x")
	at, err := vfs.NearTo(tree, "d/f")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	if err := tree.Close(); err != nil {
		t.Fatal(err)
	}
	if err := at.Shelve(vfs.Held{Area: vfs.Kept, Name: "f"}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("shelve in a tree that is closed: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(root, "d/f")); err != nil {
		t.Error(err)
	}
}
