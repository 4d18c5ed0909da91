package sim

import (
	"testing"

	"duet/integration/sim/memfs"
)

// A content is ended when the last copy of it goes that somebody made or the
// index has: what an install has placed, and is not written down, may be taken
// back.
func TestEnded(t *testing.T) {
	w := &World{Trace: &Trace{}}
	n := &node{w: w, name: "a", disk: memfs.New()}
	x := memfs.Thing{Path: "x", Data: "one", Mode: 0o100644, Touched: true}
	y, z := x, x
	y.Path, y.Touched, z.Path = "y", false, "z"
	for _, c := range []struct {
		left  memfs.Thing
		ended bool
	}{{y, true}, {z, false}} {
		l := newLedger(w)
		l.did(n, nil, []memfs.Thing{x, c.left})
		l.did(n, []memfs.Thing{x, c.left}, []memfs.Thing{c.left})
		if l.ended["one"] != c.ended {
			t.Errorf("with %+v left it is ended: %v", c.left, l.ended["one"])
		}
	}
}
