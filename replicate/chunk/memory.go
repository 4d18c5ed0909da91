package chunk

import (
	"sync"

	"duet/store/index"
)

// Remembered bounds the chunks in a Memory: 8 MiB, those of some 128 GiB.
const Remembered = 8 << 20 / 16

// Memory remembers how contents were cut, the last ones up to a bound: a large file
// that is saved is read to hash it, and need not be read once more when the peer
// asks for its chunks. What is forgotten is cut again. The nil Memory remembers
// nothing. It may be used from several goroutines.
type Memory struct {
	Least int64 // the size from which on contents are compared by chunks; 0: that of the package

	mu    sync.Mutex
	of    map[key][]Chunk
	order []key // of those in of, oldest first
	n     int
}

type key struct {
	hash index.Hash
	bits uint8
}

// From returns the size from which on contents are compared by chunks.
func (m *Memory) From() int64 {
	if m.Least == 0 {
		return Least
	}
	return m.Least
}

// Put remembers all the chunks of a content. They are not to be changed any more.
func (m *Memory) Put(h index.Hash, bits uint8, chunks []Chunk) {
	if m == nil || len(chunks) > Remembered {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{h, bits}
	if m.of[k] != nil {
		return
	}
	if m.of == nil {
		m.of = map[key][]Chunk{}
	}
	for ; m.n+len(chunks) > Remembered; m.order = m.order[1:] {
		oldest := m.order[0]
		m.n -= len(m.of[oldest])
		delete(m.of, oldest)
	}
	m.of[k], m.order, m.n = chunks, append(m.order, k), m.n+len(chunks)
}

// Get returns the chunks of a content; nil if they are not known.
func (m *Memory) Get(h index.Hash, bits uint8) []Chunk {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[key{h, bits}]
}
