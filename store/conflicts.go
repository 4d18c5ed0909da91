package store

import (
	"fmt"
	"iter"

	"duet/store/index"
)

// A conflict is closed once the entry of its path says that a person has
// settled it, see index.Settlement. The two are written in one transaction, by
// Put, however the entry came to be ours; so both nodes have the same ones
// open as soon as they agree on the path.

// AddConflict writes down a conflict, and returns its number. c.ID and c.Closed
// are not looked at.
func (tx *Tx) AddConflict(c index.Conflict) (uint64, error) {
	r, err := tx.Get(c.Path)
	if err != nil {
		return 0, err
	}
	c.Closed = c.Loser != nil && r != nil && r.Ours != nil && r.Ours.Settled.Covers(c.Loser.Version)
	raw, err := index.MarshalConflict(&c)
	if err != nil {
		return 0, fmt.Errorf("add conflict: %w", err)
	}
	id, err := tx.add(conflictBucket, raw)
	if err != nil {
		return 0, err
	}
	if err := tx.put(disputeBucket, pathKey(c.Path, id), nil); err != nil {
		return 0, err
	}
	return id, tx.countConflict(&c, 1)
}

// GetConflict returns a conflict, nil if there is none of that number.
func (tx *Tx) GetConflict(id uint64) (*index.Conflict, error) {
	raw := tx.bucket(conflictBucket).Get(idKey(id))
	if raw == nil {
		return nil, nil
	}
	c, err := index.UnmarshalConflict(id, raw)
	if err != nil {
		return nil, tx.damaged(err)
	}
	return &c, nil
}

// DropConflict forgets a conflict, if there is one of that number.
func (tx *Tx) DropConflict(id uint64) error {
	c, err := tx.GetConflict(id)
	if err != nil || c == nil {
		return err
	}
	if err := tx.drop(disputeBucket, pathKey(c.Path, id)); err != nil {
		return err
	}
	if err := tx.countConflict(c, -1); err != nil {
		return err
	}
	return tx.drop(conflictBucket, idKey(id))
}

// countConflict counts c n times, if it is open.
func (tx *Tx) countConflict(c *index.Conflict, n int64) error {
	counts, err := tx.loadCounts()
	if err != nil || c.Closed {
		return err
	}
	counts.Conflicts += n
	return nil
}

// Conflicts yields all conflicts by number, which is oldest first, also those
// that are closed.
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

// ConflictsOf returns the conflicts of one path, oldest first, also those that
// are closed.
func (tx *Tx) ConflictsOf(p index.Path) ([]index.Conflict, error) {
	var out []index.Conflict
	for id := range tx.idsOf(disputeBucket, p) {
		c, err := tx.GetConflict(id)
		if err == nil && c == nil {
			err = tx.damaged(fmt.Errorf("conflict %d of %q is listed, and not there", id, p))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, *c)
	}
	return out, nil
}

// review closes and opens conflicts as r's entry says, which was old's before.
func (tx *Tx) review(old, r *index.Record) error {
	if r == nil || r.Ours == nil || r.Ours.Settled == nil {
		return nil // nothing is said of them
	}
	if old != nil && old.Ours != nil && r.Ours.Settled.Equal(old.Ours.Settled) {
		return nil
	}
	list, err := tx.ConflictsOf(r.Path)
	if err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		closed := c.Loser != nil && r.Ours.Settled.Covers(c.Loser.Version)
		if c.Closed == closed {
			continue
		}
		if err := tx.countConflict(c, -1); err != nil {
			return err
		}
		c.Closed = closed
		if err := tx.countConflict(c, 1); err != nil {
			return err
		}
		raw, err := index.MarshalConflict(c)
		if err != nil {
			return fmt.Errorf("close conflict: %w", err)
		}
		if err := tx.put(conflictBucket, idKey(c.ID), raw); err != nil {
			return err
		}
	}
	return nil
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
