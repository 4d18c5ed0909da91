package transfer_test

import (
	"bytes"
	"slices"
	"testing"

	"duet/replicate/chunk"
	"duet/replicate/link"
	"duet/replicate/transfer"
	"duet/replicate/transfer/transfertest"
	"duet/replicate/wire"
)

// A peer that does not tell the truth about its chunks costs the fetching of the
// whole, and nothing else.
func TestLyingChunks(t *testing.T) {
	const size = 2 << 20
	base, content := random(size), random(size)
	truth := chunksOf(base)
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
	transfertest.Wants(s, func(w wire.Want) error {
		if w.ChunkBits == 0 {
			return serveTruth(s, w, content)
		}
		for _, p := range lie {
			q := *p
			q.ID = w.ID
			if err := wire.WriteMsg(s, &q); err != nil {
				return err
			}
		}
		return nil
	})
}

// serveTruth answers with what is asked for of a content.
func serveTruth(s link.Stream, w wire.Want, content []byte) error {
	for at := w.Offset; at < w.End(); at += wire.MaxPiece {
		end := min(at+wire.MaxPiece, w.End())
		if err := wire.WriteMsg(s, &wire.Piece{ID: w.ID, Data: content[at:end], Last: end == w.End()}); err != nil {
			return err
		}
	}
	return nil
}

// chunksOf are the chunks that an honest peer tells of a content.
func chunksOf(content []byte) (all []chunk.Chunk) {
	for r := chunk.NewReader(bytes.NewReader(content), 0, int64(len(content)), 18); ; {
		c, err := r.Next(nil)
		if err != nil {
			return all
		}
		all = append(all, c)
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
				transfertest.Wants(s, func(w wire.Want) error {
					for {
						p := say(w)
						if err := wire.WriteMsg(s, p); err != nil || p.Last {
							return err
						}
					}
				})
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

// What is between two matches has only so many chunks.
func TestEndlessChunks(t *testing.T) {
	base := random(2 << 20)
	content := slices.Concat(base[:1<<20], random(1000), base[1<<20+1000:])
	d := newDeltaRig(t)
	src := &shelf{}
	w := src.put("p", content)
	d.connectRanges(func(s link.Stream) {
		transfertest.Wants(s, func(w wire.Want) error {
			switch w.ChunkBits {
			case 0:
				return serveTruth(s, w, content)
			case 18:
				return wire.WriteMsg(s, &wire.Piece{ID: w.ID, Chunks: chunksOf(content), Last: true})
			}
			for i := range 8 {
				p := &wire.Piece{ID: w.ID, Chunks: slices.Repeat([]chunk.Chunk{{Len: 1, Sum: 1}}, wire.MaxChunks), Last: i == 7}
				if err := wire.WriteMsg(s, p); err != nil {
					return err
				}
			}
			return nil
		})
	})
	d.write("base", base)
	w.Like = []transfer.Like{{Path: "base"}}
	if got := d.fetch(w)["p"]; got.Err == nil {
		t.Error("they were taken")
	}
}
