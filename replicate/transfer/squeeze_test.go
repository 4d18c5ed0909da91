package transfer

import (
	"bytes"
	"testing"

	"duet/replicate/wire"
)

func FuzzExpand(f *testing.F) {
	for _, n := range []int{0, 1, 1000, wire.MaxPiece, wire.MaxPiece + 1} {
		f.Add(encoder().EncodeAll(make([]byte, n), nil))
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
