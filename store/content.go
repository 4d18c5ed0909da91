package store

import (
	"bytes"
	"encoding/binary"
	"iter"

	"duet/store/index"
)

// Files are found by their contents in two buckets of the same keys. Keys that
// begin with a hash come at random, so that in a large index nearly each of them
// would have a page of its own copied and written by the commit that adds it. A
// key is added to the recent ones, which are so few that many of a commit share a
// page. When they are too many, those of one stretch are moved, which lie together
// in the other bucket, too: see ripen.

// recentMost is how many keys the recent ones are: with a million files they have
// some six hundred pages, and a stretch of two thousand keys has three hundred in
// the other bucket. recentSlack more there may be until some are moved, so that a
// single save moves none.
const (
	recentMost  = 1 << 16
	recentSlack = 1 << 10
)

// hashBytes is how much of a hash is in a content key. Those few that share it
// are told apart by their records.
const hashBytes = 5

// contentKey returns r's content key, nil if it has none.
func contentKey(r *index.Record) []byte {
	if r == nil || r.Ours == nil || r.Ours.Kind != index.File || r.Ours.Size == 0 {
		return nil
	}
	pos := binary.BigEndian.AppendUint64(nil, uint64(r.Pos))
	return append(bytes.Clone(r.Ours.Hash[:hashBytes]), bytes.TrimLeft(pos, "\x00")...)
}

func contentPos(k []byte) index.Seq {
	var pos index.Seq
	for _, b := range k[hashBytes:] {
		pos = pos<<8 | index.Seq(b)
	}
	return pos
}

// followContent makes a record be found by is, and not by was; either may be nil.
func (tx *Tx) followContent(was, is []byte) error {
	if bytes.Equal(was, is) {
		return nil
	}
	if was != nil {
		bucket := contentBucket
		if tx.has(recentBucket, was) {
			bucket = recentBucket
			tx.recent--
		}
		if err := tx.drop(bucket, was); err != nil {
			return err
		}
	}
	if is == nil {
		return nil
	}
	tx.recent++
	return tx.put(recentBucket, is, nil)
}

// has reports whether a set has a key. Of one that this transaction has added, Get
// would give the value, which is nil.
func (tx *Tx) has(bucket, key []byte) bool {
	k, _ := tx.bucket(bucket).Cursor().Seek(key)
	return bytes.Equal(k, key)
}

// byHash yields the content keys that a hash begins.
func (tx *Tx) byHash(h index.Hash) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, bucket := range [][]byte{contentBucket, recentBucket} {
			for k := range tx.ascend(bucket, h[:hashBytes]) {
				if !bytes.HasPrefix(k, h[:hashBytes]) {
					break
				}
				if !yield(k) {
					return
				}
			}
		}
	}
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
		for k := range tx.byHash(h) {
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
	for range tx.byHash(h) {
		return true
	}
	return false
}

// ripen moves recent keys if they are too many. It is called when a transaction
// commits, since an iterator would meet what is moved twice, or never.
func (tx *Tx) ripen() error {
	counts, err := tx.loadCounts()
	if err != nil || counts.Files <= recentMost {
		tx.store.recent.Store(unknown) // and there is no need to know
		return err
	}
	n := tx.store.recent.Load()
	if n == unknown {
		n = 0
		for range tx.ascend(recentBucket, nil) {
			n++
		}
	} else {
		n += tx.recent
	}
	if n > recentMost+recentSlack {
		if err := tx.moveStretch(n - recentMost); err != nil {
			return err
		}
		n = recentMost
	}
	tx.store.recent.Store(n)
	return nil
}

// unknown is what Store.recent is until somebody has counted.
const unknown = -1

// moveStretch moves n of the recent keys, one after the other, beginning where the
// last time ended.
func (tx *Tx) moveStretch(n int64) error {
	from := tx.store.ripe.Load()
	start := binary.BigEndian.AppendUint64(nil, from)
	keys := make([][]byte, 0, n)
	for _, seek := range [][]byte{start, nil} {
		for k := range tx.ascend(recentBucket, seek) {
			if int64(len(keys)) == n || seek == nil && bytes.Compare(k, start) >= 0 {
				break
			}
			keys = append(keys, bytes.Clone(k))
		}
	}
	for _, k := range keys {
		if err := tx.drop(recentBucket, k); err != nil {
			return err
		}
		if err := tx.put(contentBucket, k, nil); err != nil {
			return err
		}
		var next [8]byte
		copy(next[:], k)
		from = binary.BigEndian.Uint64(next[:])
	}
	tx.store.ripe.Store(from)
	return nil
}
