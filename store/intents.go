package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"duet/store/index"
)

func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// parseID reads a key of one of the buckets with numbered values.
func (tx *Tx) parseID(bucket, k []byte) (uint64, error) {
	if len(k) != 8 {
		return 0, tx.damaged(fmt.Errorf("%s has key %x", bucket, k))
	}
	return binary.BigEndian.Uint64(k), nil
}

// pathKey has the path's key first, then two bytes that no path's key has side
// by side, so that what a bucket has of one path lies together, oldest first.
func pathKey(p index.Path, id uint64) []byte {
	return binary.BigEndian.AppendUint64(pathPrefix(p), id)
}

func pathPrefix(p index.Path) []byte { return append(p.Key(), 0, 0) }

// idsOf yields the numbers that a bucket of pathKeys has for one path.
func (tx *Tx) idsOf(bucket []byte, p index.Path) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		prefix := pathPrefix(p)
		for k := range tx.ascend(bucket, prefix) {
			if len(k) != len(prefix)+8 || !bytes.HasPrefix(k, prefix) {
				return
			}
			if !yield(binary.BigEndian.Uint64(k[len(prefix):])) {
				return
			}
		}
	}
}

// add writes raw under the next number of a bucket.
func (tx *Tx) add(bucket, raw []byte) (uint64, error) {
	id, err := tx.bucket(bucket).NextSequence()
	if err != nil {
		return 0, fmt.Errorf("index %s: %s: %w", tx.store.path, bucket, err)
	}
	return id, tx.put(bucket, idKey(id), raw)
}

// AddIntent writes down what is about to be done, and returns its number.
// i.ID is not looked at.
func (tx *Tx) AddIntent(i index.Intent) (uint64, error) {
	raw, err := index.MarshalIntent(&i)
	if err != nil {
		return 0, fmt.Errorf("add intent: %w", err)
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return 0, err
	}
	counts.Intents++
	return tx.add(intentBucket, raw)
}

// Intents returns all intents, oldest first. There are never more than one
// batch of them.
func (tx *Tx) Intents() ([]index.Intent, error) {
	var out []index.Intent
	for k, v := range tx.ascend(intentBucket, nil) {
		id, err := tx.parseID(intentBucket, k)
		if err != nil {
			return nil, err
		}
		i, err := index.UnmarshalIntent(id, v)
		if err != nil {
			return nil, tx.damaged(err)
		}
		out = append(out, i)
	}
	return out, nil
}

// DropIntent forgets an intent, if there is one of that number.
func (tx *Tx) DropIntent(id uint64) error {
	if tx.bucket(intentBucket).Get(idKey(id)) == nil {
		return nil
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	counts.Intents--
	return tx.drop(intentBucket, idKey(id))
}
