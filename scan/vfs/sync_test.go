package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// TestSyncs: what is said to be on stable storage was given to fsync.
func TestSyncs(t *testing.T) {
	tree, root := newTree(t)
	var mu sync.Mutex
	synced := make(map[uint64]bool) // by inode
	stop := vfs.OnSync(func(fd int, _ bool) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		synced[st.Ino] = true
		return nil
	})
	defer stop()
	check := func(path string) {
		t.Helper()
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		if !synced[st.Ino] {
			t.Errorf("%s was not synced", path)
		}
	}
	h := vfs.Held{Area: vfs.Stage, Name: "f"}
	d, err := tree.Create(h)
	must(t, err)
	_, err = d.Write([]byte("content"))
	must(t, err)
	_, err = d.Finish(vfs.Meta{Mode: 0o644, UID: -1, GID: -1})
	must(t, errors.Join(err, d.Close()))
	check(filepath.Join(tree.Holding(), "stage", "f"))

	clear(synced)
	late := vfs.Held{Area: vfs.Stage, Name: "late"}
	d, err = tree.Create(late)
	must(t, err)
	_, err = d.Dress(vfs.Meta{Mode: 0o644, UID: -1, GID: -1})
	must(t, errors.Join(err, d.Close()))
	must(t, errors.Join(tree.SyncStaged([]vfs.Held{late})...))
	check(filepath.Join(tree.Holding(), "stage", "late"))
	none := vfs.Held{Area: vfs.Stage, Name: "none"}
	if errs := tree.SyncStaged([]vfs.Held{late, none}); errs[0] != nil || !errors.Is(errs[1], os.ErrNotExist) {
		t.Errorf("one of two is not there: %v", errs)
	}

	must(t, os.MkdirAll(filepath.Join(root, "d/e"), 0o755))
	must(t, tree.Place(h, "d/e/f"))
	clear(synced)
	must(t, tree.SyncDirs([]index.Path{index.Root, "d/e"}))
	for _, path := range []string{root, filepath.Join(root, "d/e"), filepath.Join(tree.Holding(), "stage"), filepath.Join(tree.Holding(), "kept")} {
		check(path)
	}
}

// TestSwapHidesNothing: who looks at a path while it is replaced, over and
// over, always finds something there.
func TestSwapHidesNothing(t *testing.T) {
	tree, root := newTree(t)
	for _, lack := range tree.Degraded() {
		if strings.Contains(lack, "exchange") {
			t.Skip(lack)
		}
	}
	path := filepath.Join(root, "f")
	write(t, path, "old")
	h := stage(t, tree, "f", "new")
	end, looks := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { looks <- n }()
		for ; ; n++ {
			select {
			case <-end:
				return
			default:
			}
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil {
				t.Errorf("look %d: %v", n, err)
				return
			}
		}
	}()
	for range 5000 {
		must(t, tree.Swap(h, "f"))
	}
	close(end)
	if n := <-looks; n == 0 {
		t.Error("nobody looked")
	}
}
