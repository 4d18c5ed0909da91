package transfer

import (
	"errors"
	"fmt"
	"io"

	"duet/replicate/chunk"
	"duet/replicate/wire"
)

// chunksAtOnce is how many chunks are in a piece: one goes out now and then, as the
// peer begins to compare with the first.
const chunksAtOnce = 256

// chunks answers a want for the chunks of a content.
func (v *server) chunks(w *wire.Want, c Content) error {
	whole := w.Offset == 0 && w.End() == w.Size
	if known := v.memory.Get(w.Hash, w.ChunkBits); whole && known != nil {
		return v.recite(w, known)
	}
	var all []chunk.Chunk
	r := chunk.NewReader(c, w.Offset, w.End(), w.ChunkBits)
	p := &wire.Piece{ID: w.ID}
	for !p.Last {
		next, err := r.Next(nil)
		switch {
		case err == io.EOF:
			p.Last = true
		case errors.Is(err, io.ErrUnexpectedEOF):
			return v.refuse(w, fmt.Errorf("it is shorter than announced: %w", ErrChanged))
		case err != nil:
			return v.refuse(w, err)
		default:
			p.Chunks = append(p.Chunks, next)
		}
		if p.Last || len(p.Chunks) >= chunksAtOnce {
			if err := v.say(w, p); err != nil {
				return err
			}
			if whole && len(all) <= chunk.Remembered { // more would not be remembered
				all = append(all, p.Chunks...)
			}
			p.Chunks = p.Chunks[:0]
		}
	}
	if whole {
		v.memory.Put(w.Hash, w.ChunkBits, all)
	}
	return nil
}

// recite answers with chunks that are known.
func (v *server) recite(w *wire.Want, known []chunk.Chunk) error {
	for {
		n := min(len(known), chunksAtOnce)
		p := &wire.Piece{ID: w.ID, Chunks: known[:n], Last: n == len(known)}
		if err := v.say(w, p); err != nil || p.Last {
			return err
		}
		known = known[n:]
	}
}

// say sends chunks, which count as contents do.
func (v *server) say(w *wire.Want, p *wire.Piece) error {
	if err := v.wait(len(p.Chunks)*chunkSize, w.Size <= smallFile); err != nil {
		return err
	}
	if err := v.send(p); err != nil {
		return err
	}
	return v.out.Flush()
}

// chunkSize is what a chunk takes up on its way.
const chunkSize = 12
