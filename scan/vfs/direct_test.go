package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"duet/scan/vfs"
)

func randomBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// TestLargeDraft: what goes past the page cache comes out as it was written, whatever
// the pieces, with holes, cut off, and taken up again.
func TestLargeDraft(t *testing.T) {
	tree, _ := newTree(t)
	h := vfs.Held{Area: vfs.Stage, Name: "large"}
	path := filepath.Join(tree.Holding(), "stage/large")
	rnd := rand.New(rand.NewPCG(1, 2))
	source := randomBytes(8<<20, 1)
	var want []byte
	d, err := tree.Create(h)
	must(t, err)
	write := func(n int) {
		for n > 0 {
			piece := source[rnd.IntN(1<<20):][:min(n, rnd.IntN(1<<20)+1)]
			if rnd.IntN(20) == 0 {
				piece = source[:min(n, len(source))] // more than one write takes
			}
			got, err := d.Write(piece)
			if err != nil || got != len(piece) {
				t.Fatalf("%d of %d bytes were written: %v", got, len(piece), err)
			}
			want = append(want, piece...)
			n -= len(piece)
			if d.Size() != int64(len(want)) {
				t.Fatalf("it has %d bytes, not %d", d.Size(), len(want))
			}
		}
	}
	check := func(when string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes came out, not %d, or others: %v", when, len(got), len(want), err)
		}
	}
	write(vfs.DirectFrom + 20<<20 + 12345)
	must(t, d.Hole(100_001))
	want = append(want, make([]byte, 100_001)...)
	check("with a hole")
	write(vfs.DirectFrom + 9<<20)
	must(t, d.Truncate(d.Size()-54321))
	want = want[:len(want)-54321]
	check("cut off")
	write(vfs.DirectFrom + 5<<20)
	must(t, d.Close())
	check("closed")
	d, err = tree.Append(h)
	must(t, err)
	write(vfs.DirectFrom + 4<<20 + 1)
	_, err = d.Finish(vfs.Meta{Mode: 0o644, UID: -1, GID: -1})
	must(t, err)
	must(t, d.Close())
	check("finished")
}

// TestLargeDraftOnFullDisk: a write that fails when Write has returned long ago fails
// what comes after it, and no more is said to be written than was.
func TestLargeDraftOnFullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	root := t.TempDir()
	must(t, unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755,size=42m"))
	t.Cleanup(func() { must(t, unix.Unmount(root, unix.MNT_DETACH)) })
	must(t, os.Mkdir(filepath.Join(root, "share"), 0o755))
	tree := openTree(t, filepath.Join(root, "share"), vfs.Options{})
	want := randomBytes(vfs.DirectFrom+10<<20+100, 2) // the last of it is gathered, and written at the end
	d, err := tree.Create(vfs.Held{Area: vfs.Stage, Name: "large"})
	must(t, err)
	if _, err := d.Write(want); err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Errorf("write: %v", err)
	}
	if _, err := d.Finish(vfs.Meta{Mode: 0o644, UID: -1, GID: -1}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("it was finished: %v", err)
	}
	if _, err := d.Dress(vfs.Meta{Mode: 0o644, UID: -1, GID: -1}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("it was dressed: %v", err)
	}
	_ = d.Close()
	got, err := os.ReadFile(filepath.Join(tree.Holding(), "stage/large"))
	if err != nil || d.Size() > int64(len(got)) || !bytes.HasPrefix(want, got[:d.Size()]) {
		t.Errorf("of %d bytes that it has, it says %d: %v", len(got), d.Size(), err)
	}
}

// TestUncached: a file that is not in the page cache is read as any other, in order or
// not, and is not brought there.
func TestUncached(t *testing.T) {
	tree, root := newTree(t)
	want := randomBytes(vfs.DirectFrom+11<<20+123, 3)
	must(t, os.WriteFile(filepath.Join(root, "f"), want, 0o644))
	open := func() vfs.Content {
		f, err := os.Open(filepath.Join(root, "f"))
		must(t, err)
		must(t, f.Sync())
		must(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		must(t, f.Close())
		c, err := tree.Open("f")
		must(t, err)
		return vfs.Uncached(c)
	}
	c := open()
	rnd := rand.New(rand.NewPCG(3, 4))
	at := func(off, n int) {
		t.Helper()
		b := make([]byte, n)
		got, err := c.ReadAt(b, int64(off))
		end := min(off+n, len(want))
		if got != end-off || err != nil && (err != io.EOF || end == off+n) || err == nil && end < off+n || !bytes.Equal(b[:got], want[off:end]) {
			t.Fatalf("%d bytes of %d at %d, or others: %v", got, n, off, err)
		}
	}
	for off := 0; off < len(want); {
		n := rnd.IntN(3 << 20)
		at(off, n)
		off += n
	}
	for range 50 {
		at(rnd.IntN(len(want)), rnd.IntN(3<<20))
	}
	must(t, c.Close())

	c = open()
	at(0, 1<<20)
	must(t, os.Truncate(filepath.Join(root, "f"), 20<<20+5))
	b := make([]byte, 1<<20)
	if n, err := c.ReadAt(b, 30<<20); err == nil {
		t.Errorf("%d bytes were read behind the end of a file that was cut off", n)
	}
	must(t, c.Close())
}

// TestCopyLarge: a large held file is copied whole, with its holes.
func TestCopyLarge(t *testing.T) {
	tree, _ := newTree(t)
	from, to := vfs.Held{Area: vfs.Stage, Name: "from"}, vfs.Held{Area: vfs.Stage, Name: "to"}
	stage := filepath.Join(tree.Holding(), "stage")
	for _, holes := range []bool{false, true} {
		f, err := os.Create(filepath.Join(stage, "from"))
		must(t, err)
		at := int64(2*vfs.DirectFrom + 777)
		if holes {
			must(t, f.Truncate(at+9<<20))
			at = 5 << 20
		}
		_, err = f.WriteAt(randomBytes(int(at), 4), 1<<20)
		must(t, err)
		must(t, f.Sync())
		must(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		must(t, f.Close())
		must(t, tree.CopyHeld(from, to))
		want, err := os.ReadFile(filepath.Join(stage, "from"))
		must(t, err)
		got, err := os.ReadFile(filepath.Join(stage, "to"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came out of %d, or others: %v", len(got), len(want), err)
		}
		var st unix.Stat_t
		must(t, unix.Stat(filepath.Join(stage, "to"), &st))
		if holes && st.Blocks*512 > 16<<20 {
			t.Errorf("%d bytes are stored of 5 MiB and holes", st.Blocks*512)
		}
	}
}
