package ruling

import (
	"context"
	"fmt"

	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// Peer is what has to be known of the peer to take something back.
type Peer struct {
	Connected bool
	Heard     index.Seq // it has heard our journal up to here
}

// LookBack makes errands of the next paths of a ruling behind one, to take it
// back, and returns the last of them. There are no more if it returns none.
func (d *Desk) LookBack(ruling uint64, after index.Path, peer Peer) (errands []*Errand, last index.Path, err error) {
	last = after
	err = d.Book.Store.View(func(tx *store.Tx) error {
		k, err := d.clerk(tx)
		if err != nil {
			return err
		}
		var bytes int64
		for r, err := range tx.RuledBy(ruling, after) {
			if err != nil {
				return err
			}
			if len(errands) == ChunkPaths || bytes >= chunkBytes {
				break
			}
			e, err := k.back(&r, peer)
			if err != nil {
				return err
			}
			bytes += e.Bytes()
			errands, last = append(errands, e), r.Path
		}
		return nil
	})
	return errands, last, err
}

// WorkBack makes a chunk of errands of LookBack's.
func (d *Desk) WorkBack(ctx context.Context, ruling uint64, errands []*Errand, peer Peer) *Work {
	return &Work{
		d: d, ctx: ctx, errands: errands, rule: diff.LineTakenBack, undo: ruling,
		again: func(k *clerk, e *Errand) (*Errand, error) {
			r, err := k.tx.GetRuled(ruling, e.Path)
			if err != nil || r != nil {
				if err != nil {
					return nil, err
				}
				return k.back(r, peer)
			}
			return &Errand{Path: e.Path, rec: &index.Record{Path: e.Path}, skip: "it has been taken back already"}, nil
		},
	}
}

// back is the errand by which one path becomes again what it was.
func (k *clerk) back(was *index.Ruled, peer Peer) (*Errand, error) {
	r, err := k.tx.Get(was.Path)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &index.Record{Path: was.Path}
	}
	e := &Errand{Path: was.Path, Held: was.Theirs != nil, Ours: true, rec: r, was: was}
	now := r.Ours
	switch {
	case k.d.Book.Ignores(r):
		e.skip = "one of the nodes ignores it"
	case now == nil && was.Gone:
		// What the order deleted is forgotten by now; nobody made it anew.
	case now == nil:
		e.skip = "nothing is known of it any more"
	case now.Version.Compare(was.After) != index.Equal:
		e.skip = "it has been changed since, on " + k.d.name(now.Origin)
	case r.Next == index.Take, r.Theirs != nil && !seen(was.After, r.Theirs.Version):
		e.skip = k.d.Peer + " has changed it since"
	}
	if e.skip != "" {
		return e, nil
	}
	if e.want = was.Before; e.want == nil {
		e.want = &index.Entry{Kind: index.Gone}
	}
	if was.Theirs != nil {
		if e.forget = !index.SameContent(was.Before, now); !e.forget && r.Theirs.Version.Compare(was.Theirs.Version) == index.Equal {
			// The peer is not known to have followed.
			if peer.Connected {
				e.skip = k.d.Peer + " is just taking it over: try again in a moment"
				return e, nil
			}
			e.forget = r.Pos > peer.Heard
		}
	}
	e.entry = diff.TakenBack(was.Before, now, e.forget, k.d.Book.Policy.Self, k.epoch, k.seq)
	return e, k.supply(e, true)
}

func seen(v, w index.Version) bool {
	order := w.Compare(v)
	return order == index.Equal || order == index.Before
}

// unlist forgets what an order did to a path, once it is taken back. A conflict
// that is held again is not listed besides.
func (w *Work) unlist(tx *store.Tx, e *Errand) error {
	if err := tx.DropRuled(w.undo, e.Path); err != nil || !e.forget {
		return err
	}
	list, err := tx.ConflictsOf(e.Path)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Rule == diff.LineRuled && c.Loser != nil && c.Loser.Version.Compare(e.was.Theirs.Version) == index.Equal {
			if err := tx.DropConflict(c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) name(id index.NodeID) string {
	switch id {
	case d.Book.Policy.Self:
		return d.Self
	case d.Book.Policy.Peer:
		return d.Peer
	}
	return fmt.Sprintf("node %v", id)
}
