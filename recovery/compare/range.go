package compare

import (
	"errors"

	"duet/store/index"
)

// Range is a run of paths in walk order. The zero Range is everything.
type Range struct {
	Under   index.Path // only this path and what is below it; Root: everything
	After   index.Path // what comes after this one; Root: from the beginning
	Through index.Path // up to this one, itself included; Root: to the end
}

// has reports whether p is in r.
func (r Range) has(p index.Path) bool {
	return (r.Under == index.Root || p == r.Under || p.Under(r.Under)) &&
		(r.After == index.Root || p.Compare(r.After) > 0) && !r.ends(p)
}

// ends reports whether p, and with it all that follows, comes after r.
func (r Range) ends(p index.Path) bool {
	if r.Through != index.Root && p.Compare(r.Through) > 0 {
		return true
	}
	return r.Under != index.Root && p.Compare(r.Under) > 0 && !p.Under(r.Under)
}

// start is where a cursor begins; with after, not at that path itself.
func (r Range) start() (from index.Path, after bool) {
	if r.Under != index.Root && (r.After == index.Root || r.After.Compare(r.Under) < 0) {
		return r.Under, false
	}
	return r.After, r.After != index.Root
}

var errRange = errors.New("cuts that are not in order, or not in their range")

// Check says what is wrong with cutting r behind these paths.
func (r Range) Check(cuts []index.Path) error {
	last := r.After
	for _, cut := range cuts {
		if last != index.Root && cut.Compare(last) <= 0 || !r.has(cut) || cut == r.Through {
			return errRange
		}
		last = cut
	}
	if r.Through != index.Root && (!r.has(r.Through) || last != index.Root && r.Through.Compare(last) <= 0) {
		return errRange
	}
	return nil
}
