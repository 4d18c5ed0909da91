// Package chunk cuts contents into chunks whose borders follow from what is in
// them, not from where it is: after an insertion the borders are the same again a
// few chunks later. So two versions of a file have most of their chunks in common,
// wherever the edits were.
//
// The cut is FastCDC's (Xia et al., USENIX ATC '16): a rolling hash of the last 64
// bytes, one addition and one shift a byte; no cut in the first half of the
// average size, which is not even looked at, a rarer one up to the average, a
// more frequent one behind it, and one at twice the average in any case.
//
// Where the borders are is part of the protocol: two nodes whose cuts differ find
// nothing in common. It is not part of what keeps contents right: who puts a file
// together from chunks verifies the whole.
package chunk

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// The average sizes of chunks that there are, as powers of two.
const (
	MinBits = 10
	MaxBits = 20
)

// Least is the size from which on contents are compared by chunks at all.
const Least = 512 << 10

// Coarse returns the average size, as a power of two, of the chunks by which a whole
// content is compared: some thousand, or for one of more than 16 GiB some ten thousand.
// The smallest content that is compared at all, of least bytes, has two.
func Coarse(size, least int64) uint8 {
	n := uint8(min(max(bits.Len64(uint64(least))-2, MinBits), 18))
	for n < MaxBits && size>>n > 1<<16 {
		n++
	}
	return n
}

// Fine returns the same of the small chunks by which what is between two of those is
// compared: sixty-four times smaller, if such small ones are known.
func Fine(least int64) uint8 { return max(Coarse(0, least)-6, MinBits) }

// window is how many bytes the rolling hash remembers: each is shifted out by 64
// later ones.
const window = 64

// Chunk is a part of a content.
type Chunk struct {
	Len int64
	Sum uint64 // of its bytes; Hole: they are zeros, and it may be of any length
}

// Hole is the Sum of a run of zeros that the file does not even store.
const Hole = 0

// Max returns the size that no chunk but a hole exceeds.
func Max(bits uint8) int64 { return 2 << bits }

// Sum returns the Sum of a chunk. Two that are not the same have the same one in
// 2^64 by accident, and at will.
func Sum(b []byte) uint64 { return solid(xxhash.Sum64(b)) }

func solid(sum uint64) uint64 {
	if sum == Hole {
		return 1
	}
	return sum
}

// gear gives each byte its random number. The numbers are splitmix64's from 1 on.
var gear = func() (g [256]uint64) {
	x := uint64(1)
	for i := range g {
		x += 0x9e3779b97f4a7c15
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		g[i] = z ^ z>>31
	}
	return g
}()

// Cutter finds the borders in a flow of bytes, which it does not keep.
type Cutter struct {
	first, least, usual, most int // where looking begins, cuts begin, get frequent, and are made in any case
	rare, frequent            uint64

	n    int    // bytes of the chunk so far
	roll uint64 // of the last of them
	sum  xxhash.Digest
}

// NewCutter returns a Cutter for chunks of 2^bits bytes on average, from MinBits
// to MaxBits.
func NewCutter(bits uint8) *Cutter {
	c := &Cutter{
		first: 1<<(bits-1) - window, least: 1 << (bits - 1), usual: 1 << bits, most: int(Max(bits)),
		// The high bits depend on all of the window.
		rare: ^uint64(0) << (64 - (bits + 2)), frequent: ^uint64(0) << (64 - (bits - 2)),
	}
	c.sum.Reset()
	return c
}

// Feed takes b as far as the next border. It returns how much that is, all of b
// if there is none in it; then cut is false.
func (c *Cutter) Feed(b []byte) (n int, cut bool) {
	n, cut = c.find(b)
	c.sum.Write(b[:n])
	c.n += n
	return n, cut
}

// End returns the chunk up to here, and begins the next one.
func (c *Cutter) End() Chunk {
	chunk := Chunk{int64(c.n), solid(c.sum.Sum64())}
	c.n, c.roll = 0, 0
	c.sum.Reset()
	return chunk
}

// Len returns the bytes of the chunk so far.
func (c *Cutter) Len() int { return c.n }

func (c *Cutter) find(b []byte) (n int, cut bool) {
	from := min(max(c.first-c.n, 0), len(b)) // not looked at
	least, usual, most := min(max(c.least-c.n, from), len(b)), min(max(c.usual-c.n, from), len(b)), min(c.most-c.n, len(b))
	roll := c.roll
	for _, x := range b[from:least] {
		roll = roll<<1 + gear[x]
	}
	if n, roll, cut = seek(b, least, usual, roll, c.rare); cut {
		return n, true
	}
	if n, roll, cut = seek(b, usual, most, roll, c.frequent); cut {
		return n, true
	}
	c.roll = roll
	return most, c.n+most == c.most
}
