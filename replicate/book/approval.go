package book

import (
	"fmt"
	"strconv"

	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// Leaves is what people said of deletes that waited, oldest first: the first
// that concerns a delete holds for it, as what is said later is said of what
// waited then.
type Leaves []store.Leave

// LeavesIn reads what was said from the index.
func LeavesIn(m store.Meta) Leaves {
	if upto := approvedUpTo(m); upto > 0 {
		return append(Leaves{{Upto: upto}}, m.Leaves...)
	}
	return m.Leaves
}

// Leaves reads what was said from the index.
func (b *Book) Leaves() (ls Leaves, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		ls = LeavesIn(m)
		return err
	})
	return ls, err
}

// Of reports what was said of the delete of r.
func (ls Leaves) Of(r *index.Record) (approved, rejected bool) {
	for _, l := range ls {
		if r.Heard <= l.Upto && (l.Under == index.Root || r.Path == l.Under || r.Path.Under(l.Under)) {
			return !l.Reject, l.Reject
		}
	}
	return false, false
}

// Leave writes down what a person said of deletes that wait, so that a restart
// does not ask again. what says, for the journal, which deletes these are.
func (b *Book) Leave(leaves []store.Leave, what index.What, note string) error {
	return b.Order(what, note, func(m *store.Meta) { m.Leaves = append(m.Leaves, leaves...) })
}

// approvedUpTo reads an approval as earlier versions wrote it: which life of the
// peer's journal, and up to which of its positions.
func approvedUpTo(m store.Meta) index.Seq {
	prefix := m.PeerEpoch.String() + ":"
	if len(m.Approved) <= len(prefix) || m.Approved[:len(prefix)] != prefix {
		return 0
	}
	n, err := strconv.ParseUint(m.Approved[len(prefix):], 10, 64)
	if err != nil {
		return 0
	}
	return index.Seq(n)
}

// Spare keeps alive what is here although the peer deleted it, because a person
// said so: own edits that have seen the deletes, so that the peer takes all of
// it back from here. What has changed by now is left alone.
func (b *Book) Spare(paths []index.Path, leaves Leaves) error {
	return b.Store.Update(func(tx *store.Tx) error {
		w, err := b.begin(tx, index.ByUser, b.Now().UnixNano())
		if err != nil {
			return err
		}
		for _, p := range paths {
			r, err := tx.Get(p)
			if err != nil {
				return err
			}
			if r == nil || !b.Doomed(r) {
				continue
			}
			if _, rejected := leaves.Of(r); !rejected {
				continue
			}
			if err := w.revive(r, diff.LineRejected); err != nil {
				return err
			}
			if err := tx.Put(r); err != nil {
				return fmt.Errorf("keep %v alive: %w", p, err)
			}
		}
		return nil
	})
}
