package ruling

import (
	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// A directory is not chosen, or given up, without what is in it. The peer may
// have deleted its contents when it put a file in its place, or this node may
// have; those deletes are part of what the person looked at.

// belowChunk is how many records below a directory one transaction looks at.
const belowChunk = 500

// errands are those of one path: it and, if a directory is taken from the peer,
// what this node deleted in it.
func (k *clerk) errands(o *Order, p index.Path) ([]*Errand, error) {
	e, err := k.errand(o, p)
	if err != nil || e.skip != "" || !e.Held || e.Ours || e.want.LiveKind() != index.Dir {
		return []*Errand{e}, err
	}
	out := []*Errand{e}
	for r, err := range k.tx.Under(p) {
		if err != nil {
			return nil, err
		}
		if len(out) > 100*ChunkPaths {
			e.skip = "there is too much in that directory: settle it on " + k.d.Peer
			return out[:1], nil
		}
		if !r.Ours.Live() && r.Ours != nil && r.Theirs.Live() {
			c, err := k.child(r.Path)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// child is the errand of a path that comes back with its directory.
func (k *clerk) child(p index.Path) (*Errand, error) {
	r, err := k.tx.Get(p)
	if err != nil {
		return nil, err
	}
	e := &Errand{Path: p, rec: r, child: true}
	if r == nil || r.Ours.Live() || !r.Theirs.Live() {
		e.rec, e.skip = &index.Record{Path: p}, "it has just been changed: try again"
		return e, nil
	}
	e.want = r.Theirs
	e.entry = diff.Ruled(e.want, r.Ours, r.Theirs, nil, k.d.Book.Policy.Self, k.epoch, k.seq)
	if e.want.Kind == index.File {
		e.needs = true
		e.local, err = k.local(p, e.want)
	}
	return e, err
}

// settleBelow settles what is below the directories of the chunk and needs no
// change to the tree: where a directory stays against the peer's file, what
// the peer deleted in it stays, too; where the peer's directory gives way to a
// file that stays, what is in it goes there; where a directory here gives way,
// it is written down what was in it.
func (w *Work) settleBelow() error {
	for p, e := range w.now {
		var do func(*store.Tx, *index.Record) error
		switch {
		case w.undo != 0:
		case w.below[p]:
			do = w.rememberChild
		case e.Held && e.Ours && e.want.LiveKind() == index.Dir:
			do = w.keepChild
		case (e.Held || e.whole) && e.Ours && e.rec.Theirs.LiveKind() == index.Dir:
			do = w.giveUpChild
		}
		if do == nil {
			continue
		}
		if err := w.eachBelow(p, do); err != nil {
			return err
		}
	}
	return nil
}

// eachBelow calls do for each record below a directory, some in a transaction.
func (w *Work) eachBelow(dir index.Path, do func(*store.Tx, *index.Record) error) error {
	for at, more := dir, true; more; {
		err := w.d.Book.Store.Update(func(tx *store.Tx) error {
			n := 0
			more = false
			for r, err := range tx.Range(at, true) {
				if err != nil || !r.Path.Under(dir) {
					return err
				}
				at = r.Path
				if err := do(tx, r); err != nil {
					return err
				}
				if n++; n == belowChunk {
					more = true
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keepChild keeps alive what the peer deleted.
func (w *Work) keepChild(tx *store.Tx, r *index.Record) error {
	if !w.d.Book.Doomed(r) {
		return nil
	}
	e := *diff.Revived(r.Ours, r.Theirs)
	e.Version, e.Origin = e.Version.With(w.epoch, tx.Head()+1), w.d.Book.Policy.Self
	return w.commit(tx, r, &e, index.Revived)
}

// giveUpChild deletes what only the peer has.
func (w *Work) giveUpChild(tx *store.Tx, r *index.Record) error {
	if r.Ours.Live() || !r.Theirs.Live() || w.d.Book.Ignores(r) {
		return nil
	}
	return w.commit(tx, r, w.tombstone(r, tx.Head()+1), index.Resolved)
}

// rememberChild writes down what goes with its directory.
func (w *Work) rememberChild(tx *store.Tx, r *index.Record) error {
	if !r.Ours.Live() {
		return nil
	}
	return w.remember(tx, index.Ruled{Path: r.Path, Before: r.Ours, After: w.tombstone(r, w.seq).Version, Gone: true})
}

// tombstone is a delete of r that has seen both sides.
func (w *Work) tombstone(r *index.Record, seq index.Seq) *index.Entry {
	e := diff.Edited(r.Ours, &index.Entry{Kind: index.Gone}, w.epoch, seq)
	if r.Theirs != nil {
		e.Version = e.Version.Join(r.Theirs.Version).With(w.epoch, seq)
	}
	e.Origin = w.d.Book.Policy.Self
	return e
}

// doomed says what becomes of what is in a directory that goes out whole: see
// landing.Env.
func (w *Work) doomed(r *index.Record) *index.Entry {
	if _, goes := w.goesWith(r.Path); goes {
		return w.tombstone(r, w.seq)
	}
	return nil
}

// goesWith returns the directory above p that goes out whole.
func (w *Work) goesWith(p index.Path) (dir index.Path, goes bool) {
	for d := p.Parent(); d != index.Root; d = d.Parent() {
		if w.below[d] {
			return d, true
		}
	}
	return index.Root, false
}
