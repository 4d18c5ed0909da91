package store

import (
	"fmt"
	"iter"

	"duet/store/index"
)

// EventsSince yields, newest first, those of the journal's events back to the
// first that is older than since, ns since 1970, that want picks. All others are
// only glanced at: of a minute in which a tree was filled, hardly any is wanted.
func (tx *Tx) EventsSince(since int64, want func(index.Glance) bool) iter.Seq2[index.Event, error] {
	return func(yield func(index.Event, error) bool) {
		if err := tx.flushEvents(); err != nil {
			yield(index.Event{}, err)
			return
		}
		var group []index.StoredEvent // that the one before was in
		c := tx.bucket(journalBucket).Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			pos, ok := parsePos(k)
			g, fine := index.GlanceEvent(v)
			if !ok || !fine {
				yield(index.Event{}, tx.damaged(fmt.Errorf("the journal has key %x, with an event that cannot be read", k)))
				return
			}
			if g.Time < since {
				return
			}
			if !want(g) {
				continue
			}
			var err error
			if len(group) == 0 || group[0].Pos > pos {
				if group, err = tx.group(pos); err != nil {
					yield(index.Event{}, err)
					return
				}
			}
			for len(group) > 0 && group[len(group)-1].Pos > pos {
				group = group[:len(group)-1]
			}
			if len(group) == 0 || group[len(group)-1].Pos != pos {
				yield(index.Event{}, tx.damaged(fmt.Errorf("the journal has no position %d", pos)))
				return
			}
			if !yield(tx.fillEvent(group[len(group)-1])) {
				return
			}
		}
	}
}

// LastSince returns the position of the last event behind one that want picks, 0 if
// there is none.
func (tx *Tx) LastSince(from index.Seq, want func(index.Glance) bool) (index.Seq, error) {
	if err := tx.flushEvents(); err != nil {
		return 0, err
	}
	c := tx.bucket(journalBucket).Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		pos, ok := parsePos(k)
		g, fine := index.GlanceEvent(v)
		switch {
		case !ok || !fine:
			return 0, tx.damaged(fmt.Errorf("the journal has key %x, with an event that cannot be read", k))
		case pos <= from:
			return 0, nil
		case want(g):
			return pos, nil
		}
	}
	return 0, nil
}
