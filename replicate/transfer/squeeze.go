package transfer

import (
	"fmt"

	"duet/replicate/squeeze"
	"duet/replicate/wire"
)

const (
	sampleSize  = 16 << 10 // of a file that tells whether compression pays
	minSqueezed = 256      // bytes; less is not worth the trouble
)

// pieces is for what is in a piece.
var pieces = squeeze.New(wire.MaxPiece)

// squeezer compresses the pieces of one content after another.
type squeezer struct {
	buf []byte
	on  bool // compression pays for the content at hand
}

// begin looks at the first block of a content.
func (q *squeezer) begin(block []byte) {
	sample := block[:min(len(block), sampleSize)]
	q.on = len(sample) >= minSqueezed && squeeze.Pays(len(q.squeeze(sample)), len(sample))
}

// piece returns block as it is to be sent; it is valid until the next call.
func (q *squeezer) piece(block []byte) (data []byte, squeezed bool) {
	if q.on && len(block) >= minSqueezed {
		if data := q.squeeze(block); squeeze.Pays(len(data), len(block)) {
			return data, true
		}
	}
	return block, false
}

func (q *squeezer) squeeze(b []byte) []byte {
	q.buf = pieces.Append(q.buf[:0], b)
	return q.buf
}

// expand returns the content of a piece, in buf if it was compressed.
func expand(p *wire.Piece, buf []byte) (data, kept []byte, err error) {
	if !p.Zstd {
		return p.Data, buf, nil
	}
	buf, err = pieces.Expand(buf[:0], p.Data)
	if err != nil {
		return nil, buf, fmt.Errorf("expand what the peer sent: %w", err)
	}
	return buf, buf, nil
}
