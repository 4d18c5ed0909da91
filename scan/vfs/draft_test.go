package vfs_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
)

// TestDraftInSteps: a large piece is written by several system calls, and comes
// out as one.
func TestDraftInSteps(t *testing.T) {
	tree, _ := newTree(t)
	for _, size := range []int{0, 1, vfs.AtOnce, 2*vfs.AtOnce + 1} {
		want := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(size)}).Read(want)
		h := vfs.Held{Area: vfs.Stage, Name: "piece"}
		d, err := tree.Create(h)
		must(t, err)
		n, err := d.Write(want)
		if err != nil || n != size || d.Size() != int64(size) {
			t.Errorf("of %d bytes %d were written, it has %d: %v", size, n, d.Size(), err)
		}
		must(t, d.Close())
		if got, err := os.ReadFile(filepath.Join(tree.Holding(), "stage/piece")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("of %d bytes %d came out, or others: %v", size, len(got), err)
		}
	}
}

// TestDraftOnFullDisk: what was written before the disk was full is told.
func TestDraftOnFullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	root := t.TempDir()
	must(t, unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755,size=1m"))
	t.Cleanup(func() { must(t, unix.Unmount(root, unix.MNT_DETACH)) })
	must(t, os.Mkdir(filepath.Join(root, "share"), 0o755))
	tree := openTree(t, filepath.Join(root, "share"), vfs.Options{})
	d, err := tree.Create(vfs.Held{Area: vfs.Stage, Name: "piece"})
	must(t, err)
	n, err := d.Write(make([]byte, 3*vfs.AtOnce))
	if !errors.Is(err, unix.ENOSPC) || n == 0 || d.Size() != int64(n) {
		t.Errorf("%d bytes were written, it has %d: %v", n, d.Size(), err)
	}
	must(t, d.Close())
}
