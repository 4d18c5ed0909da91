package transfer

import (
	"sync"

	"duet/replicate/wire"
	"duet/scan/vfs"
)

// A large content is put together from parts, one after the other.
const (
	maxPart  = 2 << 20  // bytes of a part that is asked for
	maxAhead = 32 << 20 // bytes of parts that are on their way, or wait for those before them
	maxHere  = 8 << 20  // bytes of them, if all are here
)

// part is some bytes of a content, on their way.
type part struct {
	off, size int64
	room      int64         // of maxAhead
	hole      bool          // zeros, which nothing is to be written for
	ready     chan struct{} // closed when data is complete
	data      []byte
	lent      vfs.Content // data is in that, too, at from, and its blocks may be shared
	from      int64
	zeros     []span // of data, holes of the file that it comes from
	missing   int64  // bytes; owned by the line that brings them
}

// span is some bytes of a part, counted from its beginning.
type span struct{ from, size int64 }

// buffers are those of parts that are asked for.
var buffers = sync.Pool{New: func() any { return new([maxPart]byte) }}

// chunkBuffers are those of parts that are here.
var chunkBuffers sync.Pool

// buffer makes room for the data.
func (p *part) buffer() {
	switch {
	case p.data != nil:
	case p.size <= maxPart:
		p.data = buffers.Get().(*[maxPart]byte)[:p.size]
	default: // of a gap
		p.data = make([]byte, p.size)
	}
}

// release gives the buffer back.
func (p *part) release() {
	switch {
	case p.data == nil:
	case cap(p.data) == maxPart:
		buffers.Put((*[maxPart]byte)(p.data[:maxPart]))
	case cap(p.data) > maxPart:
	default:
		b := p.data
		chunkBuffers.Put(&b)
	}
	p.data = nil
}

// take puts what arrives in its place. at is where it belongs in the part; it
// returns where what follows belongs.
func (p *part) take(at int64, piece *wire.Piece, data []byte) int64 {
	n := int64(len(data)) + piece.Hole
	switch {
	case piece.Hole == p.size:
		p.hole = true
	case piece.Hole > 0:
		p.buffer()
		clear(p.data[at : at+n])
		p.zeros = append(p.zeros, span{at, n})
	case n > 0:
		p.buffer()
		copy(p.data[at:], data)
	}
	if p.missing -= n; p.missing == 0 {
		close(p.ready)
	}
	return at + n
}
