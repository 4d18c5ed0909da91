package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"duet/replicate/link"
	"duet/replicate/transfer"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// A file of mostly holes is neither sent nor written out.
func TestHolesStayHoles(t *testing.T) {
	for _, mixed := range []bool{false, true} {
		d := newDeltaRig(t)
		const size = 400 << 20
		source := filepath.Join(t.TempDir(), "sparse")
		sparse := func(name string) {
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			_, e1 := f.WriteAt(noise(100<<10), 300<<20)
			_, e2 := f.WriteAt(noise(100<<10), 300<<20+1<<20)
			if err := errors.Join(e1, e2, f.Truncate(size)); err != nil {
				t.Fatal(err)
			}
		}
		sparse(source)
		tree, err := vfs.Open(filepath.Dir(source), vfs.Options{Name: "there"})
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		c, err := tree.Open("sparse")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		hash, n, err := scan.Sum(c)
		if err != nil || n != size {
			t.Fatal(n, err)
		}
		d.connectRanges(func(s link.Stream) {
			d.served <- transfer.Serve(context.Background(), s, opener(func() (transfer.Content, error) { return tree.Open("sparse") }), nil, nil)
		})
		w := transfer.Want{Path: "p", Hash: hash, Size: size, Meta: vfs.Meta{Mode: 0o640, ModTime: 1e18, UID: -1, GID: -1}}
		if mixed {
			sparse(filepath.Join(d.root, "base"))
			w.Like = []transfer.Like{{Path: "base"}}
		}
		got := d.fetch(w)["p"]
		if got.Err != nil {
			t.Fatal(got.Err)
		}
		if n := d.Received(); n > 1<<20 || mixed && n > 0 {
			t.Errorf("mixed %v: %d bytes were sent", mixed, n)
		}
		var st syscall.Stat_t
		name, err := filepath.Glob(filepath.Join(filepath.Dir(d.root), "*", "stage", "*.part"))
		if err != nil || len(name) != 1 {
			t.Fatal(name, err)
		}
		if err := syscall.Stat(name[0], &st); err != nil || st.Size != size || st.Blocks*512 > 2<<20 {
			t.Errorf("mixed %v: %d bytes, of which %d are stored; %v", mixed, st.Size, st.Blocks*512, err)
		}
	}
}

type opener func() (transfer.Content, error)

func (o opener) Open(index.Path, index.Hash, int64) (transfer.Content, error) { return o() }
