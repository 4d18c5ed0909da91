package expiry

import (
	"fmt"
	"time"

	"duet/store"
	"duet/store/index"
)

// Journal says how much of a share's journal is kept. Events that say how
// something came to be what it is now stay in any case. The zero Journal keeps
// everything.
type Journal struct {
	Age  time.Duration // 0: off
	Size int64         // bytes; 0: off
}

// Bounds of one step through the journal.
const (
	looked = 20_000   // positions looked at
	redone = 200 * 16 // positions written anew
)

// rest is how long a journal is left alone after all of it was looked at.
const rest = time.Hour

// Trimmer drops old events, a small step at a time. Step is called in the
// share's writer lane.
type Trimmer struct {
	Store  *store.Store
	Limits Journal

	at    index.Seq // positions up to here were looked at
	until time.Time // nothing to do before then
}

// Step looks at a part of the journal and drops what may go. more says that
// the next part can follow at once.
func (t *Trimmer) Step(now time.Time) (more bool, err error) {
	if left := t.until.Sub(now); t.Limits == (Journal{}) || 0 < left && left <= rest { // more: the clock was set back
		return false, nil
	}
	l := store.JournalLimits{Bytes: t.Limits.Size}
	if t.Limits.Age > 0 {
		l.Before = now.Add(-t.Limits.Age).UnixNano()
	}
	var p store.Pruning
	err = t.Store.View(func(tx *store.Tx) (err error) {
		p, err = tx.PruneJournal(t.at, l, looked, true)
		return err
	})
	if err == nil && p.Found {
		err = t.Store.Update(func(tx *store.Tx) (err error) {
			p, err = tx.PruneJournal(p.Upto, l, redone, false)
			return err
		})
	}
	if err != nil {
		return false, fmt.Errorf("prune the journal: %w", err)
	}
	if t.at = p.Upto; p.Done {
		t.at, t.until = 0, now.Add(rest)
	}
	return !p.Done, nil
}
