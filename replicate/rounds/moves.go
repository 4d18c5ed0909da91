package rounds

import (
	"maps"
	"slices"
	"time"

	"duet/store/index"
)

// A directory that was renamed is a new one with moved files in it, as the peer
// tells it. Where all that is in the old one goes along, it can be moved as a
// whole: one call instead of thousands, and whoever looks sees all of it or none.

// apartFor is how long a directory that could not be moved as a whole, as somebody
// was at work in it, is left to be moved file by file; for at most maxApart of them.
const (
	apartFor = time.Minute
	maxApart = 1024
)

// Apart notes that what was to be moved to p could not be moved as a whole.
func (r *Rounds) Apart(p index.Path, now time.Time) {
	maps.DeleteFunc(r.apart, func(_ index.Path, at time.Time) bool { return now.Sub(at) > apartFor })
	if r.apart == nil {
		r.apart = map[index.Path]time.Time{}
	}
	if len(r.apart) < maxApart {
		r.apart[p] = now
	}
}

// lookMoved is how many records are looked at to see whether a directory was
// renamed.
const lookMoved = 16

// comesMoved reports whether a new directory may be an old one renamed: the peer
// says so of the first thing in it. What is below it waits for it, and it has to
// wait until all is heard of the old one.
func (k *picking) comesMoved(dir index.Path) (bool, error) {
	n := 0
	for c, err := range k.tx.Under(dir) {
		if n++; err != nil || n > lookMoved {
			return false, err
		}
		switch c.Theirs.LiveKind() {
		case index.File, index.Symlink:
			return c.Noticed.Other != index.Root && c.Noticed.Other != c.Path, nil
		}
	}
	return false, nil
}

// joinMoves names, for each new directory of the batch that can be an old one
// moved with all that is in it, which one that is.
func (k *picking) joinMoves() error {
	if len(k.used) == 0 || len(k.fresh) == 0 {
		return nil
	}
	jobs := make(map[index.Path]int, len(k.b.Jobs))
	for i := range k.b.Jobs {
		jobs[k.b.Jobs[i].Path] = i
	}
	was := k.guessMoves()
	for _, to := range slices.SortedFunc(maps.Keys(was), index.Path.Compare) {
		if k.b.Jobs[jobs[to]].From != index.Root {
			continue // goes along with one above it
		}
		dirs, err := k.goesWhole(was[to], to, jobs)
		if err != nil {
			return err
		}
		for _, d := range dirs {
			k.move(&k.b.Jobs[jobs[to+d.Path[len(was[to]):]]], d)
		}
	}
	return nil
}

// guessMoves says for new directories of the batch what they may have been before,
// from what is moved into them under its own name; for those above these, too.
func (k *picking) guessMoves() map[index.Path]index.Path {
	was, torn := map[index.Path]index.Path{}, map[index.Path]bool{}
	guess := func(to, from index.Path) {
		at, tried := k.rounds.apart[to]
		switch {
		case !k.fresh[to] || from == index.Root || tried && k.m.Now.Sub(at) <= apartFor:
		case was[to] != index.Root && was[to] != from:
			torn[to] = true
		default:
			was[to] = from
		}
	}
	for i := range k.b.Jobs {
		if j := &k.b.Jobs[i]; j.From != index.Root && j.From.Leaf() == j.Path.Leaf() {
			guess(j.Path.Parent(), j.From.Parent())
		}
	}
	for _, to := range slices.Backward(slices.SortedFunc(maps.Keys(was), index.Path.Compare)) {
		for from := was[to]; from != index.Root && to.Leaf() == from.Leaf(); from = was[to] {
			to = to.Parent()
			guess(to, from.Parent())
		}
	}
	maps.DeleteFunc(was, func(to, _ index.Path) bool { return torn[to] })
	return was
}

// goesWhole returns the directory from and those below it, if all that is in it goes
// along to to in this batch, and each of them is to be deleted and may be moved;
// nil if not.
func (k *picking) goesWhole(from, to index.Path, jobs map[index.Path]int) ([]*index.Record, error) {
	top, err := k.rounds.met.get(k.tx, from)
	if err != nil || top == nil {
		return nil, err
	}
	if ok, err := k.movableDir(top); err != nil || !ok {
		return nil, err
	}
	dirs := []*index.Record{top}
	for live, err := range k.tx.LiveUnder(from) {
		if err != nil {
			return nil, err
		}
		i, ok := jobs[to+live.Path[len(from):]]
		if !ok {
			return nil, nil
		}
		if live.Kind != index.Dir {
			if k.b.Jobs[i].From != live.Path {
				return nil, nil
			}
			continue
		}
		c, err := k.rounds.met.get(k.tx, live.Path)
		if err != nil {
			return nil, err
		}
		if ok, err := k.movableDir(c); err != nil || !ok || !k.fresh[k.b.Jobs[i].Path] || k.b.Jobs[i].From != index.Root {
			return nil, err
		}
		dirs = append(dirs, c)
	}
	return dirs, nil
}

// movableDir reports whether a directory is to be deleted and may be moved.
func (k *picking) movableDir(c *index.Record) (bool, error) {
	if c.Ours.LiveKind() != index.Dir || k.rounds.flying[c.Path] || k.used[c.Path] {
		return false, nil
	}
	return k.movable(&index.Record{}, c)
}
