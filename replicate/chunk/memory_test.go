package chunk_test

import (
	"testing"

	"duet/replicate/chunk"
	"duet/store/index"
)

func TestMemory(t *testing.T) {
	var m chunk.Memory
	list := func(n int) []chunk.Chunk { return make([]chunk.Chunk, n) }
	known := func(h byte, bits uint8) int { return len(m.Get(index.Hash{h}, bits)) }
	m.Put(index.Hash{1}, 18, list(10))
	m.Put(index.Hash{1}, 18, list(11))
	m.Put(index.Hash{1}, 19, list(12))
	m.Put(index.Hash{2}, 18, list(chunk.Remembered+1))
	if a, b, c := known(1, 18), known(1, 19), known(2, 18); a != 10 || b != 12 || c != 0 {
		t.Errorf("%d, %d, %d", a, b, c)
	}
	m.Put(index.Hash{3}, 18, list(chunk.Remembered-15))
	if a, b, c := known(1, 18), known(1, 19), known(3, 18); a != 0 || b != 12 || c == 0 {
		t.Errorf("after more: %d, %d, %d", a, b, c)
	}
	m.Put(index.Hash{4}, 18, list(chunk.Remembered))
	if b, c, d := known(1, 19), known(3, 18), known(4, 18); b+c != 0 || d == 0 {
		t.Errorf("after all there may be: %d, %d, %d", b, c, d)
	}
	var none *chunk.Memory
	none.Put(index.Hash{1}, 18, list(1))
	if none.Get(index.Hash{1}, 18) != nil {
		t.Error("nobody remembers")
	}
}
