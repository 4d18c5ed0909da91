// Package squeeze makes blocks of bytes smaller, and expands them again without
// trusting whoever made them small. It is pure.
package squeeze

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Codec is for blocks of at most so many bytes. It may be used by many goroutines;
// it keeps what one call needs for the next, for as many calls at a time as there
// are processors.
type Codec struct {
	most    int
	encoder func() *zstd.Encoder
	decoder func() *zstd.Decoder
}

// New returns a Codec. It takes memory only once it is used. most is at least 1 KiB.
func New(most int) *Codec {
	window := 1 << 10
	for window < most {
		window <<= 1
	}
	return &Codec{
		most: most,
		encoder: sync.OnceValue(func() *zstd.Encoder {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
				zstd.WithWindowSize(window), zstd.WithEncoderCRC(false))
			if err != nil {
				panic(fmt.Sprintf("squeeze: %v", err)) // constant options
			}
			return e
		}),
		// The decoder eats what the peer sent: a frame may not ask for more
		// memory than a block takes.
		decoder: sync.OnceValue(func() *zstd.Decoder {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0),
				zstd.WithDecoderMaxMemory(uint64(window)), zstd.WithDecoderMaxWindow(uint64(window)))
			if err != nil {
				panic(fmt.Sprintf("squeeze: %v", err))
			}
			return d
		}),
	}
}

// Append appends b, as one zstd frame, to to.
func (c *Codec) Append(to, b []byte) []byte { return c.encoder().EncodeAll(b, to) }

// Expand appends to to what a frame expands to. to is returned, perhaps grown,
// also with an error.
func (c *Codec) Expand(to, frame []byte) ([]byte, error) {
	start := len(to)
	to, err := c.decoder().DecodeAll(frame, to)
	if n := len(to) - start; err == nil && n > c.most {
		err = fmt.Errorf("%d bytes: the limit is %d", n, c.most)
	}
	return to, err
}

// Pays reports whether a reduction is worth the receiver's work.
func Pays(squeezed, plain int) bool { return squeezed < plain-plain/8 }
