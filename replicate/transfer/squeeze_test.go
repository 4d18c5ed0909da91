package transfer

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"

	"duet/replicate/wire"
)

func FuzzExpand(f *testing.F) {
	for _, n := range []int{0, 1, 1000, wire.MaxPiece, wire.MaxPiece + 1} {
		f.Add(pieces.Append(nil, make([]byte, n)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		data, _, err := expand(&wire.Piece{ID: 1, Data: b, Zstd: true}, nil)
		if err == nil && len(data) > wire.MaxPiece {
			t.Errorf("%d bytes came out", len(data))
		}
	})
}

// What is squeezed comes out again, and the whole piece fits.
func TestSqueeze(t *testing.T) {
	var q squeezer
	block := bytes.Repeat([]byte("two nodes, one tree\n"), wire.MaxPiece/20+1)[:wire.MaxPiece]
	q.begin(block)
	squeezed, ok := q.piece(block)
	if !ok || len(squeezed) > len(block)/10 {
		t.Fatalf("%d bytes became %d, %v", len(block), len(squeezed), ok)
	}
	data, _, err := expand(&wire.Piece{ID: 1, Data: squeezed, Zstd: true}, nil)
	if err != nil || !bytes.Equal(data, block) {
		t.Errorf("%d bytes came out, %v", len(data), err)
	}
	q.begin([]byte("short"))
	if data, ok := q.piece([]byte("short")); ok || string(data) != "short" {
		t.Errorf("a few bytes became %q", data)
	}
}

// A frame that grows large costs no more memory than a piece does, whether it
// says so in advance or not.
func TestBombsStaySmall(t *testing.T) {
	const size = 64 << 20
	var streamed bytes.Buffer
	w, err := zstd.NewWriter(&streamed, zstd.WithWindowSize(128<<10)) // which the decoder allows
	if err != nil {
		t.Fatal(err)
	}
	for range size >> 20 {
		w.Write(make([]byte, 1<<20))
	}
	w.Close()
	plain, err := zstd.NewWriter(nil, zstd.WithWindowSize(128<<10))
	if err != nil {
		t.Fatal(err)
	}
	for name, bomb := range map[string][]byte{"announced": plain.EncodeAll(make([]byte, size), nil), "not announced": streamed.Bytes()} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := expand(&wire.Piece{ID: 1, Data: bomb, Zstd: true}, nil)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > size/8 {
			t.Errorf("%s: %d bytes were allocated, %v", name, got, err)
		}
	}
}
