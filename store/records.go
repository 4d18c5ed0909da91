package store

import (
	"bytes"
	"encoding/binary"
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
	old, err := tx.Get(r.Path)
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
	old, err := tx.Get(p)
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
	if err := tx.followTodo(key, old != nil && old.Next == index.Take, r != nil && r.Next == index.Take); err != nil {
		return err
	}
	if err := tx.member(heldBucket, key, old != nil && old.Next == index.Held, r != nil && r.Next == index.Held); err != nil {
		return err
	}
	was, is := contentKey(old), contentKey(r)
	if !bytes.Equal(was, is) {
		if err := tx.member(contentBucket, was, was != nil, false); err != nil {
			return err
		}
		if err := tx.member(contentBucket, is, false, is != nil); err != nil {
			return err
		}
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

// hashBytes is how much of a hash is in a content key. Those few that share it
// are told apart by their records.
const hashBytes = 5

// contentKey returns r's key in the content bucket, nil if it has none.
func contentKey(r *index.Record) []byte {
	if r == nil || r.Ours == nil || r.Ours.Kind != index.File || r.Ours.Size == 0 {
		return nil
	}
	pos := binary.BigEndian.AppendUint64(nil, uint64(r.Pos))
	return append(bytes.Clone(r.Ours.Hash[:hashBytes]), bytes.TrimLeft(pos, "\x00")...)
}

// ByHash yields the paths whose files have this content, as the index knows
// them.
func (tx *Tx) ByHash(h index.Hash, size int64) iter.Seq2[index.Path, error] {
	return tx.Twins(h, size, 0)
}

// Twins is ByHash without the file whose record is at a position of the journal: who
// has read that need not find it again.
func (tx *Tx) Twins(h index.Hash, size int64, but index.Seq) iter.Seq2[index.Path, error] {
	return func(yield func(index.Path, error) bool) {
		for k := range tx.ascend(contentBucket, h[:hashBytes]) {
			if !bytes.HasPrefix(k, h[:hashBytes]) {
				return
			}
			pos := contentPos(k)
			if pos == but {
				continue
			}
			r, err := tx.At(pos)
			if err == nil && (r == nil || r.Ours.Hash != h || r.Ours.Size != size) {
				continue
			}
			if err != nil {
				yield("", err)
				return
			}
			if !yield(r.Path, nil) {
				return
			}
		}
	}
}

// Holds reports whether some file of the index may have this content: it looks at
// a part of the hash and reads no record.
func (tx *Tx) Holds(h index.Hash) bool {
	k, _ := tx.bucket(contentBucket).Cursor().Seek(h[:hashBytes])
	return bytes.HasPrefix(k, h[:hashBytes])
}

func contentPos(k []byte) index.Seq {
	var pos index.Seq
	for _, b := range k[hashBytes:] {
		pos = pos<<8 | index.Seq(b)
	}
	return pos
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

// yieldRecord passes on what a cursor found. A record that cannot be read is an
// error in its place, and does not end the iteration.
func (tx *Tx) yieldRecord(k, v []byte, yield func(*index.Record, error) bool) bool {
	p, err := tx.parsePathKey(k)
	if err != nil {
		return yield(nil, err)
	}
	return yield(tx.decodeRecord(p, v))
}
