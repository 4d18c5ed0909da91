package store

import (
	"fmt"
	"time"

	"duet/store/index"
)

// reset is a change of all records that takes several transactions. Meta says
// that one was begun and how far it has come; Open goes on with it.
type reset uint8

const (
	noReset reset = iota
	newEpoch
	forgetPeer
	forgetAll
)

// resetChunk is how many records one transaction of a reset changes, and resetMost
// how many it looks at.
const (
	resetChunk = 2000
	resetMost  = 100 * resetChunk
)

// NewEpoch begins a new life of the index, after it was lost or rolled back:
// the peer cannot trust what it remembers of the positions. What is here stays,
// as own edits of the new epoch; tombstones and all that is known of the peer
// are dropped, so that the two sides become a union.
//
// Records keep their positions, which are those of the same things in the same
// order, and the journal goes on upwards. One event, with Root as its path,
// marks the place. The new epoch is greater than the old one and than above,
// the one that the peer remembers, whatever the clock says.
//
// A crash in between leaves a mark, and the next Open goes on from there. No
// session may run meanwhile.
func (s *Store) NewEpoch(now time.Time, above index.Epoch) (index.Epoch, error) {
	if err := s.resumeReset(); err != nil {
		return 0, err
	}
	var epoch index.Epoch
	err := s.Update(func(tx *Tx) (err error) {
		epoch, err = tx.newLife(now, above, newEpoch)
		return err
	})
	if err != nil {
		return 0, err
	}
	return epoch, s.resumeReset()
}

// ForgetAll begins a new life of the index in which nothing is known of any
// path: what is not in the tree was never there, as after the index was lost.
// The journal goes on, and so do the kept versions. It may be interrupted like
// NewEpoch.
func (s *Store) ForgetAll(now time.Time) error {
	if err := s.resumeReset(); err != nil {
		return err
	}
	err := s.Update(func(tx *Tx) error {
		_, err := tx.newLife(now, 0, forgetAll)
		return err
	})
	if err != nil {
		return err
	}
	return s.resumeReset()
}

// newLife begins a new epoch, with a reset of a kind.
func (tx *Tx) newLife(now time.Time, above index.Epoch, kind reset) (index.Epoch, error) {
	old, err := tx.loadMeta()
	if err != nil {
		return 0, err
	}
	v := *old
	if err := tx.beginEpoch(&v, now, above); err != nil {
		return 0, err
	}
	v.reset = kind
	return v.Epoch, tx.putMeta(&v)
}

// ForgetPeer drops all that is known of the peer's index, because the peer has
// a new epoch, and notes that epoch. What is here stays, tombstones too. It may
// be interrupted like NewEpoch.
func (s *Store) ForgetPeer(peer index.NodeID, epoch index.Epoch) error {
	if err := s.resumeReset(); err != nil {
		return err
	}
	err := s.Update(func(tx *Tx) error {
		old, err := tx.loadMeta()
		if err != nil {
			return err
		}
		v := *old
		if v.PeerEpoch != 0 {
			v.Rules = index.Hash{} // what was agreed has to be settled by them
		}
		v.Peer = peer
		v.unhear(epoch)
		v.Approved, v.Leaves = "", nil
		v.reset, v.resetAfter = forgetPeer, index.Root
		if err := tx.dropHeldConflicts(); err != nil {
			return err
		}
		return tx.putMeta(&v)
	})
	if err != nil {
		return err
	}
	return s.resumeReset()
}

// unhear forgets what was heard of the peer's journal, of which nothing is known in
// that epoch.
func (v *metaValue) unhear(epoch index.Epoch) {
	v.PeerEpoch, v.PeerRun, v.Heard, v.Ahead, v.AheadRun, v.Acked = epoch, 0, 0, 0, 0, 0
}

// beginEpoch gives v a new epoch and marks the reset as begun.
func (tx *Tx) beginEpoch(v *metaValue, now time.Time, above index.Epoch) error {
	was := v.Epoch
	v.Epoch = makeEpoch(now, tx.store.options.Random())
	if floor := max(was, above); v.Epoch <= floor {
		// Two in one second, or a clock that was put back: epochs still grow.
		v.Epoch = floor + 1 + index.Epoch(tx.store.options.Random()&0xffff)
	}
	v.unhear(0)
	v.Approved, v.Leaves, v.Rules = "", nil, index.Hash{}
	v.reset, v.resetAfter = newEpoch, index.Root
	if err := tx.dropHeldConflicts(); err != nil {
		return err
	}
	_, err := tx.Note(index.Event{
		What: index.Forgotten, How: index.ByRecovery, Node: v.Node, Time: now.UnixNano(),
		Note: fmt.Sprintf("epoch %v after %v", v.Epoch, was),
	})
	return err
}

// makeEpoch puts the time first, so that versions, which drop their lowest
// epoch when they are full, drop the oldest.
func makeEpoch(now time.Time, random uint64) index.Epoch {
	return index.Epoch(uint64(now.Unix())<<32 | random&(1<<32-1))
}

// resumeReset goes on with a reset to its end, if one was begun.
func (s *Store) resumeReset() error {
	for done := false; !done; {
		begun := false
		err := s.View(func(tx *Tx) error {
			v, err := tx.loadMeta()
			if err == nil {
				begun = v.reset != noReset
			}
			return err
		})
		if err != nil || !begun {
			return err
		}
		err = s.Update(func(tx *Tx) error {
			done, err = tx.resetSome()
			return err
		})
		if err != nil {
			return fmt.Errorf("reset index: %w", err)
		}
	}
	return nil
}

// resetSome does one chunk of the reset, and reports whether it was the last.
func (tx *Tx) resetSome() (done bool, err error) {
	old, err := tx.loadMeta()
	if err != nil {
		return false, err
	}
	v := *old
	changed, seen := 0, 0
	for r, err := range tx.Range(v.resetAfter, v.resetAfter != index.Root) {
		if err != nil {
			return false, err
		}
		if !alreadyReset(r, &v) {
			changed++
			if err := tx.resetRecord(r, &v); err != nil {
				return false, err
			}
		}
		v.resetAfter = r.Path
		if seen++; changed == resetChunk || seen == resetMost {
			return false, tx.putMeta(&v)
		}
	}
	v.reset, v.resetAfter = noReset, index.Root
	return true, tx.putMeta(&v)
}

// alreadyReset reports whether a reset would leave r as it is. At the first
// meeting of two nodes that is so for all that the first scan found.
func alreadyReset(r *index.Record, v *metaValue) bool {
	return v.reset == forgetPeer && r.Ours != nil && r.Base == nil && r.Theirs == nil && r.Heard == 0 &&
		r.Noticed == (index.Sighting{}) && (r.Next == index.Wait || r.Next == index.Left)
}

func (tx *Tx) resetRecord(r *index.Record, v *metaValue) error {
	if r.Ours == nil || v.reset == forgetAll || v.reset == newEpoch && !r.Ours.Live() {
		return tx.Delete(r.Path)
	}
	next := *r
	next.Base, next.Theirs, next.Heard, next.Noticed = nil, nil, 0, index.Sighting{}
	if r.Next != index.Left {
		next.Next = index.Wait
	}
	if v.reset == newEpoch {
		ours := *r.Ours
		ours.Version = index.Version{{Epoch: v.Epoch, Seq: r.Pos}}
		ours.Over, ours.Rescued, ours.Settled = nil, false, nil // versions of the old epoch, that nobody compares any more
		next.Ours = &ours
	}
	// Its event keeps the entry in the record: written out a million times,
	// entries with dead versions would help nobody.
	return tx.replace(r, &next)
}
