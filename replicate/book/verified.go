package book

import (
	"fmt"
	"slices"

	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// Damaged journals that the content of a path was found to be another than the
// index says. The record stays as it is: nobody has edited anything.
func (b *Book) Damaged(p index.Path, how index.How, node index.NodeID, detail string) error {
	return b.Store.Update(func(tx *store.Tx) error {
		_, err := tx.Note(index.Event{
			Path: p, What: index.Damaged, How: how, Node: node, Time: b.Now().UnixNano(), Note: detail,
		})
		return err
	})
}

// Repaired takes a path off the list of those that are damaged.
func (b *Book) Repaired(p index.Path) error {
	return b.Store.Update(func(tx *store.Tx) error {
		v, err := tx.Verified(true)
		if err != nil {
			return err
		}
		i := slices.Index(v.Damaged, p)
		if i < 0 {
			return nil
		}
		v.Damaged = slices.Delete(v.Damaged, i, i+1)
		v.Repaired++
		return tx.PutVerified(v)
	})
}

// Verified writes down what a look at the whole tree came to.
func (b *Book) Verified(v store.Verified, node index.NodeID) error {
	return b.Store.Update(func(tx *store.Tx) error {
		_, err := tx.Note(index.Event{
			Path: index.Root, What: index.Verified, How: v.How, Node: node, Time: v.Ended, Note: verifiedText(&v),
		})
		if err != nil {
			return err
		}
		if v.Content {
			if err := tx.PutVerifying(store.Verified{}); err != nil {
				return err
			}
		}
		return tx.PutVerified(v)
	})
}

// Verifying writes down how far a look at all contents has come.
func (b *Book) Verifying(v store.Verified) error {
	return b.Store.Update(func(tx *store.Tx) error { return tx.PutVerifying(v) })
}

// HalfVerified returns how far an interrupted look at all contents had come; zero
// if there is none.
func (b *Book) HalfVerified() (v store.Verified, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		v, err = tx.Verifying()
		return err
	})
	return v, err
}

// LastVerified returns what the last looks of either kind came to.
func (b *Book) LastVerified() (contents, tree store.Verified, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		if contents, err = tx.Verified(true); err != nil {
			return err
		}
		tree, err = tx.Verified(false)
		return err
	})
	return contents, tree, err
}

func verifiedText(v *store.Verified) string {
	text := report.Count(v.Paths, "path")
	if v.Content {
		text += fmt.Sprintf(", %s read, %s", report.Count(v.Files, "file"), report.Count(v.Bytes, "byte"))
	}
	bad := ""
	for _, n := range []struct {
		n    int64
		what string
	}{{v.Corrupt, "corrupt"}, {v.Unreadable, "unreadable"}, {v.Repaired, "repaired"}, {v.Missed, "changed unnoticed"},
		{v.Failed, "could not be looked at"}, {v.Drift, "drifted from the peer"}} {
		if n.n > 0 {
			bad += fmt.Sprintf(", %d %s", n.n, n.what)
		}
	}
	if bad == "" {
		bad = ", all is well"
	}
	return text + bad
}

// Drifted is a path of which both nodes believe that they agree, and do not.
type Drifted struct {
	Path   index.Path
	Theirs *index.Entry // what the peer really has; nil: nothing
	Heard  index.Seq    // the position that it says carries it
}

// Mend takes what the peer really has for what was last heard of it, decides
// anew, and announces ours once more, so that the peer does the same. A path
// on which there is something to do by now is left alone.
func (b *Book) Mend(list []Drifted, how index.How, node index.NodeID) (mended int, err error) {
	err = b.Store.Update(func(tx *store.Tx) error {
		mended = 0
		w, err := b.begin(tx, how, b.Now().UnixNano())
		if err != nil {
			return err
		}
		for _, d := range list {
			ok, err := w.mend(d, node)
			if err != nil {
				return err
			}
			if ok {
				mended++
			}
		}
		return nil
	})
	return mended, err
}

func (w *writing) mend(d Drifted, node index.NodeID) (bool, error) {
	if d.Theirs != nil {
		if seen, head := d.Theirs.Version.At(w.meta.Epoch), w.tx.Head(); seen > head {
			return false, wire.Impossible("peer claims an edit of ours to %v at position %d, our journal ends at %d", d.Path, seen, head)
		}
	}
	r, err := w.tx.Get(d.Path)
	if err != nil {
		return false, err
	}
	if r == nil {
		r = &index.Record{Path: d.Path}
	}
	if r.Next != index.Nothing || d.Theirs != nil && (d.Heard == 0 || d.Heard > w.meta.Heard) || r.Ours == nil && d.Theirs == nil {
		return false, nil
	}
	r.Theirs, r.Heard, r.Base, r.Next = d.Theirs, d.Heard, nil, index.Nothing
	if d.Theirs == nil {
		r.Heard, r.Next = 0, index.Wait
	}
	if r.Ours != nil {
		if err := w.note(r, index.Repaired, node, "announced again: the peer's index said something else"); err != nil {
			return false, err
		}
	}
	return true, w.settle(r)
}
