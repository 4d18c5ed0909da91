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
	var parts [recalled + 1][]int64
	for e, err := range tx.EventsBack(tx.Head()) {
		if err != nil {
			return err
		}
		age := clock.Sub(time.Unix(0, e.Time))
		if age > span {
			break
		}
		if !r.removal(&e) {
			continue
		}
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

// removal reports whether an event is a removal that counts: the peer's, not
// approved, and no end of a rename.
func (r *Rounds) removal(e *index.Event) bool {
	return e.What == index.Adopted && e.Node == r.Book.Policy.Peer && e.Entry != nil && !e.Entry.Live() &&
		e.To == index.Root && e.Note != approvedNote
}
