package store

import (
	"fmt"
	"iter"

	"duet/store/index"
)

// AddConflict writes down a conflict, and returns its number. c.ID is not
// looked at.
func (tx *Tx) AddConflict(c index.Conflict) (uint64, error) {
	raw, err := index.MarshalConflict(&c)
	if err != nil {
		return 0, fmt.Errorf("add conflict: %w", err)
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return 0, err
	}
	counts.Conflicts++
	return tx.add(conflictBucket, raw)
}

// DropConflict forgets a conflict, if there is one of that number.
func (tx *Tx) DropConflict(id uint64) error {
	if tx.bucket(conflictBucket).Get(idKey(id)) == nil {
		return nil
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	counts.Conflicts--
	return tx.drop(conflictBucket, idKey(id))
}

// Conflicts yields the conflicts by number, which is oldest first.
func (tx *Tx) Conflicts() iter.Seq2[index.Conflict, error] {
	return func(yield func(index.Conflict, error) bool) {
		for k, v := range tx.ascend(conflictBucket, nil) {
			id, err := tx.parseID(conflictBucket, k)
			var c index.Conflict
			if err == nil {
				if c, err = index.UnmarshalConflict(id, v); err != nil {
					err = tx.damaged(err)
				}
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// dropHeldConflicts forgets those that wait for a person, because the peer's
// side of them is about to be forgotten. They are found again.
func (tx *Tx) dropHeldConflicts() error {
	for c, err := range tx.Conflicts() {
		if err != nil {
			return err
		}
		if c.Winner != nil {
			continue
		}
		if err := tx.DropConflict(c.ID); err != nil {
			return err
		}
	}
	return nil
}
