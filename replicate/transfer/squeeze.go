package transfer

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"duet/replicate/wire"
)

const (
	sampleSize  = 16 << 10 // of a file that tells whether compression pays
	minSqueezed = 256      // bytes; less is not worth the trouble
)

// Both are used by many goroutines; they keep what one call needs for the
// next, for as many calls at a time as there are processors.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(wire.MaxPiece), zstd.WithEncoderCRC(false))
		if err != nil {
			panic(fmt.Sprintf("transfer: %v", err)) // constant options
		}
		return e
	})
	// The decoder eats what the peer sent: a frame may not ask for more
	// memory than a piece takes.
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0),
			zstd.WithDecoderMaxMemory(wire.MaxPiece), zstd.WithDecoderMaxWindow(wire.MaxPiece))
		if err != nil {
			panic(fmt.Sprintf("transfer: %v", err))
		}
		return d
	})
)

// squeezer compresses the pieces of one content after another.
type squeezer struct {
	buf []byte
	on  bool // compression pays for the content at hand
}

// begin looks at the first block of a content.
func (q *squeezer) begin(block []byte) {
	sample := block[:min(len(block), sampleSize)]
	q.on = len(sample) >= minSqueezed && pays(len(q.squeeze(sample)), len(sample))
}

// piece returns block as it is to be sent; it is valid until the next call.
func (q *squeezer) piece(block []byte) (data []byte, squeezed bool) {
	if q.on && len(block) >= minSqueezed {
		if data := q.squeeze(block); pays(len(data), len(block)) {
			return data, true
		}
	}
	return block, false
}

func (q *squeezer) squeeze(b []byte) []byte {
	q.buf = encoder().EncodeAll(b, q.buf[:0])
	return q.buf
}

// pays reports whether a reduction is worth the receiver's work.
func pays(squeezed, plain int) bool { return squeezed < plain-plain/8 }

// expand returns the content of a piece, in buf if it was compressed.
func expand(p *wire.Piece, buf []byte) (data, kept []byte, err error) {
	if !p.Zstd {
		return p.Data, buf, nil
	}
	buf, err = decoder().DecodeAll(p.Data, buf[:0])
	if err == nil && len(buf) > wire.MaxPiece {
		err = fmt.Errorf("%d bytes: the limit is %d", len(buf), wire.MaxPiece)
	}
	if err != nil {
		return nil, buf, fmt.Errorf("expand what the peer sent: %w", err)
	}
	return buf, buf, nil
}
