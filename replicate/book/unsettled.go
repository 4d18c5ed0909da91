package book

import (
	"duet/store"
	"duet/store/index"
)

// unsettled are the paths of installs that were interrupted, by a crash or an
// error of the disk, and of which no replay could tell yet how far they came.
// What is in the tree there may be the install's doing or a person's: to record
// it as an edit would make the peer's own change a newer one of ours.
type unsettled map[index.Path]bool

// unsettledIn reads them. In the writer lane no install is under way: an intent
// that is there is one that was left.
func unsettledIn(tx *store.Tx) (unsettled, error) {
	intents, err := tx.Intents()
	if err != nil || len(intents) == 0 {
		return nil, err
	}
	u := unsettled{}
	for _, in := range intents {
		if in.Verb == index.Expire {
			continue // of a kept version, not of the tree
		}
		u[in.Path] = true
		if in.Verb == index.Move {
			u[in.From] = true
		}
	}
	return u, nil
}

// has reports whether an install of p, or of a directory above it, is unsettled.
func (u unsettled) has(p index.Path) bool {
	if len(u) == 0 {
		return false
	}
	for {
		if u[p] {
			return true
		}
		if p == index.Root {
			return false
		}
		p = p.Parent()
	}
}
