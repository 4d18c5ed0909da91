package book

import (
	"duet/store"
	"duet/store/index"
)

// UnderHeld reports whether p is below a path that waits for a person: a
// directory against a file. Neither side is touched until then, nor what is in
// it.
func UnderHeld(tx *store.Tx, p index.Path) (bool, error) {
	c, err := tx.Counts()
	if err != nil || c.Held == 0 {
		return false, err
	}
	for d := p.Parent(); d != index.Root; d = d.Parent() {
		r, err := tx.Get(d)
		if err != nil || r != nil && r.Next == index.Held {
			return true, err
		}
	}
	return false, nil
}
