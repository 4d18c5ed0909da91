package book

import (
	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// writing is what a job in the writer lane needs while it is in a transaction.
type writing struct {
	tx    *store.Tx
	meta  store.Meta
	book  *Book
	now   int64 // ns since 1970
	how   index.How
	hold  bool // the session is held: decide, but act on nothing
	apart bool // no peer is connected

	moves moves     // of the findings that are being recorded
	open  unsettled // installs that a crash left, while findings are recorded
}

// begin reads what every job needs to know.
func (b *Book) begin(tx *store.Tx, how index.How, now int64) (*writing, error) {
	meta, err := tx.Meta()
	if err != nil {
		return nil, err
	}
	return &writing{tx: tx, meta: meta, book: b, how: how, now: now}, nil
}

// note journals r.Ours as the state of r.Path from here on.
func (w *writing) note(r *index.Record, what index.What, node index.NodeID, line string) error {
	return w.journal(r, index.Event{What: what, Node: node, Rule: line})
}

// journal is note with more to say.
func (w *writing) journal(r *index.Record, e index.Event) error {
	e.Path, e.How, e.Time, e.Entry = r.Path, w.how, w.now, r.Ours
	e.SetSeen(r.SeenOf(r.Ours))
	pos, err := w.tx.Note(e)
	r.Pos = pos
	return err
}

// next is the position that the next note gets.
func (w *writing) next() index.Seq { return w.tx.Head() + 1 }

// settle decides r and puts it back. Whatever needs no change to the tree it
// does here, in the same transaction: two equal sides agree, a tombstone for
// something that is not here is adopted, a won conflict is joined, a live
// thing is revived. The rest is left as Next == Take for a round. What one of
// the nodes ignores is left alone; only what changes nothing goes on.
func (w *writing) settle(r *index.Record) error {
	v := w.book.Decide(r)
	was := r.Next
	r.Next = diff.Next(v)
	left := w.book.Ignores(r)
	hold := w.hold || w.book.Postponed(r, v)
	switch v.Act {
	case diff.Nothing:
		w.agree(r)
	case diff.Agree:
		if err := w.become(r, v, index.Merged); err != nil {
			return err
		}
	case diff.Take, diff.TakeOver:
		if v.Entry.Kind == index.Gone && !r.Ours.Live() {
			if err := w.become(r, v, index.Adopted); err != nil {
				return err
			}
		}
	case diff.Win:
		if hold || left {
			r.Next = index.Take
			break
		}
		if err := w.win(r, v); err != nil {
			return err
		}
	case diff.Revive:
		if hold || left {
			r.Next = index.Take
			break
		}
		if err := w.revive(r, v.Line); err != nil {
			return err
		}
	case diff.Hold:
		if was != index.Held && !left {
			if err := w.park(r, v.Line); err != nil {
				return err
			}
		}
	}
	if left && r.Next != index.Nothing {
		r.Next = index.Left
	}
	return w.tx.Put(r)
}

// win settles a race that what is here has won, and lists it if that was a
// conflict.
func (w *writing) win(r *index.Record, v diff.Verdict) error {
	if v.Conflict {
		c := index.Conflict{Path: r.Path, Time: w.now, Winner: v.Entry, Loser: r.Theirs, Rule: v.Line}
		c.Seen.How, c.Seen.Time = r.Noticed.How, r.Noticed.Time
		if _, err := w.tx.AddConflict(c); err != nil {
			return err
		}
	}
	return w.become(r, v, index.Settled)
}

// overtaken settles a conflict that was won here and not settled, because the
// session is held or a person has left it out, before what the peer has now takes
// the loser's place: the peer was released sooner, and has given way. What it has
// now says nothing of a conflict any more, and both nodes are to list it. What a
// person there has chosen against the rule is another matter, and comes as that.
func (w *writing) overtaken(r *index.Record, now *index.Entry) error {
	if r.Next != index.Take || w.book.Ignores(r) {
		return nil
	}
	v := w.book.Decide(r)
	if v.Act != diff.Win || !v.Conflict || Chosen(r.Ours, now) {
		return nil
	}
	if o := now.Version.Compare(v.Entry.Version); o != index.Equal && o != index.After {
		return nil
	}
	return w.win(r, v)
}

// become makes the verdict's entry ours. The tree has it already.
func (w *writing) become(r *index.Record, v diff.Verdict, what index.What) error {
	r.Ours = v.Entry
	if err := w.note(r, what, v.Entry.Origin, v.Line); err != nil {
		return err
	}
	r.Next = index.Wait
	w.agree(r)
	return nil
}

// agree makes the base of a record on which both sides have the same version.
func (w *writing) agree(r *index.Record) {
	if r.Agreed() {
		r.Theirs, r.Base, r.Next = r.Ours, r.Ours, index.Nothing
	}
}

// revive keeps alive what is here although the peer deleted it: an own edit
// that has seen the peer's tombstone.
func (w *writing) revive(r *index.Record, line string) error {
	e := *r.Ours
	if r.Theirs != nil {
		e = *diff.Revived(r.Ours, r.Theirs)
	}
	e.Version = e.Version.With(w.meta.Epoch, w.next())
	e.Origin = w.book.Policy.Self
	r.Ours = &e
	r.Next = index.Wait
	return w.note(r, index.Revived, w.book.Policy.Self, line)
}

// park journals that a conflict waits for a person. Nothing changes by that.
func (w *writing) park(r *index.Record, line string) error {
	e := index.Event{Path: r.Path, What: index.Parked, How: w.how, Node: r.Theirs.Origin, Time: w.now, Rule: line}
	e.Seen.How, e.Seen.Time = r.Noticed.How, r.Noticed.Time
	_, err := w.tx.Note(e)
	return err
}

// forgettable reports whether r is a tombstone that both sides have and that
// the peer knows we have: it has served (rule 10).
func (w *writing) forgettable(r *index.Record) bool {
	return r.Ours != nil && r.Ours.Kind == index.Gone && r.Agreed() && r.Pos <= w.meta.Acked
}

// Settle decides paths again for which nothing changes in the tree.
func (b *Book) Settle(paths []index.Path, hold bool) error {
	if len(paths) == 0 {
		return nil
	}
	return b.Store.Update(func(tx *store.Tx) error {
		w, err := b.begin(tx, index.ByPeer, b.Now().UnixNano())
		if err != nil {
			return err
		}
		w.hold = hold
		for _, p := range paths {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			if r == nil {
				continue
			}
			if err := w.settle(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// Revive keeps a directory alive because something in it is to stay.
func (b *Book) Revive(p index.Path) error {
	return b.Store.Update(func(tx *store.Tx) error {
		w, err := b.begin(tx, index.ByPeer, b.Now().UnixNano())
		if err != nil {
			return err
		}
		r, err := tx.Get(p)
		if err != nil || r == nil || r.Ours.LiveKind() != index.Dir {
			return err
		}
		if err := w.revive(r, diff.LineContents); err != nil {
			return err
		}
		return tx.Put(r)
	})
}
