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

// PositionsSince yields, oldest first, the positions behind one of the journal's events
// that want picks.
func (tx *Tx) PositionsSince(from index.Seq, want func(index.Glance) bool) iter.Seq2[index.Seq, error] {
	return func(yield func(index.Seq, error) bool) {
		if err := tx.flushEvents(); err != nil {
			yield(0, err)
			return
		}
		c := tx.bucket(journalBucket).Cursor()
		for k, v := c.Seek(journalKey(from + 1)); k != nil; k, v = c.Next() {
			pos, ok := parsePos(k)
			g, fine := index.GlanceEvent(v)
			if !ok || !fine {
				yield(0, tx.damaged(fmt.Errorf("the journal has key %x, with an event that cannot be read", k)))
				return
			}
			if want(g) && !yield(pos, nil) {
				return
			}
		}
	}
}
