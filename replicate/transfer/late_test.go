package transfer_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"duet/replicate/transfer"
)

// Behind what was put into a file it can take a while before it is cut as before:
// more chunks than are looked for together, for some contents. What is the same
// is not fetched all the same.
func TestDeltaMeetsLate(t *testing.T) {
	const size, more = 24 << 20, 2 << 20
	for _, seed := range []byte{12, 50, 53} { // of sixty, those that used to cost twice as much
		rnd := rand.NewChaCha8([32]byte{seed})
		base, put := make([]byte, size), make([]byte, more)
		rnd.Read(base)
		rnd.Read(put)
		content := slices.Concat(base[:9<<20], put, base[9<<20:])
		d := newDeltaRig(t)
		d.write("base", base)
		w := d.shelf.put("p", content)
		w.Like = []transfer.Like{{Path: "base"}}
		d.check(d.fetch(w)["p"], content)
		if n := d.Received(); n > more+128<<10 {
			t.Errorf("seed %d: %d bytes were fetched for %d", seed, n, more)
		}
	}
}
