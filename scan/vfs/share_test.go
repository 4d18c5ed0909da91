package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
)

// Where the filesystem shares blocks, a file that is made from another takes up no
// room but for what is new in it; and one that was borrowed stays as it was.
func TestShare(t *testing.T) {
	rootOnly(t)
	if !inOwnMounts(t) {
		return
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 256<<20))
	if out, err := exec.Command("mkfs.btrfs", "-q", image).CombinedOutput(); err != nil {
		cannot(t, "mkfs.btrfs: %v: %s", err, out)
	}
	if out, err := exec.Command("mount", "-t", "btrfs", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		cannot(t, "mount: %v: %s", err, out)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) }) //nolint:errcheck // the namespace ends anyway
	root := filepath.Join(dir, "root")
	must(t, os.Mkdir(root, 0o755))
	base := make([]byte, 32<<20+777)
	rand.NewChaCha8([32]byte{1}).Read(base)
	must(t, os.WriteFile(filepath.Join(root, "base"), base, 0o644))
	tree, err := vfs.Open(root, vfs.Options{Name: "s"})
	must(t, err)
	defer tree.Close()

	c, err := tree.Open("base")
	must(t, err)
	defer c.Close()
	lent := vfs.Held{Area: vfs.Stage, Name: "lent"}
	must(t, tree.Borrow(c, lent))
	must(t, os.WriteFile(filepath.Join(root, "base"), []byte("saved meanwhile"), 0o644))
	from, err := tree.OpenHeld(lent)
	must(t, err)
	defer from.Close()

	made := vfs.Held{Area: vfs.Stage, Name: "made"}
	d, err := tree.Create(made)
	must(t, err)
	defer d.Close()
	const cut, hole = 10<<20 + 333, 5000
	var want []byte
	unix.Sync()
	before, err := tree.Free()
	must(t, err)
	must(t, d.(interface {
		Copy(vfs.Content, int64, int64) error
	}).Copy(from, 0, cut))
	want = append(want, base[:cut]...)
	_, err = d.Write(bytes.Repeat([]byte("n"), hole))
	must(t, err)
	want = append(want, bytes.Repeat([]byte("n"), hole)...)
	must(t, d.(interface {
		Copy(vfs.Content, int64, int64) error
	}).Copy(from, cut+hole, int64(len(base))-cut-hole))
	want = append(want, base[cut+hole:]...)
	_, err = d.Write([]byte("end"))
	must(t, err)
	want = append(want, "end"...)
	if d.Size() != int64(len(want)) {
		t.Errorf("%d bytes, want %d", d.Size(), len(want))
	}
	_, err = d.Finish(vfs.Meta{Mode: 0o644, UID: -1, GID: -1})
	must(t, err)
	unix.Sync()
	after, err := tree.Free()
	must(t, err)
	if before-after > 4<<20 {
		t.Errorf("%d bytes were taken up", before-after)
	}
	got, err := tree.OpenHeld(made)
	must(t, err)
	defer got.Close()
	b, err := io.ReadAll(got)
	must(t, err)
	if !bytes.Equal(b, want) {
		t.Error("something else was made")
	}
}

// Where it does not, nobody is the worse.
func TestShareUnsupported(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "f"), []byte("content"), 0o644))
	tree, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(t.TempDir(), "holding")})
	must(t, err)
	defer tree.Close()
	c, err := tree.Open("f")
	must(t, err)
	defer c.Close()
	h := vfs.Held{Area: vfs.Stage, Name: "lent"}
	if err := tree.Borrow(c, h); err == nil {
		t.Skip("this filesystem shares blocks")
	} else if !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if held, err := tree.ListHeld(vfs.Stage); err != nil || len(held) > 0 {
		t.Errorf("left behind: %v, %v", held, err)
	}
}
