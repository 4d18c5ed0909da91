package scan

import (
	"context"
	"io"
	"sync"

	"github.com/zeebo/blake3"

	"duet/store/index"
)

// Hasher computes the index.Hash of what is written to it. It is the only way
// to BLAKE3 in Duet. Not for use from several goroutines.
type Hasher struct{ sum *blake3.Hasher }

// NewHasher returns the Hasher of nothing yet.
func NewHasher() *Hasher { return &Hasher{blake3.New()} }

// Write adds p; it never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.sum.Write(p) }

// zeros is what a hole reads as. It stays in the processor's cache.
var zeros [64 << 10]byte

// Zeros adds n zeros. BLAKE3 numbers its chunks, so that no two runs of zeros are
// alike to it: each has to be computed, and takes as long as other bytes do that
// need not be fetched from anywhere.
func (h *Hasher) Zeros(n int64) {
	for ; n > 0; n -= int64(len(zeros)) {
		h.sum.Write(zeros[:min(n, int64(len(zeros)))])
	}
}

// Sum returns the hash of what was written so far; more may be written after it.
func (h *Hasher) Sum() index.Hash {
	var out index.Hash
	h.sum.Sum(out[:0])
	return out
}

// Reset forgets what was written.
func (h *Hasher) Reset() { h.sum.Reset() }

// readSize is how much is read at a time: large enough for BLAKE3's vector
// code and for few system calls.
const readSize = 1 << 20

// reader is what hashing one file after another needs, reused.
type reader struct {
	*Hasher
	buf []byte
}

var readers = sync.Pool{New: func() any { return &reader{NewHasher(), make([]byte, readSize)} }}

// Sum reads r to its end and returns the hash and the number of bytes.
func Sum(r io.Reader) (index.Hash, int64, error) {
	h, _, n, err := sum(context.Background(), r, 0, func(int64) {})
	return h, n, err
}

// SumBytes returns the hash of p.
func SumBytes(p []byte) index.Hash { return blake3.Sum256(p) }

// sum reads r to its end. The bytes are returned too if they are at most keep,
// never nil in that case; read is called with the size of each piece.
func sum(ctx context.Context, r io.Reader, keep int, read func(int64)) (h index.Hash, content []byte, n int64, err error) {
	w := readers.Get().(*reader)
	defer readers.Put(w)
	w.Reset()
	for {
		if err := ctx.Err(); err != nil {
			return h, nil, n, err
		}
		got, err := io.ReadFull(r, w.buf)
		if got > 0 {
			w.Write(w.buf[:got])
			read(int64(got))
		}
		// One piece was the whole file: its bytes are still in the buffer.
		if n == 0 && err != nil && got <= keep {
			content = append(make([]byte, 0, got), w.buf[:got]...)
		}
		n += int64(got)
		switch err {
		case nil:
			if f, ok := r.(sparse); ok {
				n, err = w.rest(ctx, f, n, read)
				return w.Sum(), nil, n, err
			}
		case io.EOF, io.ErrUnexpectedEOF:
			return w.Sum(), content, n, nil
		default:
			return h, nil, n, err
		}
	}
}

// sparse is a file that knows its holes: a vfs.Content.
type sparse interface {
	io.ReaderAt
	Data(off int64) (from, end int64, err error)
}

// rest goes on from at to the end of a large file, and passes its holes: their
// zeros are hashed, not read. It returns where the end is.
func (w *reader) rest(ctx context.Context, f sparse, at int64, read func(int64)) (int64, error) {
	const most = 64 << 20 // zeros between two looks at ctx
	for data := at; ; {
		if err := ctx.Err(); err != nil {
			return at, err
		}
		if at == data {
			from, end, err := f.Data(at)
			if err != nil || from <= at && end <= at {
				return at, err
			}
			if from > at {
				n := min(from-at, most)
				w.Zeros(n)
				read(n)
				at += n
				data = at
				continue
			}
			data = end
		}
		got, err := f.ReadAt(w.buf[:min(int64(len(w.buf)), data-at)], at)
		w.Write(w.buf[:got])
		read(int64(got))
		at += int64(got)
		if err == io.EOF {
			return at, nil
		}
		if err != nil {
			return at, err
		}
	}
}
