package scan

import (
	"github.com/zeebo/blake3"

	"duet/store/index"
)

// Hasher computes the index.Hash of what is written to it. It is the only way
// to BLAKE3 in Duet. Not for use from several goroutines.
type Hasher struct {
	dense  *blake3.Hasher // nil: sparse
	sparse *tree
}

// NewHasher returns the Hasher of nothing yet.
func NewHasher() *Hasher { return &Hasher{dense: blake3.New()} }

// SparseSize is the size from which on a content that may have holes is worth a
// sparse Hasher: below it all of them are hashed in two seconds.
const SparseSize = 4 << 30

// NewSparseHasher returns a Hasher that takes half as long again for what is
// written, and almost nothing for long runs of zeros.
func NewSparseHasher() *Hasher { return &Hasher{sparse: &tree{}} }

// HasherFor returns a Hasher for a content of which no more is known than its size.
func HasherFor(size int64) *Hasher {
	if size >= SparseSize {
		return NewSparseHasher()
	}
	return NewHasher()
}

// Write adds p; it never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	if h.dense == nil {
		h.sparse.write(p)
		return len(p), nil
	}
	return h.dense.Write(p)
}

// zeros is what a hole reads as. It stays in the processor's cache.
var zeros [64 << 10]byte

// Zeros adds n zeros.
func (h *Hasher) Zeros(n int64) {
	if h.dense == nil {
		h.sparse.zeros(n)
		return
	}
	for ; n > 0; n -= int64(len(zeros)) {
		h.dense.Write(zeros[:min(n, int64(len(zeros)))])
	}
}

// Sum returns the hash of what was written so far; more may be written after it.
func (h *Hasher) Sum() index.Hash {
	if h.dense == nil {
		return h.sparse.sum()
	}
	var out index.Hash
	h.dense.Sum(out[:0])
	return out
}

// Reset forgets what was written.
func (h *Hasher) Reset() {
	if h.dense == nil {
		h.sparse = &tree{}
		return
	}
	h.dense.Reset()
}
