package ruling

import (
	"duet/store"
	"duet/store/index"
)

// mostUndone bounds what StrikeUndone strikes. More than what goes together has not
// been left out by a process that ended: its index is of another life.
const mostUndone = 10 * ChunkPaths

// StrikeUndone forgets what was written down of the last order and then not done, as
// the process ended in between: to take it back would be to undo what somebody has
// done since. Call it after a replay, before anything else is written.
func StrikeUndone(st *store.Store) error {
	var last uint64
	var undone []index.Path
	err := st.View(func(tx *store.Tx) error {
		for r, err := range tx.Rulings() {
			if err != nil {
				return err
			}
			last = r.ID
		}
		if last == 0 {
			return nil
		}
		for r, err := range tx.RuledBy(last, index.Root) {
			if err != nil {
				return err
			}
			now, err := tx.Get(r.Path)
			if err != nil {
				return err
			}
			if !carriedOut(now, &r) {
				undone = append(undone, r.Path)
			}
			if len(undone) > mostUndone {
				undone = nil
				return nil
			}
		}
		return nil
	})
	if err != nil || len(undone) == 0 {
		return err
	}
	return st.Update(func(tx *store.Tx) error {
		for _, p := range undone {
			if err := tx.DropRuled(last, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// carriedOut reports whether a path has come to what an order made of it, or further.
func carriedOut(now *index.Record, r *index.Ruled) bool {
	if now == nil || now.Ours == nil {
		return r.Gone // and is forgotten by now
	}
	return seen(now.Ours.Version, r.After)
}
