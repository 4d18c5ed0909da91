package transfer_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/scan/vfs"
)

// lending stands in for a filesystem that shares blocks, and has the original
// overwritten as soon as it was borrowed.
type lending struct {
	*vfs.Tree
	root string
	made int
}

func (l *lending) Borrow(c vfs.Content, h vfs.Held) error {
	l.made++
	d, err := l.Create(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(d, io.NewSectionReader(c, 0, 1<<40))
	return errors.Join(err, d.Close(), os.WriteFile(filepath.Join(l.root, "base"), []byte("saved meanwhile"), 0o644))
}

// What is made of a borrowed file is what the peer has, whatever happens to the
// original; and nothing of it is left.
func TestLoan(t *testing.T) {
	d := newDeltaRig(t)
	l := &lending{Tree: d.files, root: d.root}
	d.Close()
	d.here.Close()
	here, there := linktest.Pipe()
	d.here = here
	d.Fetcher = transfer.NewFetcher(transfer.Options{Open: here.Open, Files: l, Ranges: true})
	go linktest.Serve(there, func(s link.Stream) { transfer.Serve(context.Background(), s, d.shelf, nil, nil) })
	rnd := rand.New(rand.NewPCG(3, 4))
	const size = 9 << 20
	for i := range 5 {
		base := random(size)
		content := slices.Clone(base)
		for range i {
			from := rnd.IntN(len(content))
			to := min(len(content), from+rnd.IntN(300<<10))
			switch rnd.IntN(4) {
			case 0:
				copy(content[from:], random(to-from))
			case 1:
				content = slices.Insert(content, from, random(to-from)...)
			case 2:
				content = slices.Delete(content, from, to)
			case 3:
				content = append(content, content[from:to]...)
			}
		}
		content = append(content, 'x')
		d.write("base", base)
		w := d.shelf.put("p", content)
		w.Like = []transfer.Like{{Path: "base"}}
		before := d.Received()
		got := d.fetch(w)["p"]
		d.check(got, content)
		if n := d.Received() - before; n > int64(i)*(1<<20)+64<<10 {
			t.Errorf("%d bytes were fetched after %d edits", n, i)
		}
		if l.made != i+1 {
			t.Errorf("%d loans, want %d", l.made, i+1)
		}
		if names := d.staged(); len(names) != 1 {
			t.Errorf("in the stage: %v", names)
		}
		if err := d.files.RemoveHeld(got.Held); err != nil {
			t.Fatal(err)
		}
	}
}
