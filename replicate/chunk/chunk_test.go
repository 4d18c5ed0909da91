package chunk_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"duet/replicate/chunk"
)

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 7}).Read(b)
	return b
}

// list cuts b, and checks that nothing is missing and nothing is too long.
func list(t testing.TB, r io.ReaderAt, size int, bits uint8) (chunks []chunk.Chunk, content []byte) {
	t.Helper()
	x := chunk.NewReader(r, 0, int64(size), bits)
	for {
		at := len(content)
		c, err := x.Next(func(b []byte) { content = append(content, b...) })
		if err == io.EOF {
			return chunks, content
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.Sum == chunk.Hole {
			content = append(content, make([]byte, c.Len)...)
		} else if got := content[at:]; c.Sum != chunk.Sum(got) || int64(len(got)) != c.Len || c.Len > chunk.Max(bits) || c.Len == 0 {
			t.Fatalf("chunk %d: length %d of %d bytes, sum %x", len(chunks), c.Len, len(got), c.Sum)
		}
		chunks = append(chunks, c)
	}
}

// Where the cuts are is part of the protocol.
func TestBordersNeverMove(t *testing.T) {
	for _, bits := range []uint8{10, 12, 18} {
		chunks, _ := list(t, bytes.NewReader(noise(1, 3<<20)), 3<<20, bits)
		var s string
		for _, c := range chunks[:5] {
			s += fmt.Sprintf("%d:%08x ", c.Len, uint32(c.Sum))
		}
		if s != golden[bits] {
			t.Errorf("2^%d: %q, want %q: nodes of two versions would find nothing in common", bits, s, golden[bits])
		}
	}
}

// What is read in other pieces is cut at the same places, and an edit moves only
// the borders around it.
func TestEditsKeepChunks(t *testing.T) {
	const size, bits = 4 << 20, 14
	base := noise(2, size)
	had := map[chunk.Chunk]bool{}
	chunks, content := list(t, bytes.NewReader(base), size, bits)
	if !bytes.Equal(content, base) {
		t.Fatal("the chunks are not the content")
	}
	for _, c := range chunks {
		had[c] = true
	}
	if n := len(chunks); n < size>>bits/2 || n > size>>bits*2 {
		t.Errorf("%d chunks of %d bytes, 2^%d on average", n, size, bits)
	}
	for name, edited := range map[string][]byte{
		"inserted":    slices.Concat([]byte("x"), base),
		"in between":  slices.Concat(base[:1<<20], noise(3, 1000), base[1<<20:]),
		"deleted":     slices.Concat(base[:1<<20], base[1<<20+777:]),
		"overwritten": slices.Concat(base[:1<<20], noise(4, 5000), base[1<<20+5000:]),
		"appended":    slices.Concat(base, noise(5, 5000)),
		"swapped":     slices.Concat(base[2<<20:], base[:2<<20]),
	} {
		chunks, content := list(t, bytes.NewReader(edited), len(edited), bits)
		if !bytes.Equal(content, edited) {
			t.Fatalf("%s: the chunks are not the content", name)
		}
		var fresh int64
		for _, c := range chunks {
			if !had[c] {
				fresh += c.Len
			}
		}
		if fresh > 12<<bits {
			t.Errorf("%s: %d bytes are in new chunks", name, fresh)
		}
	}
}

// holey knows of one hole.
type holey struct {
	*bytes.Reader
	from, end int64
}

func (h holey) Data(off int64) (from, end int64, err error) {
	switch {
	case off < h.from:
		return off, h.from, nil
	case off < h.end:
		return h.end, h.Size(), nil
	}
	return off, h.Size(), nil
}

func (h holey) ReadAt(b []byte, off int64) (int, error) {
	if off < h.end && off+int64(len(b)) > h.from {
		return 0, fmt.Errorf("reads %d bytes at %d, of a hole", len(b), off)
	}
	return h.Reader.ReadAt(b, off)
}

func TestHoles(t *testing.T) {
	const size = 3 << 20
	b := noise(6, size)
	for _, at := range [][2]int64{{1 << 20, 2 << 20}, {0, 2 << 20}, {1 << 20, size}, {0, size}, {100, 100 + 64<<10}} {
		clear(b[at[0]:at[1]])
		chunks, content := list(t, holey{bytes.NewReader(b), at[0], at[1]}, size, 16)
		if !bytes.Equal(content, b) {
			t.Errorf("%v: the chunks are not the content", at)
		}
		if !slices.Contains(chunks, chunk.Chunk{Len: at[1] - at[0]}) {
			t.Errorf("%v: no such hole in %v", at, chunks)
		}
	}
}

// Any content, fed in any pieces, is cut at the same places.
func FuzzCutter(f *testing.F) {
	f.Add(noise(7, 5000), uint16(100))
	f.Add(make([]byte, 9000), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint16) {
		cuts := func(step int) (at []int) {
			c := chunk.NewCutter(chunk.MinBits)
			n := 0
			for rest := b; len(rest) > 0; {
				took, cut := c.Feed(rest[:min(step, len(rest))])
				n, rest = n+took, rest[took:]
				if cut {
					if got := c.End(); got.Len > chunk.Max(chunk.MinBits) || got.Len < 1<<(chunk.MinBits-1) {
						t.Fatalf("a chunk of %d bytes", got.Len)
					}
					at = append(at, n)
				}
			}
			return at
		}
		if wide := chunk.NewCutter(18); len(b) > 0 {
			// Long stretches are looked at in another way.
			long := bytes.Repeat(b, 1+(1<<20)/len(b))
			for rest := long; len(rest) > 0; {
				n, cut := wide.Feed(rest)
				slow, m := chunk.NewCutter(18), 0
				for scut := false; m < n && !scut; m++ {
					_, scut = slow.Feed(rest[m : m+1])
					if scut != (cut && m == n-1) {
						t.Fatalf("cut at %d: %v, and byte by byte: %v", n, cut, scut)
					}
				}
				rest = rest[n:]
				wide.End()
			}
		}
		if one, other := cuts(int(step)+1), cuts(1<<20); !slices.Equal(one, other) {
			t.Errorf("cuts at %v, and in pieces of %d at %v", other, step+1, one)
		}
	})
}

func BenchmarkChunker(b *testing.B) {
	content := noise(8, 64<<20)
	for _, bits := range []uint8{12, 18} {
		b.Run(fmt.Sprintf("%dKiB", 1<<bits>>10), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				x := chunk.NewReader(bytes.NewReader(content), 0, int64(len(content)), bits)
				for {
					if _, err := x.Next(nil); err == io.EOF {
						break
					}
				}
			}
		})
	}
}

// golden is the first borders of noise, with the low halves of the sums.
var golden = map[uint8]string{
	10: "1044:0b45c642 1043:1ffc6429 790:8d08840e 1321:b3fcd1fe 1761:a73e54ee ",
	12: "6752:507dcee1 4486:d9c05270 5670:ff4ade36 7522:eb3e1398 4816:b88520db ",
	18: "266943:8488bfa2 212164:c88306d0 342698:d55e847b 309331:a3f42c25 268888:3b8583b4 ",
}
