package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"duet/store/index"
)

// An event concerns its path, and those that it was moved from and to. Each of
// them has a key in the mention bucket; only the path itself has none while its
// record points at the event.

func mentionKey(p index.Path, pos index.Seq) []byte { return pathKey(p, uint64(pos)) }

// mentionPos is the position in a key, 0 if it is none.
func mentionPos(k []byte) index.Seq {
	i := bytes.Index(k, []byte{0, 0})
	if i < 0 || len(k) != i+2+8 {
		return 0
	}
	return index.Seq(binary.BigEndian.Uint64(k[i+2:]))
}

// mentioned are the paths under which an event has keys; pointed says that its
// path's record points at it.
func mentioned(e *index.Event, pointed bool) []index.Path {
	var out []index.Path
	if !pointed {
		out = append(out, e.Path)
	}
	for _, p := range []index.Path{e.From, e.To} {
		if p != index.Root && p != e.Path && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (tx *Tx) mentionEvent(e *index.Event, pointed bool) error {
	for _, p := range mentioned(e, pointed) {
		if err := tx.mentionNew(p, e.Pos); err != nil {
			return err
		}
	}
	return nil
}

// forgetEvent drops the keys of an event that is about to be dropped, and that
// no record points at.
func (tx *Tx) forgetEvent(e *index.Event) error {
	for _, p := range mentioned(e, false) {
		if err := tx.unmention(p, e.Pos); err != nil {
			return err
		}
	}
	return nil
}

// mentionNew adds a key that is not there: of an event that nobody could mention
// before, or of the one that its path's record points at until now.
func (tx *Tx) mentionNew(p index.Path, pos index.Seq) error {
	key := mentionKey(p, pos)
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	counts.EventBytes += int64(len(key))
	return tx.put(mentionBucket, key, nil)
}

func (tx *Tx) unmention(p index.Path, pos index.Seq) error {
	key := mentionKey(p, pos)
	if tx.bucket(mentionBucket).Get(key) == nil {
		return nil
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	counts.EventBytes -= int64(len(key))
	return tx.drop(mentionBucket, key)
}

// History yields the events that concern p, newest first: those of p itself,
// and those by which something was moved from or to it. It reads no others.
func (tx *Tx) History(p index.Path) iter.Seq2[index.Event, error] {
	return func(yield func(index.Event, error) bool) {
		if err := tx.flushEvents(); err != nil {
			yield(index.Event{}, err)
			return
		}
		r, err := tx.Get(p)
		if err != nil {
			yield(index.Event{}, err)
			return
		}
		var at []index.Seq
		for pos := range tx.idsOf(mentionBucket, p) {
			at = append(at, index.Seq(pos))
		}
		if r != nil && r.Pos > 0 {
			at = append(at, r.Pos) // nothing newer is of p, but it may have been moved from since
			slices.Sort(at)
		}
		for _, pos := range slices.Backward(at) {
			if !tx.yieldEvent(pos, yield) {
				return
			}
		}
	}
}

func (tx *Tx) yieldEvent(pos index.Seq, yield func(index.Event, error) bool) bool {
	s, err := tx.storedEvent(pos)
	if err != nil {
		return yield(index.Event{}, err)
	}
	return yield(tx.fillEvent(s))
}

// Event returns the event at a position, false if there is none.
func (tx *Tx) Event(pos index.Seq) (e index.Event, ok bool, err error) {
	if err := tx.flushEvents(); err != nil {
		return e, false, err
	}
	if tx.bucket(journalBucket).Get(journalKey(pos)) == nil {
		return e, false, nil
	}
	s, err := tx.storedEvent(pos)
	if err == nil {
		e, err = tx.fillEvent(s)
	}
	return e, err == nil, err
}

// PositionsUnder returns the positions of the events that concern dir and what
// is below it, newest first; false if they are mentioned more often than limit.
func (tx *Tx) PositionsUnder(dir index.Path, limit int) (all []index.Seq, ok bool, err error) {
	if err := tx.flushEvents(); err != nil {
		return nil, false, err
	}
	key := dir.Key()
	inside := func(k []byte) bool {
		return dir == index.Root || bytes.HasPrefix(k, key) && (len(k) == len(key) || k[len(key)] == 0)
	}
	for k := range tx.ascend(mentionBucket, key) {
		if !inside(k) {
			break // a NUL sorts before all that a sibling's name may go on with
		}
		if all = append(all, mentionPos(k)); len(all) > limit {
			return nil, false, nil
		}
	}
	for k, v := range tx.ascend(recordBucket, key) {
		if !inside(k) {
			break
		}
		pos, err := index.RecordPos(v)
		if err != nil {
			return nil, false, tx.damaged(fmt.Errorf("read record %q: %w", k, err))
		}
		if pos > 0 {
			all = append(all, pos)
		}
		if len(all) > limit {
			return nil, false, nil
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all, true, nil
}

// checkMentions checks that an event can be found by every path that it
// concerns, and counts its keys.
func (c *checker) checkMentions(e *index.Event) {
	r, err := c.tx.Get(e.Path)
	if err != nil {
		return // said with the record
	}
	for _, p := range mentioned(e, r != nil && r.Pos == e.Pos) {
		key := mentionKey(p, e.Pos)
		c.mentions++
		c.counted.EventBytes += int64(len(key))
		if c.tx.bucket(mentionBucket).Get(key) == nil {
			c.fail(fmt.Errorf("event %d: cannot be found by its path %q", e.Pos, p))
		}
	}
}
