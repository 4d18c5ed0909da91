package transfer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/scan/vfs"
	"duet/store/index"
)

// deltaRig is a rig whose peer knows parts, with a tree that can be written to.
type deltaRig struct {
	*rig
	root    string
	streams atomic.Int32
	read    atomic.Int64 // bytes of files in the tree
}

func newDeltaRig(t *testing.T) *deltaRig {
	t.Helper()
	d := &deltaRig{rig: newRig(t)}
	d.root = filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(d.root, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := vfs.Open(d.root, vfs.Options{Name: "images"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	d.files = files
	d.connectRanges(func(s link.Stream) { d.served <- transfer.Serve(context.Background(), s, d.shelf, nil, nil) })
	return d
}

// connectRanges gives the rig a new connection, whose streams serve answers.
func (d *deltaRig) connectRanges(serve func(link.Stream)) {
	d.Close()
	d.here.Close()
	here, there := linktest.Pipe()
	d.here = here
	d.Fetcher = transfer.NewFetcher(transfer.Options{Open: here.Open, Files: counting{d.files, &d.read}, Ranges: true})
	go linktest.Serve(there, func(s link.Stream) {
		d.streams.Add(1)
		serve(s)
	})
}

// counting counts what is read of a tree.
type counting struct {
	vfs.Files
	read *atomic.Int64
}

func (c counting) Open(p index.Path) (vfs.Content, error) {
	f, err := c.Files.Open(p)
	if err != nil {
		return nil, err
	}
	return countingContent{f, c.read}, nil
}

type countingContent struct {
	vfs.Content
	read *atomic.Int64
}

func (c countingContent) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.Content.ReadAt(b, off)
	c.read.Add(int64(n))
	return n, err
}

func (d *deltaRig) write(name string, b []byte) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.root, name), b, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// random returns n bytes that nobody else has.
func random(n int) []byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	b := make([]byte, n)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// An edited file costs what was edited, wherever that is, and the file that it is
// made from is read once. Where chunks begin is chance, and about one content in
// three hundred costs twice the edit, or a second look at a third of the file: the
// contents are the same each time.
func TestDelta(t *testing.T) {
	const size = 24 << 20
	source := rand.NewChaCha8([32]byte{1})
	random := func(n int) []byte {
		b := make([]byte, n)
		source.Read(b)
		return b
	}
	base := random(size)
	at := func(n int, b []byte) []byte { return slices.Concat(base[:n], b, base[n+len(b):]) }
	for _, c := range []struct {
		name    string
		content []byte
		most    int64 // bytes fetched
		once    bool
	}{
		{"overwritten", at(7<<20+1234, random(1<<20)), 1<<20 + 96<<10, true},
		{"overwritten in many places", at(5<<20, at(9<<20, random(10))[5<<20:]), 96 << 10, true},
		{"inserted at the front", slices.Concat(random(1000), base), 96 << 10, true},
		{"inserted in the middle", slices.Concat(base[:9<<20], random(2<<20), base[9<<20:]), 2<<20 + 128<<10, true},
		{"appended", slices.Concat(base, random(5000)), 96 << 10, true},
		{"cut off", base[:size-12345], 96 << 10, true},
		{"its beginning deleted", base[1000:], 96 << 10, true},
		{"much deleted", slices.Concat(base[:1<<20], base[21<<20:]), 8 << 20, true},
		{"swapped", slices.Concat(base[size/2:], base[:size/2]), 8 << 20, false},
		{"another", random(size), size, true},
		{"twice", slices.Concat(base, base), 8 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeltaRig(t)
			d.write("base", base)
			w := d.shelf.put("p", c.content)
			w.Like = []transfer.Like{{Path: "missing"}, {Path: "base"}}
			got := d.fetch(w)
			d.check(got["p"], c.content)
			if n := d.Received(); n > c.most {
				t.Errorf("%d bytes were fetched, at most %d should be", n, c.most)
			}
			if n := d.read.Load(); c.once && n > size+size/4 {
				t.Errorf("%d bytes were read of a file of %d", n, size)
			}
		})
	}
}

// Chunks behind an edit can stay others than they were for long, as here for 3 MiB and
// more: what is the same in them is not fetched.
func TestDeltaOutOfStep(t *testing.T) {
	for _, seed := range []int{55, 120, 360, 538} { // of a thousand
		source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 77})
		random := func(n int) []byte {
			b := make([]byte, n)
			source.Read(b)
			return b
		}
		base := random(12 << 20)
		overwritten := slices.Concat(base[:5<<20+1234], random(1<<20), base[6<<20+1234:])
		inserted := slices.Concat(base[:5<<20], random(2<<20), base[5<<20:])
		for name, content := range map[string][]byte{"overwritten": overwritten, "inserted": inserted} {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				d := newDeltaRig(t)
				d.write("base", base)
				w := d.shelf.put("p", content)
				w.Like = []transfer.Like{{Path: "base"}}
				d.check(d.fetch(w)["p"], content)
				most := int64(1<<20 + 128<<10)
				if name == "inserted" {
					most += 1 << 20
				}
				if n := d.Received(); n > most {
					t.Errorf("%d bytes were fetched, at most %d should be", n, most)
				}
			})
		}
	}
}

// Whatever was done to a file, the result is what the peer has.
func TestDeltaOfAnything(t *testing.T) {
	d := newDeltaRig(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		base := random(600<<10 + rnd.IntN(2<<20))
		content := slices.Clone(base)
		for range rnd.IntN(20) {
			from := rnd.IntN(len(content))
			to := min(len(content), from+rnd.IntN(200<<10))
			switch rnd.IntN(5) {
			case 0:
				copy(content[from:], random(to-from))
			case 1:
				content = slices.Delete(content, from, to)
			case 2:
				content = slices.Insert(content, from, random(to-from)...)
			case 3:
				clear(content[from:to])
			case 4:
				content = append(content, content[from:to]...)
			}
			content = append(content, 'x')
		}
		if len(content) < 512<<10 {
			content = append(content, random(512<<10)...)
		}
		d.write("base", base)
		w := d.shelf.put("p", content)
		w.Like = []transfer.Like{{Path: "base"}}
		got := d.fetch(w)["p"]
		d.check(got, content)
		if err := d.files.RemoveHeld(got.Held); err != nil {
			t.Fatal(err)
		}
	}
}

// A content that is another by the time it is served is noticed, mixed or not.
func TestDeltaOfWhatChanges(t *testing.T) {
	d := newDeltaRig(t)
	base := random(9 << 20)
	content := slices.Concat(base[:4<<20], random(100), base[4<<20:])
	d.write("base", base)
	w := d.shelf.put("p", content)
	w.Like = []transfer.Like{{Path: "base"}}
	d.shelf.files["p"] = slices.Concat(content[:8<<20], random(len(content)-8<<20))
	if got := d.fetch(w)["p"]; got.Err == nil {
		t.Error("it was taken")
	}
	if names := d.staged(); len(names) != 0 {
		t.Errorf("in the stage: %v", names)
	}
}
