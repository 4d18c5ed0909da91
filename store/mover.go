package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"duet/store/index"
)

// moveChunk is how many values one transaction of a mover writes.
const moveChunk = 2000

// mover brings what a wreck has into a new index. What is listed in several
// ways is taken from where it is said first: records, journal, kept versions,
// conflicts, intents, rulings. The lists are made anew.
type mover struct {
	wreck   *wreck
	to      *Store
	dropped int // values that do not fit what else is there

	classes map[uint32]index.Class
	todo    []func(*Tx) error // what the next transaction writes

	lastPos  index.Seq // of the last event written
	lastPath index.Path
	err      error
}

func (m *mover) move() error {
	m.classes = map[uint32]index.Class{}
	m.wreck.each(classBucket, func(k, v []byte) bool {
		c, err := index.UnmarshalClass(v)
		if err != nil || len(k) != 4 {
			return false
		}
		m.classes[binary.BigEndian.Uint32(k)] = c
		return true
	}, func() {})
	m.meta()
	m.records()
	m.journal()
	m.numbered()
	return errors.Join(m.err, m.flush(), m.carry(), m.missed())
}

// missed counts what the lists name and the records lack: of what was only heard
// of from the peer nothing else tells.
func (m *mover) missed() error {
	return m.to.View(func(tx *Tx) error {
		for _, bucket := range [][]byte{todoBucket, heldBucket} {
			m.wreck.each(bucket, func(k, _ []byte) bool {
				if tx.bucket(recordBucket).Get(k) == nil {
					m.dropped++
				}
				return true
			}, func() {})
		}
		return nil
	})
}

// write has something written with the next transaction.
func (m *mover) write(f func(*Tx) error) {
	if m.todo = append(m.todo, f); len(m.todo) >= moveChunk && m.err == nil {
		m.err = m.flush()
	}
}

func (m *mover) flush() error {
	todo := m.todo
	m.todo = nil
	return m.to.Update(func(tx *Tx) error {
		for _, f := range todo {
			if err := f(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// meta takes over what the index holds besides its paths. Of another format than
// the newest it means the same: what was added since is listed anew.
func (m *mover) meta() {
	found := false
	m.wreck.each(metaBucket, func(k, v []byte) bool {
		k, v = bytes.Clone(k), bytes.Clone(v)
		switch string(k) {
		case string(countsKey):
			return true
		case string(formatKey):
			if len(v) != 4 || binary.BigEndian.Uint32(v) > newestFormat(migrations) {
				return false
			}
			return true
		case string(metaKey):
			if _, err := unmarshalMeta(v); err != nil {
				return false
			}
			found = true
		case string(ignoresKey):
			if _, err := unmarshalIgnores(v); err != nil {
				return false
			}
		case string(verifiedKeys[0]), string(verifiedKeys[1]):
			if _, err := unmarshalVerified(v); err != nil {
				return false
			}
		default:
			return true // not of this format: left behind
		}
		m.write(func(tx *Tx) error { return tx.put(metaBucket, k, v) })
		return true
	}, func() {})
	if !found {
		m.dropped++
	}
}

func (m *mover) records() {
	m.wreck.each(recordBucket, func(k, v []byte) bool {
		p, err := index.PathFromKey(k)
		if err != nil {
			return false
		}
		r, err := index.UnmarshalRecord(p, v, func(n uint32) (index.Class, bool) { c, ok := m.classes[n]; return c, ok })
		if err != nil {
			return false
		}
		m.write(func(tx *Tx) error { return tx.replace(nil, r) })
		return true
	}, func() {})
}

// journal takes over events with their positions. One leans on the path of the
// one before: behind a gap, all of a group is lost.
func (m *mover) journal() {
	var last index.Seq
	var gap bool
	var suspect index.Seq // the group that a gap reaches into; 0: none
	prev := index.Root
	m.wreck.each(journalBucket, func(k, v []byte) bool {
		pos, ok := parsePos(k)
		if !ok || pos == 0 {
			return false
		}
		if last == 0 || groupOf(pos) != groupOf(last) {
			prev = index.Root
		}
		last = pos
		if gap {
			gap, suspect = false, groupOf(pos)
			if wholePath(pos) {
				suspect = 0 // it leans on none
			}
		}
		if groupOf(pos) == suspect {
			m.dropped++
			return true
		}
		s, err := index.UnmarshalEvent(pos, bytes.Clone(v), prev)
		if err != nil {
			return false
		}
		prev = s.Path
		m.write(func(tx *Tx) error { return m.event(tx, s) })
		return true
	}, func() { gap = true })
}

// event writes one event. Its entry may be in a record that was lost.
func (m *mover) event(tx *Tx, s index.StoredEvent) error {
	r, err := tx.Get(s.Path)
	if err != nil {
		return err
	}
	pointed := r != nil && r.Pos == s.Pos
	if s.InRecord && !pointed {
		m.dropped++
		return nil
	}
	e := s.Event
	if s.InRecord {
		if e, err = s.Fill(r.Ours); err != nil {
			m.dropped++
			return nil
		}
	}
	prev := m.lastPath
	if m.lastPos == 0 || groupOf(m.lastPos) != groupOf(e.Pos) {
		prev = index.Root
	}
	raw, err := index.MarshalEvent(&e, prev, pointed && carries(&e, r))
	if err != nil {
		m.dropped++
		return nil
	}
	if err := tx.putEvent(e.Pos, raw, 0); err != nil {
		return err
	}
	m.lastPos, m.lastPath = e.Pos, e.Path
	return tx.mentionEvent(&e, pointed)
}

// numbered takes over what has numbers, which go on from where they were.
func (m *mover) numbered() {
	numbers := func(bucket []byte, put func(id uint64, v []byte) func(*Tx) error) {
		sequence := m.wreck.buckets[string(bucket)].sequence
		m.wreck.each(bucket, func(k, v []byte) bool {
			if len(k) != 8 {
				return false
			}
			id := binary.BigEndian.Uint64(k)
			f := put(id, bytes.Clone(v))
			if f == nil {
				return false
			}
			sequence = max(sequence, id)
			m.write(f)
			return true
		}, func() {})
		m.write(func(tx *Tx) error { return tx.bucket(bucket).SetSequence(sequence) })
	}
	numbers(intentBucket, func(id uint64, v []byte) func(*Tx) error {
		if _, err := index.UnmarshalIntent(id, v); err != nil {
			return nil
		}
		return func(tx *Tx) error { return tx.count(intentBucket, id, v, func(c *Counts) { c.Intents++ }) }
	})
	numbers(keptBucket, func(id uint64, v []byte) func(*Tx) error {
		k, err := index.UnmarshalKept(id, v)
		if err != nil {
			return nil
		}
		return func(tx *Tx) error { return tx.moveKept(&k, v) }
	})
	numbers(conflictBucket, func(id uint64, v []byte) func(*Tx) error {
		c, err := index.UnmarshalConflict(id, v)
		if err != nil {
			return nil
		}
		return func(tx *Tx) error {
			if kept := tx.bucket(keptBucket); kept.Sequence() < c.Kept {
				if err := kept.SetSequence(c.Kept); err != nil {
					return err
				}
			}
			return errors.Join(tx.countConflict(&c, 1), tx.put(disputeBucket, pathKey(c.Path, id), nil), tx.put(conflictBucket, idKey(id), v))
		}
	})
	numbers(rulingBucket, func(id uint64, v []byte) func(*Tx) error {
		if _, err := index.UnmarshalRuling(id, v); err != nil {
			return nil
		}
		return func(tx *Tx) error { return tx.put(rulingBucket, idKey(id), v) }
	})
	m.wreck.each(ruledBucket, func(k, v []byte) bool {
		k, v = bytes.Clone(k), bytes.Clone(v)
		m.write(func(tx *Tx) error { return tx.put(ruledBucket, k, v) })
		return len(k) > 8
	}, func() {})
}

func (tx *Tx) count(bucket []byte, id uint64, v []byte, add func(*Counts)) error {
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	add(counts)
	return tx.put(bucket, idKey(id), v)
}

// moveKept writes a kept version under the number that it has.
func (tx *Tx) moveKept(k *index.Kept, v []byte) error {
	err := tx.put(keptPathBucket, pathKey(k.Path, k.ID), nil)
	if err == nil {
		err = tx.member(keptHashBucket, keptHashKey(k, k.ID), false, hashed(k))
	}
	if err != nil {
		return err
	}
	return tx.count(keptBucket, k.ID, v, func(c *Counts) { c.addKept(k, 1) })
}

// carry gives every record that lost its event a new one, without which the peer
// would never hear of it.
func (m *mover) carry() error {
	var bare []*index.Record
	err := m.to.View(func(tx *Tx) error {
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			if r.Ours == nil {
				continue
			}
			found, path, _, err := tx.seekPaths(r.Pos)
			if err != nil {
				return err
			}
			if !found || path != r.Path {
				bare = append(bare, r)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.dropped += len(bare)
	for _, r := range bare {
		m.write(func(tx *Tx) error { return tx.carryAgain(r) })
	}
	return errors.Join(m.err, m.flush())
}

func (tx *Tx) carryAgain(old *index.Record) error {
	r := *old
	pos, err := tx.Note(index.Event{
		Path: r.Path, What: index.Forgotten, How: index.ByRecovery, Time: tx.store.options.Now().UnixNano(),
		Entry: r.Ours, Note: "how it came to be was lost with a part of the index",
	})
	if err != nil {
		return err
	}
	r.Pos = pos
	return tx.Put(&r)
}

// forgetRest drops what means nothing without all of what was lost: the orders
// that could be taken back, and the marks of processes at positions that are not
// there any more. Conflicts are as open as their paths say.
func (tx *Tx) forgetRest() error {
	for _, bucket := range [][]byte{rulingBucket, ruledBucket} {
		for k := range tx.ascend(bucket, nil) {
			if err := tx.drop(bucket, bytes.Clone(k)); err != nil {
				return err
			}
		}
	}
	old, err := tx.loadMeta()
	if err != nil {
		return err
	}
	v := *old
	v.Runs = slices.DeleteFunc(slices.Clone(v.Runs), func(r index.Run) bool { return r.From > tx.Head() })
	v.Acked = min(v.Acked, tx.Head())
	return tx.putMeta(&v)
}

// distrust makes the index take no file for what it says before it was read: a
// stamp that matches nothing. What is known of the other side, and what was
// under way, is left to the new epoch and to the replay.
func (s *Store) distrust() error {
	after := index.Root
	for {
		n := 0
		err := s.Update(func(tx *Tx) error {
			for r, err := range tx.Range(after, after != index.Root) {
				if err != nil {
					return err
				}
				after = r.Path
				if n++; n > moveChunk {
					return nil
				}
				if r.Stamp == (index.Stamp{}) {
					continue
				}
				next := *r
				next.Stamp = index.Stamp{}
				if err := tx.replace(r, &next); err != nil {
					return fmt.Errorf("distrust %v: %w", r.Path, err)
				}
			}
			return nil
		})
		if err != nil || n <= moveChunk {
			return err
		}
	}
}
