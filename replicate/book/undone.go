package book

import (
	"sync/atomic"

	"duet/store/index"
)

// Undone remembers which paths an install changed and then put back as they
// were. Somebody who looked at the tree in between saw what was there for an
// instant only: what an install puts in the place of a file, or that the file
// was missing. The record of the path says nothing of that, as it does of an
// install that was done, and so the look has to be asked when it began.
//
// It belongs to the writer lane, except for Now.
type Undone struct {
	times atomic.Uint64
	last  map[index.Path]uint64 // at most maxUndone
	floor uint64                // of looks that began before, nothing is remembered any more
}

// maxUndone bounds what is remembered. Only what fails is in it.
const maxUndone = 1 << 14

// Now is what a look that begins now has to tell Since.
func (u *Undone) Now() uint64 { return u.times.Load() }

// Note notes that p, and what is below it, is as it was before an install.
func (u *Undone) Note(p index.Path) {
	n := u.times.Add(1)
	if u.last == nil || len(u.last) >= maxUndone {
		u.floor, u.last = n-1, map[index.Path]uint64{}
	}
	u.last[p] = n
}

// Since reports whether p may have been seen by a look that began at began as
// it was for an instant only.
func (u *Undone) Since(p index.Path, began uint64) bool {
	if u.times.Load() == began {
		return false
	}
	if began < u.floor {
		return true
	}
	for {
		if u.last[p] > began {
			return true
		}
		if p == index.Root {
			return false
		}
		p = p.Parent()
	}
}
