package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"duet/replicate/link"
	"duet/replicate/room"
	"duet/replicate/transfer"
	"duet/scan"
	"duet/scan/vfs"
)

type roomy struct {
	vfs.Files
	free int64
}

func (r roomy) Free() (int64, error) { return r.free, nil }

// A content larger than the disk fits in if most of it is holes, and the peer that
// says so is held to it.
func TestSparseFitsIn(t *testing.T) {
	d := newDeltaRig(t)
	const size, data = 2 << 30, 3 << 20
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	_, e1 := f.WriteAt(random(data), 1<<30)
	if err := errors.Join(e1, f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	tree, err := vfs.Open(dir, vfs.Options{Name: "there"})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	open := func() (transfer.Content, error) { return tree.Open("sparse") }
	d.connectRanges(func(s link.Stream) { transfer.Serve(context.Background(), s, opener(open), nil, nil) })
	c, err := tree.Open("sparse")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hash, _, err := scan.Sum(c)
	if err != nil {
		t.Fatal(err)
	}
	w := transfer.Want{Path: "p", Hash: hash, Size: size, Meta: vfs.Meta{Mode: 0o640, ModTime: 1e18, UID: -1, GID: -1}}

	ask := func(free int64) int64 {
		wants := []transfer.Want{w}
		room.Sparse(context.Background(), roomy{d.files, free}, d.Fetcher, wants)
		return wants[0].Needs()
	}
	if n := ask(4 << 30); n != size {
		t.Errorf("%d bytes are needed though all would fit in", n)
	}
	if n := ask(1 << 30); n < data || n > data+64<<10 {
		t.Errorf("%d bytes are needed for %d", n, data)
	}
	if n := ask(2 << 20); n <= 2<<20-2<<16 {
		t.Errorf("%d bytes are needed for %d", n, data)
	}
	w.Room = data - 1
	if r := d.fetch(w)["p"]; !errors.Is(r.Err, syscall.ENOSPC) {
		t.Errorf("more than there is room for is written: %v", r.Err)
	}
	// What is there of an earlier time is holes, too.
	part, err := d.files.Create(vfs.Held{Area: vfs.Stage, Name: transfer.PartName(hash)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(part.Hole(1<<30-5), part.Close()); err != nil {
		t.Fatal(err)
	}
	w.Room = ask(1 << 30)
	if r := d.fetch(w)["p"]; r.Err != nil {
		t.Error(r.Err)
	}
}
