package scan

import (
	_ "embed"
	"encoding/binary"

	"lukechampine.com/blake3/guts"

	"duet/store/index"
)

// tree is BLAKE3 as the tree that it is, over chunks of 1 KiB, so that subtrees
// which are known need not be computed. The compression of its nodes is that of a
// library which, other than that of a dense Hasher, lets one have single nodes.
type tree struct {
	roots  [64][8]uint32 // of complete subtrees of 2^i chunks, where chunks has that bit
	chunks uint64        // in those subtrees
	buf    [group]byte   // what follows; empty only at the very beginning
	n      int
	passed int64 // zeros that follow
}

// group is what is compressed at a time: as many chunks as the widest vectors take.
const (
	groupHeight = 4
	group       = guts.ChunkSize << groupHeight
)

func (t *tree) write(p []byte) {
	if len(p) > 0 {
		t.pass(0)
	}
	for len(p) > 0 {
		t.drain()
		for t.n == 0 && len(p) > group {
			t.compress((*[group]byte)(p))
			p = p[group:]
		}
		n := copy(t.buf[t.n:], p)
		t.n, p = t.n+n, p[n:]
	}
}

// drain makes room. More has to follow: the last chunks are not a subtree of the
// others, but become part of the root.
func (t *tree) drain() {
	if t.n == group {
		t.compress(&t.buf)
		t.n = 0
	}
}

func (t *tree) compress(b *[group]byte) {
	t.add(guts.ChainingValue(guts.CompressBuffer(b, group, &guts.IV, t.chunks, 0)), groupHeight)
}

// add adds the root of a complete subtree.
func (t *tree) add(root [8]uint32, height int) {
	t.chunks += 1 << height
	for i := height; ; i++ {
		if t.chunks&(1<<i) != 0 { // there was none of this height
			t.roots[i] = root
			return
		}
		root = guts.ChainingValue(guts.ParentNode(t.roots[i], root, &guts.IV, 0))
	}
}

func (t *tree) sum() (sum index.Hash) {
	t.pass(0)
	n := guts.CompressBuffer(&t.buf, t.n, &guts.IV, t.chunks, 0)
	for i := groupHeight; t.chunks>>i != 0; i++ {
		if t.chunks&(1<<i) != 0 {
			n = guts.ParentNode(t.roots[i], guts.ChainingValue(n), &guts.IV, 0)
		}
	}
	n.Flags |= guts.FlagRoot
	out := guts.WordsToBytes(guts.CompressNode(n))
	copy(sum[:], out[:])
	return sum
}

// BLAKE3 numbers its chunks, so that no two runs of zeros are alike to it. But a
// run at a certain place is the same in every file: zeroRoots has the roots of the
// subtrees of zeroSize bytes of zeros from the beginning on, one after the other.
// A disk image of 100 GB that is mostly holes is hashed in no time; what is beyond
// the table, and what of a hole is not a whole subtree, takes as long as bytes do
// that need not be fetched from anywhere. TestZeroRoots writes the table.
const (
	zeroHeight = 16
	zeroSize   = guts.ChunkSize << zeroHeight
)

//go:embed zeroroots
var zeroRoots string

// zeros adds n zeros, which may be the next part of a longer run.
func (t *tree) zeros(n int64) {
	t.passed += n
	t.pass(2 * zeroSize)
}

// pass hashes zeros until no more than keep are left.
func (t *tree) pass(keep int64) {
	for t.passed > keep {
		t.drain()
		n := int64(group)
		switch i := t.chunks >> zeroHeight * 32; {
		case t.n > 0 || t.passed <= group:
			b := t.buf[t.n:min(group, int64(t.n)+t.passed)]
			clear(b)
			n = int64(len(b))
			t.n += len(b)
		case t.passed > zeroSize && t.chunks&(1<<zeroHeight-1) == 0 && i < uint64(len(zeroRoots)):
			t.add(words(zeroRoots[i:i+32]), zeroHeight)
			n = zeroSize
		default:
			t.compress((*[group]byte)(zeros[:]))
		}
		t.passed -= n
	}
}

func words(s string) (w [8]uint32) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32([]byte(s[4*i : 4*i+4]))
	}
	return w
}
