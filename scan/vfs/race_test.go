package vfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
	"duet/store/index"
)

// TestSwappedForSymlink lets somebody exchange a directory for a symlink to a
// place outside the root, over and over, while every verb works below it.
// Nothing outside may be read or changed.
func TestSwappedForSymlink(t *testing.T) {
	for _, without := range []string{"all", "openat2", "renames"} {
		t.Run("without-"+without, func(t *testing.T) { swapForSymlink(t, kernels[without]) })
	}
}

func swapForSymlink(t *testing.T, missing []string) {
	base := t.TempDir()
	root, canary := filepath.Join(base, "root"), filepath.Join(base, "canary")
	dir, link := filepath.Join(root, "dir"), filepath.Join(root, "link")
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(t, os.MkdirAll(filepath.Join(canary, "sub"), 0o755))
	for _, f := range []string{"file", "sub/file", "new", "sub/new"} {
		write(t, filepath.Join(canary, f), "canary")
	}
	must(t, os.Symlink(canary, link))
	before := picture(t, canary)
	tree := openTree(t, root, vfs.Options{}, missing...)

	stop := toggle(t, dir, link)
	var done, refused int
	count := func(err error) {
		switch {
		case err == nil:
			done++
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), errors.Is(err, vfs.ErrChanged):
			refused++
		default:
			t.Error(err)
		}
	}
	limit := time.Now().Add(20 * time.Second)
	for i := 0; i < 100 || done < 100 || refused < 100; i++ {
		if time.Now().After(limit) {
			t.Logf("only %d operations found the directory and %d the symlink", done, refused)
			break
		}
		p := []index.Path{"dir", "dir/sub"}[i%2]
		hammer(t, tree, p, count)
	}
	stop()
	if after := picture(t, canary); after != before {
		t.Errorf("outside the root there was\n%s\nnow\n%s", before, after)
	}
	if done == 0 || refused == 0 {
		t.Errorf("%d operations found the directory and %d the symlink: nothing was raced", done, refused)
	}
}

// hammer does every verb once below p.
func hammer(t *testing.T, tree *vfs.Tree, p index.Path, count func(error)) {
	file, next := p+"/file", p+"/new"
	h, snap := stage(t, tree, "h", "mine"), vfs.Held{Area: vfs.Stage, Name: "snap"}
	count(tree.Place(h, file))
	h = stage(t, tree, "h", "mine")
	count(tree.Swap(h, file))
	if got := readHeld(t, tree, h); string(got) != "mine" {
		t.Errorf("a swap brought %q into the holding area", got)
	}
	if info, err := tree.Lstat(file); err == nil {
		_, err := tree.SetMeta(file, vfs.Meta{Mode: 0o600, ModTime: 1e18, UID: -1, GID: -1}, info.Stamp)
		count(err)
	}
	if _, err := tree.Snapshot(file, snap); err == nil {
		if got := readHeld(t, tree, snap); string(got) != "mine" {
			t.Errorf("a snapshot holds %q", got)
		}
	}
	count(tree.Move(file, next))
	out := vfs.Held{Area: vfs.Kept, Name: "out"}
	for _, q := range []index.Path{file, next} {
		err := tree.Shelve(q, out)
		count(err)
		if err == nil {
			if got := readHeld(t, tree, out); string(got) != "mine" {
				t.Errorf("a shelve brought %q into the holding area", got)
			}
			must(t, tree.RemoveHeld(out))
		}
	}
}

// toggle exchanges two names until the func that it returns is called.
func toggle(t *testing.T, a, b string) (stop func()) {
	var end atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !end.Load() {
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	})
	return func() {
		end.Store(true)
		wg.Wait()
	}
}

// picture describes all that is in a directory.
func picture(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String())
		if !d.IsDir() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.Write(content)
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

// TestSnapshotWhileWritten: a snapshot is one state of the file, or none.
func TestSnapshotWhileWritten(t *testing.T) {
	for where, dir := range disks(t) {
		t.Run(where, func(t *testing.T) {
			root := filepath.Join(subdir(t, dir), "root")
			must(t, os.Mkdir(root, 0o755))
			snapshotWhileWritten(t, openTree(t, root, vfs.Options{}), filepath.Join(root, "f"))
		})
	}
}

func snapshotWhileWritten(t *testing.T, tree *vfs.Tree, path string) {
	const size = 1 << 20
	write(t, path, string(bytes.Repeat([]byte{'a'}, size)))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	turn := make(chan byte)
	var wg sync.WaitGroup
	wg.Go(func() {
		for c := range turn {
			if _, err := f.WriteAt(bytes.Repeat([]byte{c}, size), 0); err != nil {
				t.Error(err)
			}
		}
	})
	h := vfs.Held{Area: vfs.Stage, Name: "s"}
	var changed int
	for i := range 60 {
		// The write begins when this send has been received, so that it and the
		// snapshot overlap.
		turn <- 'a' + byte(i%26)
		_, err := tree.Snapshot("f", h)
		if errors.Is(err, vfs.ErrChanged) {
			changed++
			if _, err := tree.LstatHeld(h); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a snapshot that failed left something: %v", err)
			}
			continue
		}
		must(t, err)
		got := readHeld(t, tree, h)
		if len(got) != size || !bytes.Equal(got, bytes.Repeat(got[:1], size)) {
			t.Fatalf("torn: %d bytes, %d of the first", len(got), bytes.Count(got, got[:1]))
		}
		must(t, tree.RemoveHeld(h))
	}
	close(turn)
	wg.Wait()
	t.Logf("%d of 60 snapshots met a write", changed)
	if _, err := tree.Snapshot("f", h); err != nil {
		t.Errorf("a file at rest: %v", err)
	}
}

// TestLeafSwapped lets somebody exchange a file for a symlink out of the root,
// then for a FIFO, while it is opened: only the file is ever read or changed.
func TestLeafSwapped(t *testing.T) {
	for _, without := range []string{"all", "openat2"} {
		for _, other := range []string{"symlink", "fifo"} {
			t.Run("without-"+without+"/"+other, func(t *testing.T) { swapLeaf(t, other, kernels[without]) })
		}
	}
}

func swapLeaf(t *testing.T, other string, missing []string) {
	base := t.TempDir()
	root, canary := filepath.Join(base, "root"), filepath.Join(base, "canary")
	must(t, os.Mkdir(root, 0o755))
	write(t, canary, "canary")
	file, rival := filepath.Join(root, "file"), filepath.Join(root, "rival")
	write(t, file, "mine")
	if other == "symlink" {
		must(t, os.Symlink(canary, rival))
	} else {
		must(t, unix.Mkfifo(rival, 0o644))
	}
	before, err := os.Stat(canary)
	must(t, err)
	tree := openTree(t, root, vfs.Options{}, missing...)
	stop := toggle(t, file, rival)
	var opened, refused int
	limit := time.Now().Add(20 * time.Second)
	for i := 0; (i < 1000 || opened < 100 || refused < 100) && time.Now().Before(limit); i++ {
		if info, err := tree.Lstat("file"); err == nil {
			ns := 1e18 + int64(i)
			_, _ = tree.SetMeta("file", vfs.Meta{Mode: 0o600, ModTime: ns, UID: -1, GID: -1}, info.Stamp)
		}
		c, err := tree.Open("file")
		if err != nil {
			if !errors.Is(err, vfs.ErrChanged) && !errors.Is(err, vfs.ErrSpecial) {
				t.Error(err)
			}
			refused++
			continue
		}
		opened++
		if info, err := c.Stat(); err != nil || info.Type != vfs.Regular {
			t.Fatalf("opened %+v, %v", info, err)
		}
		b := make([]byte, 10)
		if n, _ := c.Read(b); string(b[:n]) != "mine" {
			t.Fatalf("read %q", b[:n])
		}
		must(t, c.Close())
	}
	stop()
	if opened == 0 || refused == 0 {
		t.Errorf("%d times the file was found and %d times the other: nothing was raced", opened, refused)
	}
	if after, err := os.Stat(canary); err != nil || after.ModTime() != before.ModTime() || after.Mode() != before.Mode() {
		t.Errorf("outside the root: %v, %v", after, err)
	}
}

// TestNoSaveIsHidden: somebody saves a file, with the same size, while its
// time is set back. Either the time is set first, or the save shows.
func TestNoSaveIsHidden(t *testing.T) {
	tree, root := newTree(t)
	path := filepath.Join(root, "f")
	write(t, path, "old")
	c, err := tree.Open("f")
	must(t, err)
	_, known := c.Writers()
	must(t, c.Close())
	if !known {
		t.Skip("no leases here")
	}
	turn, saved := make(chan int), make(chan error)
	defer close(turn)
	go func() {
		for i := range turn {
			for range i % 100 * 20 { // come earlier and later
				runtime.KeepAlive(i)
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("new")
				err = errors.Join(err, f.Close())
			}
			saved <- err
		}
	}()
	var set, busy int
	for i := range 3000 {
		write(t, path, "old")
		must(t, os.Chtimes(path, time.Time{}, time.Unix(5e8, 0)))
		info, err := tree.Lstat("f")
		must(t, err)
		turn <- i
		_, err = tree.SetMeta("f", vfs.Meta{Mode: 0o644, ModTime: 1e18, UID: -1, GID: -1}, info.Stamp)
		switch {
		case err == nil:
			set++
		case errors.Is(err, vfs.ErrBusy), errors.Is(err, vfs.ErrChanged):
			busy++
		default:
			t.Fatal(err)
		}
		must(t, <-saved)
		if info, err := tree.Lstat("f"); err != nil || info.Stamp.ModTime == 1e18 {
			t.Fatalf("the save is hidden: %+v, %v", info, err)
		}
	}
	t.Logf("set %d times, too late %d times", set, busy)
}
