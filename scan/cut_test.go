package scan

import (
	"bytes"
	"context"
	"os"
	"testing"

	"duet/replicate/chunk"
)

// A large file that was edited is hashed and cut in one go, whatever its holes are.
func TestCutContent(t *testing.T) {
	for name, size := range map[string]int64{"dense": 3<<20 + 5, "with a hole": 70 << 20, "huge": SparseSize + 3<<30 + 12345} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f, err := os.Create(w.path("f"))
			must(t, err)
			head := vector(1<<20 + 99)
			_, err = f.WriteAt(head, 0)
			must(t, err)
			must(t, f.Truncate(size))
			if name == "dense" {
				_, err = f.WriteAt(vector(int(size)-len(head)), int64(len(head)))
			} else {
				_, err = f.WriteAt([]byte("tail"), size-4)
			}
			must(t, err)
			must(t, f.Close())
			w.settledScan()
			first := w.records["f"].Ours.Hash

			var memory chunk.Memory
			w.records["f"].Stamp.Ctime--
			o := w.options()
			o.Chunks = &memory
			var read int64
			o.Progress = func(_, n int64) { read = n }
			o.Emit = func([]Finding, []Problem) error { return nil }
			_, err = Walk(context.Background(), o)
			must(t, err)
			if read != size {
				t.Errorf("%d of %d bytes were read or passed", read, size)
			}
			chunks := memory.Get(first, chunk.Coarse(size, chunk.Least))
			c, err := w.files.Open("f")
			must(t, err)
			defer c.Close()
			r := chunk.NewReader(c, 0, size, chunk.Coarse(size, chunk.Least))
			for i := 0; ; i++ {
				next, err := r.Next(nil)
				if err != nil {
					if i != len(chunks) {
						t.Errorf("%d chunks, want %d", len(chunks), i)
					}
					break
				}
				if i >= len(chunks) || chunks[i] != next {
					t.Fatalf("chunk %d is not what it is by itself; hash %v", i, first)
				}
			}
			if name != "huge" {
				b, err := os.ReadFile(w.path("f"))
				must(t, err)
				if SumBytes(b) != first {
					t.Error("another hash")
				}
			} else {
				h := NewSparseHasher()
				h.Write(head)
				h.Zeros(size - int64(len(head)) - 4)
				h.Write([]byte("tail"))
				if h.Sum() != first {
					t.Error("another hash")
				}
			}
		})
	}
}

// What is cut off, or grows, while it is read is looked at again.
func TestCutContentMoves(t *testing.T) {
	w := newWorld(t)
	must(t, os.WriteFile(w.path("f"), bytes.Repeat([]byte("x"), 1<<20), 0o644))
	o := w.options()
	o.Chunks = &chunk.Memory{}
	c := newCrew(context.Background(), &o, 0, waiting{})
	defer close(c.jobs)
	f, err := w.files.Open("f")
	must(t, err)
	defer f.Close()
	if _, err := c.cutContent(f, 1<<20+1); err != errMoving {
		t.Errorf("shorter than it was: %v", err)
	}
}
