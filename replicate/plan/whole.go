package plan

import "duet/store/index"

// A person who chooses between a directory and a file, or a link, chooses between
// all that is in the directory and nothing: what is below goes along. Of a
// directory that both have, or only one, it is the directory alone that is chosen.

// whole is such a choice.
type whole struct {
	path index.Path
	take Take // Ours or Theirs
	dir  bool // what is taken is the directory
}

// inner remembers the whole in which the last path was: what is in one directory
// mostly comes together.
type inner struct {
	asked bool
	dir   index.Path
	in    *whole
}

// said remembers whether the last chosen path above others waits.
type said struct {
	path  index.Path
	waits bool
}

// wholeOf returns the choice at r if all below it goes along; nil if not.
func (p *Planner) wholeOf(r *index.Record) *whole {
	take := p.orders.choices[r.Path]
	ours, theirs := r.Ours.LiveKind() == index.Dir, r.Theirs.LiveKind() == index.Dir
	if take != Ours && take != Theirs || ours == theirs || !r.Ours.Live() || !r.Theirs.Live() || p.Book.Ignores(r) {
		return nil
	}
	return &whole{r.Path, take, ours == (take == Ours)}
}

// goesAlong returns the outermost choice with which r goes along; nil if there is
// none.
func (p *Planner) goesAlong(r *index.Record) (*whole, error) {
	if len(p.orders.choices) == 0 || r.Agreed() || p.Book.Ignores(r) {
		return nil, nil
	}
	dir := r.Path.Parent()
	if p.inner.asked && p.inner.dir == dir {
		return p.inner.in, nil
	}
	var in *whole
	for d := dir; d != index.Root; d = d.Parent() {
		if _, chosen := p.orders.choices[d]; !chosen {
			continue
		}
		above, err := p.tx.Get(d)
		if err != nil {
			return nil, err
		}
		if above != nil {
			if w := p.wholeOf(above); w != nil {
				in = w
			}
		}
	}
	p.inner = inner{true, dir, in}
	return in, nil
}

// underWaiting reports whether q is below a path that waits for a person: a
// directory against a file, or one with which q would go along.
func (p *Planner) underWaiting(q index.Path) (bool, error) {
	c, err := p.tx.Counts()
	if err != nil || c.Held == 0 && len(p.orders.choices) == 0 {
		return false, err
	}
	for d := q.Parent(); d != index.Root; d = d.Parent() {
		_, chosen := p.orders.choices[d]
		if !chosen && c.Held == 0 || p.said.path == d && !p.said.waits {
			continue
		}
		if p.said.path == d {
			return true, nil
		}
		r, err := p.tx.Get(d)
		switch {
		case err != nil:
			return false, err
		case r == nil || r.Next != index.Held && p.wholeOf(r) == nil:
			continue
		case !chosen:
			return true, nil
		}
		f, err := p.Of(r)
		if err != nil {
			return false, err
		}
		if p.said = (said{d, f.Waits != ""}); p.said.waits {
			return true, nil
		}
	}
	return false, nil
}
