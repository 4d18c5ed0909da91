package rounds

import (
	"time"

	"duet/store"
	"duet/store/index"
)

// approvedNote is how the journal says that a person has approved a removal.
const approvedNote = "approved"

// recalled is into how many parts Recall divides the window: what is in one counts
// as if it had happened at its end.
const recalled = 60

// Recall counts, from the journal, the removals that were done within the window
// before this process began: a restart, or a crash, is no way around max_delete.
// What a crash interrupted and the replay has finished counts, too, approved or
// not. clock is now by the clock that the journal has its times from.
func (r *Rounds) Recall(tx *store.Tx, clock, now time.Time) error {
	span := r.Window
	if span <= 0 {
		span = time.Minute
	}
	c, err := tx.Counts()
	if err != nil {
		return err
	}
	var parts [recalled + 1][]int64
	for e, err := range tx.EventsSince(clock.Add(-span).UnixNano(), r.removals(c.Tombstones > 0)) {
		if err != nil {
			return err
		}
		if !r.removal(&e) {
			continue
		}
		age := clock.Sub(time.Unix(0, e.Time))
		part := int(max(age, 0) * recalled / span)
		if parts[part] == nil {
			parts[part] = make([]int64, len(r.Bounds))
		}
		for i, b := range r.Bounds {
			if b.Holds(e.Path) {
				parts[part][i]++
			}
		}
	}
	for part := recalled; part >= 0; part-- {
		for i, n := range parts[part] {
			if n > 0 {
				r.deleted[i].Add(n, now.Add(-time.Duration(part)*span/recalled))
			}
		}
	}
	return nil
}

// removals picks what may be a removal. The entry of most events is their path's
// record, which nobody reads to see that it is no tombstone if there is none.
func (r *Rounds) removals(tombstones bool) func(index.Glance) bool {
	return func(g index.Glance) bool {
		return g.What == index.Adopted && (g.Origin || g.Node == r.Book.Policy.Peer) && !g.Moved && (tombstones || !g.InRecord)
	}
}

// removal reports whether an event is a removal that counts: the peer's, not
// approved, and no end of a rename.
func (r *Rounds) removal(e *index.Event) bool {
	return e.What == index.Adopted && e.Node == r.Book.Policy.Peer && e.Entry != nil && !e.Entry.Live() &&
		e.To == index.Root && e.Note != approvedNote
}
