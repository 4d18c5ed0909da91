package vfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// syncing records what is synced, by path below root.
type syncing struct {
	mu   sync.Mutex
	root string
	done []string
	fail map[string]error
}

func (s *syncing) hook(fd int, all bool) error {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return err
	}
	if all {
		path = "everything"
	} else if path, err = filepath.Rel(s.root, path); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, path)
	return s.fail[path]
}

// take returns what was synced since the last time.
func (s *syncing) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.done)
	out := strings.Join(slices.Compact(s.done), " ")
	s.done = nil
	return out
}

func seenAt(t *testing.T, tree *vfs.Tree, paths ...index.Path) (out []vfs.Seen) {
	t.Helper()
	for _, p := range paths {
		info, err := tree.Lstat(p)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		out = append(out, vfs.Seen{Path: p, Stamp: info.Stamp})
	}
	return out
}

// TestSyncsSeen: what is seen is synced, and the directory that says that it
// is there, or that it is not.
func TestSyncsSeen(t *testing.T) {
	tree, root := newTree(t)
	must(t, os.MkdirAll(filepath.Join(root, "d/e"), 0o755))
	must(t, os.Symlink("f", filepath.Join(root, "d/l")))
	for _, p := range []string{"d/f", "d/e/g", "h"} {
		write(t, filepath.Join(root, p), p)
	}
	s := &syncing{root: root}
	t.Cleanup(vfs.OnSync(s.hook))
	for _, c := range []struct {
		seen []index.Path
		want string
	}{
		{[]index.Path{"h"}, ". h"},
		{[]index.Path{"d/f"}, "d d/f"},
		{[]index.Path{"d/l"}, "d"},
		{[]index.Path{"d/e"}, "d d/e"},
		{[]index.Path{"d/f", "d/e/g", "h"}, ". d d/e d/e/g d/f h"},
		{[]index.Path{"d/gone"}, "d"},
		{[]index.Path{"d/gone/deeper/still"}, "d"},
		{[]index.Path{"gone", "gone/a", "gone/b/c", "gone/b"}, "."},
		{[]index.Path{"d/l/x", "h/x"}, ". d"},
	} {
		for _, err := range tree.SyncSeen(seenAt(t, tree, c.seen...)) {
			if err != nil {
				t.Error(err)
			}
		}
		if got := s.take(); got != c.want {
			t.Errorf("%v: synced %q, want %q", c.seen, got, c.want)
		}
	}
}

// TestSyncFails: that one thing cannot be written is no other's trouble.
func TestSyncFails(t *testing.T) {
	tree, root := newTree(t)
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	for _, p := range []string{"d/a", "d/b", "c", "x"} {
		write(t, filepath.Join(root, p), p)
	}
	seen := seenAt(t, tree, "d/a", "d/b", "c", "d/gone", "x")
	s := &syncing{root: root}
	t.Cleanup(vfs.OnSync(s.hook))
	for _, many := range []int{vfs.Many(), 2} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			t.Cleanup(vfs.SetMany(many))
			check := func(fail map[string]error, want ...error) {
				t.Helper()
				s.fail = fail
				for i, err := range tree.SyncSeen(seen) {
					if !errors.Is(err, want[i]) {
						t.Errorf("%v: got %v, want %v", seen[i].Path, err, want[i])
					}
				}
			}
			check(map[string]error{"d/b": unix.EIO, "everything": unix.EIO}, nil, unix.EIO, nil, nil, nil)
			check(map[string]error{"d": unix.ENOSPC, "everything": unix.EIO}, unix.ENOSPC, unix.ENOSPC, nil, unix.ENOSPC, nil)
			check(map[string]error{"everything": unix.EIO}, nil, nil, nil, nil, nil)
			s.take()
		})
	}
}

// TestSyncsTogether: of many things the whole filesystem is synced, once.
func TestSyncsTogether(t *testing.T) {
	tree, root := newTree(t)
	var paths []index.Path
	for i := range vfs.Many() {
		paths = append(paths, index.Path(fmt.Sprint(i)))
		write(t, filepath.Join(root, fmt.Sprint(i)), "content")
	}
	seen := seenAt(t, tree, paths...)
	write(t, filepath.Join(root, "new"), "replaced")
	must(t, os.Rename(filepath.Join(root, "new"), filepath.Join(root, "3")))
	s := &syncing{root: root}
	t.Cleanup(vfs.OnSync(s.hook))
	for i, err := range tree.SyncSeen(seen) {
		if want := map[bool]error{true: vfs.ErrChanged}[i == 3]; !errors.Is(err, want) {
			t.Errorf("%v: got %v, want %v", seen[i].Path, err, want)
		}
	}
	if got := s.take(); got != "everything" {
		t.Errorf("synced %q", got)
	}
}

// TestSyncUnreadable: what its owner shut against himself is synced with its
// filesystem.
func TestSyncUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	tree, root := newTree(t)
	write(t, filepath.Join(root, "f"), "f")
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	seen := seenAt(t, tree, "f", "d")
	must(t, os.Chmod(filepath.Join(root, "f"), 0))
	must(t, os.Chmod(filepath.Join(root, "d"), 0o300))
	s := &syncing{root: root}
	t.Cleanup(vfs.OnSync(s.hook))
	for i, err := range tree.SyncSeen(seen) {
		if err != nil {
			t.Errorf("%v: %v", seen[i].Path, err)
		}
	}
	if got := s.take(); got != ". everything" {
		t.Errorf("synced %q", got)
	}
}
