package scan

import (
	"context"
	"io"
	"math"
	"sync"

	"duet/store/index"
)

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
func SumBytes(p []byte) index.Hash {
	w := readers.Get().(*reader)
	defer readers.Put(w)
	w.Reset()
	w.Write(p)
	return w.Sum()
}

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
				if _, size, err := f.Data(math.MaxInt64); err == nil && Holey(f, size) {
					w = &reader{NewSparseHasher(), w.buf}
					w.Write(w.buf[:got])
				}
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

// Holey reports whether a file, a vfs.Content, is so large, and has a hole, that it is
// worth a sparse Hasher.
func Holey(f sparse, size int64) bool {
	if size < SparseSize {
		return false
	}
	from, end, err := f.Data(0)
	return err == nil && (from > 0 || end < size)
}

// zerosAtOnce is how many zeros are hashed between two looks at the context.
const zerosAtOnce = 1 << 30

// rest goes on from at to the end of a large file, and passes its holes: their
// zeros are hashed, not read. It returns where the end is.
func (w *reader) rest(ctx context.Context, f sparse, at int64, read func(int64)) (int64, error) {
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
				n := min(from-at, zerosAtOnce)
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
