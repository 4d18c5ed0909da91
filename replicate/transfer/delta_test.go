package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"duet/replicate/chunk"
	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan"
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
	go func() {
		for {
			s, err := there.Accept(context.Background())
			if err != nil {
				return
			}
			d.streams.Add(1)
			go serve(s)
		}
	}()
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

// A peer that does not tell the truth about its chunks costs the fetching of the
// whole, and nothing else.
func TestLyingChunks(t *testing.T) {
	const size = 2 << 20
	base, content := random(size), random(size)
	var truth []chunk.Chunk // of base
	r := chunk.NewReader(bytes.NewReader(base), 0, size, 18)
	for {
		c, err := r.Next(nil)
		if err != nil {
			break
		}
		truth = append(truth, c)
	}
	for name, lie := range map[string][]*wire.Piece{
		"what is here":    {{Chunks: truth, Last: true}},
		"none":            {{Last: true}},
		"too few":         {{Chunks: truth[:2], Last: true}},
		"too many":        {{Chunks: slices.Concat(truth, truth), Last: true}},
		"a huge one":      {{Chunks: []chunk.Chunk{{Len: 1<<32 - 1, Sum: 5}}, Last: true}},
		"an overlong one": {{Chunks: []chunk.Chunk{{Len: size, Sum: 5}}, Last: true}},
		"zeros":           {{Chunks: []chunk.Chunk{{Len: size}}, Last: true}},
		"more than zeros": {{Chunks: []chunk.Chunk{{Len: size}, {Len: size}}, Last: true}},
		"tiny ones":       {{Chunks: slices.Repeat([]chunk.Chunk{{Len: 1, Sum: 1}}, wire.MaxChunks), Last: true}},
		"no end":          {{Chunks: []chunk.Chunk{{Len: 1<<32 - 1, Sum: 5}}}},
		"more than is used": slices.Insert(slices.Repeat([]*wire.Piece{{Chunks: truth}}, 10), 0,
			&wire.Piece{Chunks: []chunk.Chunk{{Len: 1<<32 - 1, Sum: 5}}}),
		"half of the file": {{Chunks: truth[:len(truth)/2]}, {Chunks: []chunk.Chunk{{Len: 9, Sum: 9}}, Last: true}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeltaRig(t)
			d.connectRanges(func(s link.Stream) { serveLies(s, content, lie) })
			d.write("base", base)
			w := d.shelf.put("p", content)
			w.Like = []transfer.Like{{Path: "base"}}
			d.check(d.fetch(w)["p"], content)
			if names := d.staged(); len(names) != 1 {
				t.Errorf("in the stage: %v", names)
			}
		})
	}
}

// serveLies answers truthfully but for chunks.
func serveLies(s link.Stream, content []byte, lie []*wire.Piece) {
	defer s.Close()
	for {
		m, err := wire.ReadMsg(s)
		if err != nil {
			return
		}
		for _, w := range m.(*wire.Fetch).Wants {
			if w.ChunkBits != 0 {
				for _, p := range lie {
					q := *p
					q.ID = w.ID
					if wire.WriteMsg(s, &q) != nil {
						return
					}
				}
				continue
			}
			for at := w.Offset; at < w.End(); at += wire.MaxPiece {
				end := min(at+wire.MaxPiece, w.End())
				if wire.WriteMsg(s, &wire.Piece{ID: w.ID, Data: content[at:end], Last: end == w.End()}) != nil {
					return
				}
			}
		}
	}
}

// What is not chunks, or not what was asked for, ends the stream.
func TestNonsenseForParts(t *testing.T) {
	const size = 9 << 20
	base := random(size)
	chunks := []chunk.Chunk{{Len: size, Sum: 1}}
	for name, say := range map[string]func(w wire.Want) *wire.Piece{
		"contents for chunks": func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Data: []byte("x"), Last: true} },
		"a hole for chunks":   func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Hole: 1, Last: true} },
		"chunks for contents": func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Chunks: chunks, Last: true} },
		"too long a hole":     func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Hole: 5 << 20, Last: true} },
		"too much":            func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Data: make([]byte, wire.MaxPiece)} },
		"too little":          func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Data: []byte("x"), Last: true} },
		"nothing":             func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Last: true} },
		"another's":           func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID + 1, Data: []byte("x"), Last: true} },
		"a refusal":           func(w wire.Want) *wire.Piece { return &wire.Piece{ID: w.ID, Refusal: wire.Gone, Last: true} },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeltaRig(t)
			d.connectRanges(func(s link.Stream) {
				defer s.Close()
				for {
					m, err := wire.ReadMsg(s)
					if err != nil {
						return
					}
					for _, w := range m.(*wire.Fetch).Wants {
						for {
							p := say(w)
							if err := wire.WriteMsg(s, p); err != nil {
								return
							}
							if p.Last {
								break
							}
						}
					}
				}
			})
			d.write("base", base)
			w := d.shelf.put("p", random(size))
			if name == "contents for chunks" || name == "a hole for chunks" {
				w.Like = []transfer.Like{{Path: "base"}}
			}
			if got := d.fetch(w)["p"]; got.Err == nil {
				t.Error("it was taken")
			}
		})
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

// What has arrived of a content is not fetched again, mixed or not.
func TestPartsResume(t *testing.T) {
	for _, mixed := range []bool{false, true} {
		d := newDeltaRig(t)
		content := random(32 << 20)
		w := d.shelf.put("p", content)
		if mixed {
			d.write("base", slices.Concat(random(1000), content[:8<<20], random(24<<20)))
			w.Like = []transfer.Like{{Path: "base"}}
		}
		d.shelf.gate = make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for range 20 {
				d.shelf.gate <- struct{}{}
			}
			cancel()
			close(d.shelf.gate)
		}()
		d.Fetch(ctx, []transfer.Want{w}, func(transfer.Result) {})
		part := vfs.Held{Area: vfs.Stage, Name: transfer.PartName(w.Hash)}
		info, err := d.files.LstatHeld(part)
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.files.OpenHeld(part)
		if err != nil {
			t.Fatal(err)
		}
		had := make([]byte, info.Stamp.Size)
		if _, err := c.ReadAt(had, 0); err != nil && len(had) > 0 || !bytes.Equal(had, content[:len(had)]) {
			t.Fatalf("%d bytes are there that are not the beginning: %v", len(had), err)
		}
		c.Close()
		before := d.Received()
		d.check(d.fetch(w)["p"], content)
		if n := d.Received() - before; n > int64(len(content)-len(had))+64<<10 {
			t.Errorf("mixed %v: %d bytes were there, and %d were fetched", mixed, len(had), n)
		}
	}
}

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

// Where answers take long, a large content comes on several streams; in order all
// the same.
func TestPartsOverSeveralStreams(t *testing.T) {
	d := newDeltaRig(t)
	var once sync.Once
	both := make(chan struct{})
	var open atomic.Int32
	d.connectRanges(func(s link.Stream) {
		if open.Add(1) == 2 {
			once.Do(func() { close(both) })
		}
		d.served <- transfer.Serve(context.Background(), s, slowSource{d.shelf, both}, nil, nil)
	})
	content := random(64 << 20)
	d.check(d.fetch(d.shelf.put("p", content))["p"], content)
	if n := open.Load(); n < 2 {
		t.Errorf("%d streams", n)
	}
}

// slowSource does not go on behind 8 MiB before there are two streams.
type slowSource struct {
	*shelf
	both chan struct{}
}

func (s slowSource) Open(p index.Path, h index.Hash, size int64) (transfer.Content, error) {
	c, err := s.shelf.Open(p, h, size)
	return slowContent{c, s.both}, err
}

type slowContent struct {
	transfer.Content
	both chan struct{}
}

func (c slowContent) ReadAt(b []byte, off int64) (int, error) {
	if off >= 32<<20 {
		<-c.both
	} else if off == 0 {
		time.Sleep(20 * time.Millisecond) // the trip is long
	}
	return c.Content.ReadAt(b, off)
}

// What is between two matches has only so many chunks.
func TestEndlessChunks(t *testing.T) {
	base := random(2 << 20)
	content := slices.Concat(base[:1<<20], random(1000), base[1<<20+1000:])
	d := newDeltaRig(t)
	src := &shelf{}
	w := src.put("p", content)
	d.connectRanges(func(s link.Stream) {
		defer s.Close()
		for {
			m, err := wire.ReadMsg(s)
			if err != nil {
				return
			}
			for _, w := range m.(*wire.Fetch).Wants {
				if w.ChunkBits == 18 {
					var chunks []chunk.Chunk
					for r := chunk.NewReader(bytes.NewReader(content), 0, w.Size, 18); ; {
						c, err := r.Next(nil)
						if err != nil {
							break
						}
						chunks = append(chunks, c)
					}
					if wire.WriteMsg(s, &wire.Piece{ID: w.ID, Chunks: chunks, Last: true}) != nil {
						return
					}
					continue
				}
				if w.ChunkBits != 0 {
					for i := range 8 {
						p := &wire.Piece{ID: w.ID, Chunks: slices.Repeat([]chunk.Chunk{{Len: 1, Sum: 1}}, wire.MaxChunks), Last: i == 7}
						if wire.WriteMsg(s, p) != nil {
							return
						}
					}
					continue
				}
				for at := w.Offset; at < w.End(); at += wire.MaxPiece {
					end := min(at+wire.MaxPiece, w.End())
					if wire.WriteMsg(s, &wire.Piece{ID: w.ID, Data: content[at:end], Last: end == w.End()}) != nil {
						return
					}
				}
			}
		}
	})
	d.write("base", base)
	w.Like = []transfer.Like{{Path: "base"}}
	if got := d.fetch(w)["p"]; got.Err == nil {
		t.Error("they were taken")
	}
}
