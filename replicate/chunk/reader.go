package chunk

import (
	"fmt"
	"io"
)

// block is how much is read at a time.
const block = 256 << 10

// A hole is told as one from minHole on, and as several from MaxHole on.
const (
	minHole = 64 << 10
	MaxHole = 1 << 30
)

// Extents is what a content may be besides an io.ReaderAt: it knows where there
// is data. From off on, there is none before from, and then it goes on to end at
// least; from is the size where there is no more. See vfs.Content.
type Extents interface {
	Data(off int64) (from, end int64, err error)
}

// Blocks is what a content may be besides: it has its bytes in memory of its own.
// From off on, it has as many as it pleases, at most n, unless it fails; they are
// valid until the next call.
type Blocks interface {
	Block(off, n int64) ([]byte, error)
}

// Reader cuts a part of a content.
type Reader struct {
	r         io.ReaderAt
	at, end   int64 // what is not read yet
	data      int64 // it is data up to here
	cut       *Cutter
	buf, left []byte // left: read, and not cut
}

// NewReader returns a Reader of the bytes of r from at to end. Holes are found if
// r is an Extents, and nothing is copied if it is Blocks.
func NewReader(r io.ReaderAt, at, end int64, bits uint8) *Reader {
	return &Reader{r: r, at: at, end: end, data: at, cut: NewCutter(bits)}
}

// Next returns the next chunk; io.EOF after the last. If keep is not nil, its
// bytes are appended to what that returns; it is not called for a hole.
func (x *Reader) Next(keep func([]byte)) (Chunk, error) {
	for {
		if len(x.left) == 0 {
			hole, err := x.fill()
			switch {
			case err != nil && (err != io.EOF || x.cut.Len() == 0):
				return Chunk{}, err
			case err == io.EOF:
				return x.cut.End(), nil
			case hole > 0 && x.cut.Len() > 0: // it ends a chunk, and is the next one
				x.at -= hole
				x.data = x.at
				return x.cut.End(), nil
			case hole > 0:
				return Chunk{hole, Hole}, nil
			}
		}
		n, cut := x.cut.Feed(x.left)
		if keep != nil {
			keep(x.left[:n])
		}
		x.left = x.left[n:]
		if cut {
			return x.cut.End(), nil
		}
	}
}

// fill reads the next block, or passes a hole and returns its length.
func (x *Reader) fill() (hole int64, err error) {
	if x.at == x.end {
		return 0, io.EOF
	}
	if x.at == x.data {
		if hole, err = x.extent(); hole > 0 || err != nil {
			return hole, err
		}
	}
	if own, ok := x.r.(Blocks); ok {
		if x.left, err = own.Block(x.at, x.data-x.at); err != nil {
			return 0, fmt.Errorf("read at %d: %w", x.at, err)
		}
		x.at += int64(len(x.left))
		return 0, nil
	}
	if x.buf == nil {
		x.buf = make([]byte, block)
	}
	b := x.buf[:min(block, x.data-x.at)]
	n, err := x.r.ReadAt(b, x.at)
	if n < len(b) {
		if err == io.EOF || err == nil {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("read at %d: %w", x.at, err)
	}
	x.left = b
	x.at += int64(n)
	return 0, nil
}

// extent finds out what comes next.
func (x *Reader) extent() (hole int64, err error) {
	e, ok := x.r.(Extents)
	if !ok {
		x.data = x.end
		return 0, nil
	}
	from, end, err := e.Data(x.at)
	if err != nil {
		return 0, err
	}
	from, end = min(max(from, x.at), x.end), min(max(end, x.at), x.end)
	if from-x.at >= minHole || from == x.end && from > x.at {
		hole = min(from-x.at, MaxHole)
		x.at += hole
		x.data = x.at
		return hole, nil
	}
	if x.data = end; end == x.at {
		x.data = x.end // it does not know
	}
	return 0, nil
}
