package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"

	"duet/store/index"
)

// From BLAKE3's own test vectors: bytes 0 to 250, repeated.
func TestSum(t *testing.T) {
	tests := []struct {
		size int
		want string
	}{
		{0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
		{1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
		{1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
		{102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
	}
	for _, test := range tests {
		input := vector(test.size)
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(input), "bytewise": iotest.OneByteReader(bytes.NewReader(input)),
			"early end": iotest.DataErrReader(bytes.NewReader(input)),
		} {
			h, n, err := Sum(r)
			if err != nil || n != int64(test.size) || h.String() != test.want {
				t.Errorf("%d bytes, %s: %v, %d, %v", test.size, name, h, n, err)
			}
		}
		hasher := NewHasher()
		hasher.Write(input[:test.size/3])
		hasher.Sum()
		hasher.Write(input[test.size/3:])
		if got := hasher.Sum(); got.String() != test.want || got != SumBytes(input) {
			t.Errorf("%d bytes in pieces: %v", test.size, got)
		}
		hasher.Reset()
		if got := hasher.Sum(); got != SumBytes(nil) {
			t.Errorf("after Reset: %v", hex.EncodeToString(got[:]))
		}
	}
}

func vector(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i % 251)
	}
	return out
}

func TestSumKeepsSmallContent(t *testing.T) {
	for _, size := range []int{0, 1, SmallContent - 1, SmallContent, SmallContent + 1, readSize, readSize + 1, 3 * readSize} {
		input := vector(size)
		var read int64
		h, content, n, err := sum(context.Background(), bytes.NewReader(input), SmallContent, func(n int64) { read += n })
		if err != nil || n != int64(size) || read != n || h != SumBytes(input) {
			t.Errorf("%d bytes: %v, %d, %v", size, h, n, err)
		}
		if small := size <= SmallContent; (content != nil) != small || small && !bytes.Equal(content, input) {
			t.Errorf("%d bytes: content of %d, nil: %v", size, len(content), content == nil)
		}
	}
}

func TestSumFails(t *testing.T) {
	if _, _, err := Sum(io.MultiReader(bytes.NewReader(vector(10)), iotest.ErrReader(syscall.EIO))); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, _, _, err := sum(ctx, endless{}, 0, func(int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Whatever the pieces are that it comes in, and zeros as such or not, a content has
// one hash: that of both libraries.
func TestHasher(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		h := []*Hasher{NewHasher(), NewSparseHasher()}[rnd.IntN(2)]
		var whole []byte
		for range rnd.IntN(8) {
			n := rnd.IntN([]int{70, 2000, 40 << 10, 1 << 20}[rnd.IntN(4)])
			if rnd.IntN(3) == 0 {
				n &^= group - 1 // whole subtrees
			}
			piece := make([]byte, n)
			if rnd.IntN(2) == 0 {
				h.Zeros(int64(n))
			} else {
				rand.NewChaCha8([32]byte{byte(n)}).Read(piece)
				h.Write(piece)
			}
			whole = append(whole, piece...)
			if rnd.IntN(4) == 0 {
				h.Sum()
			}
		}
		if got, want := h.Sum(), index.Hash(blake3.Sum256(whole)); got != want || SumBytes(whole) != want {
			t.Fatalf("%d bytes: %v, want %v", len(whole), got, want)
		}
	}
}

// zeroTrees is how many subtrees of zeros the table has: 256 GiB.
const zeroTrees = 4 << 10

// With DUET_ZEROROOTS=write the table is computed anew, which takes a minute.
func TestZeroRoots(t *testing.T) {
	var tree func(chunk uint64, height int) [8]uint32
	tree = func(chunk uint64, height int) [8]uint32 {
		if height == groupHeight {
			return guts.ChainingValue(guts.CompressBuffer((*[group]byte)(zeros[:]), group, &guts.IV, chunk, 0))
		}
		height--
		return guts.ChainingValue(guts.ParentNode(tree(chunk, height), tree(chunk+1<<height, height), &guts.IV, 0))
	}
	root := func(i int) (s string) {
		for _, w := range tree(uint64(i)<<zeroHeight, zeroHeight) {
			s = string(binary.LittleEndian.AppendUint32([]byte(s), w))
		}
		return s
	}
	if os.Getenv("DUET_ZEROROOTS") == "write" {
		var table strings.Builder
		for i := range zeroTrees {
			table.WriteString(root(i))
		}
		must(t, os.WriteFile("zeroroots", []byte(table.String()), 0o644))
		return
	}
	if len(zeroRoots) != 32*zeroTrees {
		t.Fatalf("%d bytes", len(zeroRoots))
	}
	for _, i := range []int{0, 1, 2, 1000, rand.IntN(zeroTrees), zeroTrees - 1} {
		if zeroRoots[32*i:32*i+32] != root(i) {
			t.Errorf("subtree %d is another one", i)
		}
	}
	h, plain := NewSparseHasher(), NewHasher()
	for i, n := range []int64{5, 3*zeroSize + 100, zeroSize - 105, 1, zeroSize, 100 << 10, zeroSize / 2, zeroSize / 2, zeroSize / 2, zeroSize / 2, zeroSize} {
		h.Zeros(n)
		for ; n > 0; n -= group {
			plain.Write(zeros[:min(n, group)])
		}
		if i < 6 && h.Sum() != plain.Sum() {
			t.Fatalf("%d: %v, want %v", i, h.Sum(), plain.Sum())
		}
	}
	h.Write([]byte("x"))
	plain.Write([]byte("x"))
	if h.Sum() != plain.Sum() {
		t.Errorf("%v, want %v", h.Sum(), plain.Sum())
	}
}

func BenchmarkHash(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10, 1 << 20, 64 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			input := bytes.NewReader(vector(size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				input.Seek(0, io.SeekStart)
				if _, _, err := Sum(input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
