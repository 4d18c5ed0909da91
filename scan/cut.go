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
	t := newTee(c.ctx, f, c.read)
	if Holey(f, size) {
		t.sum = NewSparseHasher()
	}
	go t.hash() // ends with end
	bits := chunk.Coarse(size, c.o.Chunks.From())
	r := chunk.NewReader(t, 0, size, bits)
	var chunks []chunk.Chunk
	for err == nil {
		var next chunk.Chunk
		if next, err = r.Next(nil); err == nil && len(chunks) <= chunk.Remembered {
			chunks = append(chunks, next)
		}
	}
	if err == io.EOF {
		err = t.zeros(size)
	}
	t.end()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return h, errMoving
	case err != nil:
		return h, err
	}
	h = t.sum.Sum()
	c.o.Chunks.Put(h, bits, chunks)
	return h, nil
}

// Bounds of a tee.
const (
	teeBlock = 512 << 10 // bytes read at a time
	teeAhead = 4         // blocks that are read and not all hashed
)

// tee hashes what is read of a file, while the reader goes on with it.
type tee struct {
	ctx    context.Context
	f      vfs.Content
	read   func(int64)
	sum    *Hasher
	at     int64 // up to here it is hashed, or waits for that
	memory [teeAhead][]byte
	next   int
	todo   chan stretch
	hashed chan struct{} // has one for each block that may be read
	ended  chan struct{}
}

// stretch is what comes next of a file.
type stretch struct {
	data  []byte
	zeros int64 // instead
}

func newTee(ctx context.Context, f vfs.Content, read func(int64)) *tee {
	t := &tee{
		ctx: ctx, f: f, read: read, sum: NewHasher(),
		todo: make(chan stretch, teeAhead), hashed: make(chan struct{}, teeAhead), ended: make(chan struct{}),
	}
	for range teeAhead {
		t.hashed <- struct{}{}
	}
	return t
}

func (t *tee) hash() {
	defer close(t.ended)
	for s := range t.todo {
		if s.zeros > 0 {
			t.sum.Zeros(s.zeros)
			continue
		}
		t.sum.Write(s.data)
		t.hashed <- struct{}{}
	}
}

// end returns when all is hashed.
func (t *tee) end() {
	close(t.todo)
	<-t.ended
}

// zeros hashes what was passed.
func (t *tee) zeros(to int64) error {
	for t.at < to && t.ctx.Err() == nil {
		n := min(to-t.at, zerosAtOnce)
		t.todo <- stretch{zeros: n}
		t.read(n)
		t.at += n
	}
	return t.ctx.Err()
}

// Data is for holes.
func (t *tee) Data(off int64) (from, end int64, err error) { return t.f.Data(off) }

// Block reads the next block. It stays as it is until the one after it is asked for,
// and until it is hashed.
func (t *tee) Block(off, n int64) ([]byte, error) {
	if err := t.zeros(off); err != nil {
		return nil, err
	}
	<-t.hashed
	b := &t.memory[t.next]
	if t.next = (t.next + 1) % len(t.memory); *b == nil {
		*b = make([]byte, teeBlock)
	}
	data := (*b)[:min(n, teeBlock)]
	if got, err := t.f.ReadAt(data, off); got < len(data) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	t.read(int64(len(data)))
	t.at += int64(len(data))
	t.todo <- stretch{data: data}
	return data, nil
}

// ReadAt is not used: see Block.
func (t *tee) ReadAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
