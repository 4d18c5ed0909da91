package store

import (
	"bytes"
	"fmt"
	"iter"

	"duet/store/index"
)

// Get returns the record of p, nil if there is none.
func (tx *Tx) Get(p index.Path) (*index.Record, error) {
	if p == index.Root {
		return nil, nil
	}
	raw := tx.bucket(recordBucket).Get(p.Key())
	if raw == nil {
		tx.last = lastRead{known: true, path: p}
		return nil, nil
	}
	r, err := tx.decodeRecord(p, raw)
	if err == nil && tx.bolt.Writable() {
		was := *r // the caller changes r, though nobody changes an entry
		tx.last = lastRead{known: true, path: p, was: &was}
	}
	return r, err
}

// lastRead is the record that a transaction has read last, as the index has it. Who
// puts one back or drops it has mostly just read it, and to find and read it again
// is a third of what that takes.
type lastRead struct {
	known bool
	path  index.Path
	was   *index.Record // nil: there is none
}

// present returns the record that the index has for p, to be replaced or dropped.
func (tx *Tx) present(p index.Path) (*index.Record, error) {
	if p == index.Root {
		return nil, nil
	}
	if tx.last.known && tx.last.path == p {
		return tx.last.was, nil
	}
	raw := tx.bucket(recordBucket).Get(p.Key())
	if raw == nil {
		return nil, nil
	}
	return tx.decodeRecord(p, raw)
}

func (tx *Tx) decodeRecord(p index.Path, raw []byte) (*index.Record, error) {
	r, err := index.UnmarshalRecord(p, raw, tx.classes.get)
	if err != nil {
		return nil, tx.damaged(err)
	}
	return r, nil
}

// Put writes r, in place of what the index has for its path. The event at
// r.Pos is to be noted in the same transaction, before or after.
func (tx *Tx) Put(r *index.Record) error {
	old, err := tx.present(r.Path)
	if err != nil {
		return err
	}
	if r.Agreed() {
		r.Noticed = index.Sighting{} // an event has it, if it was not seen here first
	}
	if err := r.Check(); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := tx.moveOn(old, r); err != nil {
		return err
	}
	return tx.replace(old, r)
}

// replace writes r where old was, which may be nil; the journal is left alone.
func (tx *Tx) replace(old, r *index.Record) error {
	class, err := tx.classOf(r)
	if err != nil {
		return err
	}
	raw, err := index.MarshalRecord(r, class)
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if tx.added++; old != nil {
		tx.added -= 2
	}
	key := r.Path.Key()
	if err := tx.put(recordBucket, key, raw); err != nil {
		return err
	}
	return tx.follow(key, old, r)
}

// Delete drops the record of p, if there is one.
func (tx *Tx) Delete(p index.Path) error {
	old, err := tx.present(p)
	if err != nil || old == nil {
		return err
	}
	if err := tx.moveOn(old, nil); err != nil {
		return err
	}
	key := p.Key()
	if err := tx.drop(recordBucket, key); err != nil {
		return err
	}
	return tx.follow(key, old, nil)
}

// follow makes the other buckets and the counts fit a record that changes from
// old to r, either of which may be nil.
func (tx *Tx) follow(key []byte, old, r *index.Record) error {
	tx.last = lastRead{} // the index says something else from here on
	if err := tx.followTodo(key, old != nil && old.Next == index.Take, r != nil && r.Next == index.Take); err != nil {
		return err
	}
	if err := tx.member(heldBucket, key, old != nil && old.Next == index.Held, r != nil && r.Next == index.Held); err != nil {
		return err
	}
	if err := tx.followContent(contentKey(old), contentKey(r)); err != nil {
		return err
	}
	if err := tx.review(old, r); err != nil {
		return err
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	counts.addRecord(old, -1)
	counts.addRecord(r, 1)
	return nil
}

// Range yields the records from one path on, in walk order; with after, not
// that path's own. Root is the beginning. Records may be changed meanwhile.
func (tx *Tx) Range(from index.Path, after bool) iter.Seq2[*index.Record, error] {
	start := from.Key()
	return func(yield func(*index.Record, error) bool) {
		for k, v := range tx.ascend(recordBucket, start) {
			if after && bytes.Equal(k, start) {
				continue
			}
			if !tx.yieldRecord(k, v, yield) {
				return
			}
		}
	}
}

// Under yields the records strictly below dir, in walk order.
func (tx *Tx) Under(dir index.Path) iter.Seq2[*index.Record, error] {
	if dir == index.Root {
		return tx.Range(index.Root, false)
	}
	prefix := append(dir.Key(), 0)
	return func(yield func(*index.Record, error) bool) {
		for k, v := range tx.ascend(recordBucket, prefix) {
			if !bytes.HasPrefix(k, prefix) || !tx.yieldRecord(k, v, yield) {
				return
			}
		}
	}
}

// LiveUnder yields what is here strictly below dir, as the index knows it, in walk
// order, and of which kind it is. It reads no more of a record than that takes.
func (tx *Tx) LiveUnder(dir index.Path) iter.Seq2[Live, error] {
	prefix := append(dir.Key(), 0)
	return func(yield func(Live, error) bool) {
		for k, v := range tx.ascend(recordBucket, prefix) {
			if !bytes.HasPrefix(k, prefix) {
				return
			}
			p, err := tx.parsePathKey(k)
			kind, ok := index.LiveKindIn(v)
			if err == nil && !ok {
				var r *index.Record
				if r, err = tx.decodeRecord(p, v); err == nil {
					kind = r.Ours.LiveKind()
				}
			}
			if (err != nil || kind != 0) && !yield(Live{p, kind}, err) {
				return
			}
		}
	}
}

// Live is what is here at a path.
type Live struct {
	Path index.Path
	Kind index.Kind
}

// yieldRecord passes on what a cursor found. A record that cannot be read is an
// error in its place, and does not end the iteration.
func (tx *Tx) yieldRecord(k, v []byte, yield func(*index.Record, error) bool) bool {
	p, err := tx.parsePathKey(k)
	if err != nil {
		return yield(nil, err)
	}
	return yield(tx.decodeRecord(p, v))
}
