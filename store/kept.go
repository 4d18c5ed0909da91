package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"duet/store/index"
)

// AddKept writes down that something was displaced, and returns its number.
// k.ID is not looked at.
func (tx *Tx) AddKept(k index.Kept) (uint64, error) {
	raw, err := index.MarshalKept(&k)
	if err != nil {
		return 0, fmt.Errorf("add kept version: %w", err)
	}
	id, err := tx.add(keptBucket, raw)
	if err != nil {
		return 0, err
	}
	if err := tx.member(keptHashBucket, keptHashKey(&k, id), false, hashed(&k)); err != nil {
		return 0, err
	}
	if err := tx.put(keptPathBucket, pathKey(k.Path, id), nil); err != nil {
		return 0, err
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return 0, err
	}
	counts.addKept(&k, 1)
	return id, nil
}

// hashed reports whether k can be found by its content.
func hashed(k *index.Kept) bool {
	return k.Held != "" && k.Entry != nil && k.Entry.Kind == index.File && !k.Entry.Hash.IsZero()
}

func keptHashKey(k *index.Kept, id uint64) []byte {
	if !hashed(k) {
		return nil
	}
	return binary.BigEndian.AppendUint64(bytes.Clone(k.Entry.Hash[:]), id)
}

// GetKept returns a kept version, nil if there is none of that number.
func (tx *Tx) GetKept(id uint64) (*index.Kept, error) {
	raw := tx.bucket(keptBucket).Get(idKey(id))
	if raw == nil {
		return nil, nil
	}
	k, err := index.UnmarshalKept(id, raw)
	if err != nil {
		return nil, tx.damaged(err)
	}
	return &k, nil
}

// DropKept forgets a kept version, if there is one of that number.
func (tx *Tx) DropKept(id uint64) error {
	k, err := tx.GetKept(id)
	if err != nil || k == nil {
		return err
	}
	if err := tx.member(keptHashBucket, keptHashKey(k, id), hashed(k), false); err != nil {
		return err
	}
	if err := tx.drop(keptPathBucket, pathKey(k.Path, id)); err != nil {
		return err
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	counts.addKept(k, -1)
	return tx.drop(keptBucket, idKey(id))
}

// AllKept yields the kept versions by number, which is oldest first.
func (tx *Tx) AllKept() iter.Seq2[index.Kept, error] { return tx.KeptFrom(0) }

// KeptFrom is AllKept from one number on.
func (tx *Tx) KeptFrom(id uint64) iter.Seq2[index.Kept, error] {
	return tx.keptAmong(tx.ascend(keptBucket, idKey(id)))
}

// KeptNames yields the names in the holding area that kept versions have; of an
// empty directory, which needs none, "".
func (tx *Tx) KeptNames() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, v := range tx.ascend(keptBucket, nil) {
			name, ok := index.KeptHeld(v)
			if !ok {
				id, err := tx.parseID(keptBucket, key)
				if err == nil {
					_, err = index.UnmarshalKept(id, v)
				}
				if err == nil {
					err = errors.New("a kept version whose name cannot be read")
				}
				yield("", tx.damaged(err))
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// KeptBack is AllKept from the newest to the oldest; it is only for a View.
func (tx *Tx) KeptBack() iter.Seq2[index.Kept, error] {
	return tx.keptAmong(tx.descend(keptBucket, nil))
}

func (tx *Tx) keptAmong(values iter.Seq2[[]byte, []byte]) iter.Seq2[index.Kept, error] {
	return func(yield func(index.Kept, error) bool) {
		for key, v := range values {
			id, err := tx.parseID(keptBucket, key)
			var k index.Kept
			if err == nil {
				if k, err = index.UnmarshalKept(id, v); err != nil {
					err = tx.damaged(err)
				}
			}
			if !yield(k, err) {
				return
			}
		}
	}
}

// KeptOf yields the numbers of the kept versions of one path, oldest first.
func (tx *Tx) KeptOf(p index.Path) iter.Seq[uint64] { return tx.idsOf(keptPathBucket, p) }

// KeptByHash returns the oldest kept version with this content, nil if there
// is none.
func (tx *Tx) KeptByHash(h index.Hash) (*index.Kept, error) {
	for k := range tx.ascend(keptHashBucket, h[:]) {
		if len(k) != len(h)+8 || !bytes.HasPrefix(k, h[:]) {
			break
		}
		return tx.GetKept(binary.BigEndian.Uint64(k[len(h):]))
	}
	return nil, nil
}
