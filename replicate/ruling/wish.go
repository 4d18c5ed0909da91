package ruling

import (
	"context"

	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// Wish is what a person wants a path to be, that need not be in conflict.
type Wish struct {
	Path  index.Path
	Want  *index.Entry  // only its content and metadata count; Gone: nothing
	Ours  bool          // it is our side
	Rival *index.Entry  // of a conflict: what the peer has; else nil
	Upto  index.Version // of all that the person looked at
	From  index.Path    // where the peer has the content; Root: at Path
	Whole bool          // one of the sides is a directory, which gives way with all that is in it
	Skip  string        // why nothing can be done; "" if it can
}

// Wisher knows what a person wants, path by path.
type Wisher interface {
	// Next returns wishes for paths behind one, at most ChunkPaths of them, and
	// how far it has looked.
	Next(tx *store.Tx, after index.Path) (wishes []Wish, last index.Path, more bool, err error)
	// Again looks at one path once more; nil if nothing is wanted of it now.
	Again(tx *store.Tx, p index.Path) (*Wish, error)
}

// LookWishes makes errands of the next wishes.
func (d *Desk) LookWishes(w Wisher, after index.Path) (errands []*Errand, last index.Path, more bool, err error) {
	err = d.Book.Store.View(func(tx *store.Tx) error {
		k, err := d.clerk(tx)
		if err != nil {
			return err
		}
		var wishes []Wish
		if wishes, last, more, err = w.Next(tx, after); err != nil {
			return err
		}
		var bytes int64
		for i := range wishes {
			if bytes >= chunkBytes {
				last, more = wishes[i-1].Path, true
				break
			}
			e, err := k.wish(&wishes[i])
			if err != nil {
				return err
			}
			bytes += e.Bytes()
			errands = append(errands, e)
		}
		return nil
	})
	return errands, last, more, err
}

// WorkWishes makes a chunk of errands of LookWishes'.
func (d *Desk) WorkWishes(ctx context.Context, w Wisher, what string, errands []*Errand, ruling *uint64) *Work {
	return &Work{
		d: d, ctx: ctx, errands: errands, ruling: ruling, what: what, rule: diff.LineRuled,
		again: func(k *clerk, was *Errand) (*Errand, error) {
			if was.skip != "" {
				return was, nil
			}
			wish, err := w.Again(k.tx, was.key)
			if err != nil {
				return nil, err
			}
			if wish == nil {
				return &Errand{Path: was.Path, rec: was.rec, skip: "it has just been changed: make a new plan"}, nil
			}
			return k.wish(wish)
		},
	}
}

// wish is the errand by which a path becomes what a person wants.
func (k *clerk) wish(w *Wish) (*Errand, error) {
	r, err := k.tx.Get(w.Path)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &index.Record{Path: w.Path}
	}
	e := &Errand{Path: w.Path, key: w.Path, Ours: w.Ours, rec: r, want: w.Want, rival: w.Rival, skip: w.Skip, from: w.From, whole: w.Whole}
	if w.From != index.Root {
		e.key = w.From
	}
	switch {
	case e.skip != "":
	case k.d.Book.Ignores(r):
		e.skip = "one of the nodes ignores it"
	case w.From != index.Root && (r.Ours.LiveKind() == index.Dir || w.Want.LiveKind() == index.Dir):
		e.skip = "it is a directory by now"
	}
	if e.skip != "" {
		return e, nil
	}
	e.entry = diff.Ruled(w.Want, r.Ours, w.Rival, w.Upto, k.d.Book.Policy.Self, k.epoch, k.seq)
	if err := k.supply(e, w.Whole); err != nil {
		return nil, err
	}
	if e.skip == "" && w.Want.LiveKind() == index.Dir {
		k.made[w.Path] = true
	}
	return e, nil
}
