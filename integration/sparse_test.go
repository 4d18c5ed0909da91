package integration

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"duet/integration/rig"
)

// A disk image of 100 GB, nearly all of it holes: it crosses, and an edit of it
// does, in no more time than what it stores takes; and it stays as small.
func TestSparseImage(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	const size, pieces, piece = 100e9, 10, 1 << 20
	noise := func(seed byte) []byte {
		b := make([]byte, piece)
		rand.NewChaCha8([32]byte{seed}).Read(b)
		return b
	}
	at := func(i int) int64 { return int64(i)*size/pieces + 12345 }
	put := func(path string, i int, seed byte) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
		must(t, err)
		_, err = f.WriteAt(noise(seed), at(i))
		must(t, err)
		must(t, f.Close())
	}
	outside := filepath.Join(filepath.Dir(p.A.At()), "outside")
	for i := range pieces {
		put(outside, i, byte(i))
	}
	must(t, os.Truncate(outside, size))

	await := func(what string, seeds ...byte) {
		t.Helper()
		began := time.Now()
		same := func() bool {
			f, err := os.Open(p.B.At("image"))
			if err != nil {
				return false
			}
			defer f.Close()
			b := make([]byte, piece)
			for i, seed := range seeds {
				if _, err := f.ReadAt(b, at(i)); err != nil || !bytes.Equal(b, noise(seed)) {
					return false
				}
			}
			return true
		}
		if !rig.Until(patience, same) {
			t.Fatalf("%s: not on the peer within %v\n%s", what, patience, p.B.LogTail(40))
		}
		t.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
		var st syscall.Stat_t
		must(t, syscall.Stat(p.B.At("image"), &st))
		if st.Size != size || st.Blocks*512 > 2*pieces*piece {
			t.Errorf("%s: %d bytes, %d of them stored", what, st.Size, st.Blocks*512)
		}
	}
	must(t, os.Rename(outside, p.A.At("image")))
	await("the whole", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	put(p.A.At("image"), 5, 50)
	await("an edit", 0, 1, 2, 3, 4, 50, 6, 7, 8, 9)
	p.CheckIndexes()
}
