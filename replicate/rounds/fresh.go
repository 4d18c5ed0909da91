package rounds

import (
	"fmt"

	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// fresh is something that a person there has just saved. It goes ahead of what a
// scan found, of which there may be a million: nobody waits for that one by one.
type fresh struct {
	path index.Path
	pos  index.Seq // of the peer's journal
}

// maxFresh bounds what goes ahead. What is more has the order of the walk.
const maxFresh = 256

// hasten remembers what has just been saved there, as m says.
func (r *Rounds) hasten(m *wire.Changes) {
	saved := m.Saves()
	if len(r.fresh)+len(saved) > maxFresh {
		return
	}
	for _, c := range saved {
		r.fresh = append(r.fresh, fresh{c.Path, c.Pos})
	}
}

// Ahead makes a batch of what goes ahead of all else, nil if there is nothing that
// can be done now, or nothing else is on its way. There is room for it beside the
// others. The walk goes on where it was.
func (r *Rounds) Ahead(m Moment) (*Batch, error) {
	if len(r.fresh) == 0 || r.batches == 0 || r.batches > maxBatches {
		return nil, nil
	}
	k := r.picking(m, false)
	k.b.Ahead = true
	var rest []fresh
	err := r.Book.Store.View(func(tx *store.Tx) error {
		k.tx, rest = tx, rest[:0]
		for _, f := range r.fresh {
			rec, err := tx.Get(f.path)
			if err != nil {
				return err
			}
			if rec == nil || rec.Heard < f.pos {
				rest = append(rest, f) // not committed yet
				continue
			}
			if err := k.withParents(rec); err != nil {
				return err
			}
		}
		return nil
	})
	r.fresh = rest
	if err != nil {
		return nil, fmt.Errorf("look for what has just been saved: %w", err)
	}
	if len(k.b.Jobs) == 0 {
		return nil, nil // what is only to be settled the walk finds, too
	}
	return k.b, nil
}

// withParents considers a record, and before it the directories above it that
// are to be made.
func (k *picking) withParents(r *index.Record) error {
	for i, c := range []byte(r.Path) {
		if c != '/' {
			continue
		}
		dir, err := k.tx.Get(r.Path[:i])
		if err != nil {
			return err
		}
		if dir == nil || dir.Next != index.Take || k.made[dir.Path] || dir.Theirs.LiveKind() != index.Dir {
			continue
		}
		if err := k.consider(dir); err != nil {
			return err
		}
	}
	if r.Next != index.Take {
		return nil
	}
	return k.consider(r)
}
