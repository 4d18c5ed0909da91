package scan

import (
	"context"
	"errors"
	"io"

	"duet/replicate/chunk"
	"duet/scan/vfs"
	"duet/store/index"
)

// cuts reports whether the chunks of a file are to be had together with its hash:
// it is large, and was. The peer has what it was, then, and will ask for them.
func (c *crew) cuts(r *index.Record, s index.Stamp) bool {
	if c.o.Chunks == nil || s.Size < c.o.Chunks.From() {
		return false
	}
	ours, _ := oursOf(r)
	return ours.LiveKind() == index.File && ours.Size >= c.o.Chunks.From()
}

// cutContent hashes a file of a known size and cuts it into chunks, on two
// processors, and reads it once.
func (c *crew) cutContent(f vfs.Content, size int64) (h index.Hash, err error) {
	t := &tee{ctx: c.ctx, f: f, read: c.read, sum: NewHasher(), blocks: make(chan []byte), done: make(chan struct{})}
	if Holey(f, size) {
		t.sum = NewSparseHasher()
	}
	go t.hash() // ends with blocks
	bits := chunk.Coarse(size, c.o.Chunks.From())
	r := chunk.NewReader(t, 0, size, bits)
	var chunks []chunk.Chunk
	for err == nil {
		var next chunk.Chunk
		if next, err = r.Next(nil); err == nil && len(chunks) <= chunk.Remembered {
			chunks = append(chunks, next)
		}
	}
	t.wait()
	close(t.blocks)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return h, errMoving
	case err != io.EOF:
		return h, err
	}
	if err := t.zeros(size); err != nil {
		return h, err
	}
	h = t.sum.Sum()
	c.o.Chunks.Put(h, bits, chunks)
	return h, nil
}

// tee hashes what is read of a file, while the reader goes on with it.
type tee struct {
	ctx    context.Context
	f      vfs.Content
	read   func(int64)
	sum    *Hasher
	at     int64 // up to here it is hashed, or being hashed
	busy   bool
	blocks chan []byte
	done   chan struct{}
}

func (t *tee) hash() {
	for b := range t.blocks {
		t.sum.Write(b)
		t.done <- struct{}{}
	}
}

// wait waits until what was read is hashed.
func (t *tee) wait() {
	if t.busy {
		<-t.done
		t.busy = false
	}
}

// zeros hashes what was passed.
func (t *tee) zeros(to int64) error {
	for t.at < to && t.ctx.Err() == nil {
		n := min(to-t.at, zerosAtOnce)
		t.sum.Zeros(n)
		t.read(n)
		t.at += n
	}
	return t.ctx.Err()
}

// Data is for holes.
func (t *tee) Data(off int64) (from, end int64, err error) { return t.f.Data(off) }

// ReadAt reads one block after another into the same buffer.
func (t *tee) ReadAt(b []byte, off int64) (int, error) {
	t.wait()
	if err := t.zeros(off); err != nil {
		return 0, err
	}
	n, err := t.f.ReadAt(b, off)
	t.read(int64(n))
	t.at += int64(n)
	t.busy = true
	t.blocks <- b[:n]
	return n, err
}
