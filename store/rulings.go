package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"duet/store/index"
)

// AddRuling writes down that a person begins to settle conflicts, and returns
// the order's number. r.ID and r.Paths are not looked at.
func (tx *Tx) AddRuling(r index.Ruling) (uint64, error) {
	r.Paths = 0
	raw, err := index.MarshalRuling(&r)
	if err != nil {
		return 0, fmt.Errorf("add ruling: %w", err)
	}
	return tx.add(rulingBucket, raw)
}

// GetRuling returns a ruling, nil if there is none of that number.
func (tx *Tx) GetRuling(id uint64) (*index.Ruling, error) {
	raw := tx.bucket(rulingBucket).Get(idKey(id))
	if raw == nil {
		return nil, nil
	}
	r, err := index.UnmarshalRuling(id, raw)
	if err != nil {
		return nil, tx.damaged(err)
	}
	return &r, nil
}

// Rulings yields the rulings by number, which is oldest first.
func (tx *Tx) Rulings() iter.Seq2[index.Ruling, error] {
	return func(yield func(index.Ruling, error) bool) {
		for k, v := range tx.ascend(rulingBucket, nil) {
			id, err := tx.parseID(rulingBucket, k)
			var r index.Ruling
			if err == nil {
				if r, err = index.UnmarshalRuling(id, v); err != nil {
					err = tx.damaged(err)
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func ruledKey(ruling uint64, p index.Path) []byte { return append(idKey(ruling), p.Key()...) }

// PutRuled writes down what a ruling does to one path, in place of what it did
// before. The ruling has to be there.
func (tx *Tx) PutRuled(r index.Ruled) error {
	raw, err := index.MarshalRuled(&r)
	if err != nil {
		return fmt.Errorf("put ruled: %w", err)
	}
	key := ruledKey(r.Ruling, r.Path)
	if tx.bucket(ruledBucket).Get(key) == nil {
		if err := tx.countRuled(r.Ruling, 1); err != nil {
			return err
		}
	}
	return tx.put(ruledBucket, key, raw)
}

// GetRuled returns what a ruling did to a path, nil if nothing.
func (tx *Tx) GetRuled(ruling uint64, p index.Path) (*index.Ruled, error) {
	raw := tx.bucket(ruledBucket).Get(ruledKey(ruling, p))
	if raw == nil {
		return nil, nil
	}
	r, err := index.UnmarshalRuled(ruling, p, raw)
	if err != nil {
		return nil, tx.damaged(err)
	}
	return &r, nil
}

// DropRuled forgets what a ruling did to a path; with its last path the ruling
// itself goes.
func (tx *Tx) DropRuled(ruling uint64, p index.Path) error {
	key := ruledKey(ruling, p)
	if tx.bucket(ruledBucket).Get(key) == nil {
		return nil
	}
	if err := tx.drop(ruledBucket, key); err != nil {
		return err
	}
	return tx.countRuled(ruling, -1)
}

func (tx *Tx) countRuled(ruling uint64, n int) error {
	r, err := tx.GetRuling(ruling)
	if err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("there is no ruling %d", ruling)
	}
	r.Paths += uint64(n)
	if r.Paths == 0 {
		return tx.drop(rulingBucket, idKey(ruling))
	}
	raw, err := index.MarshalRuling(r)
	if err != nil {
		return err
	}
	return tx.put(rulingBucket, idKey(ruling), raw)
}

// RuledBy yields what a ruling did, in walk order, from behind one path on; Root
// is the beginning.
func (tx *Tx) RuledBy(ruling uint64, after index.Path) iter.Seq2[index.Ruled, error] {
	return func(yield func(index.Ruled, error) bool) {
		prefix := idKey(ruling)
		for k, v := range tx.ascend(ruledBucket, ruledKey(ruling, after)) {
			if !bytes.HasPrefix(k, prefix) {
				return
			}
			p, err := tx.parsePathKey(k[len(prefix):])
			if err == nil && p == after {
				continue
			}
			var r index.Ruled
			if err == nil {
				if r, err = index.UnmarshalRuled(ruling, p, v); err != nil {
					err = tx.damaged(err)
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// OldRulings returns up to most pairs of ruling and path that nobody needs any
// more, the oldest first: those of orders given before a time, and what there
// is of older orders beyond keep paths.
func (tx *Tx) OldRulings(before int64, keep uint64, most int) ([]index.Ruled, error) {
	old := make(map[uint64]bool)
	var total uint64
	var all []index.Ruling
	for r, err := range tx.Rulings() {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
		total += r.Paths
	}
	for i, r := range all {
		last := i == len(all)-1 // it may be at work
		if !last && (r.Time < before || total > keep) {
			old[r.ID] = true
			total -= r.Paths
		}
	}
	var out []index.Ruled
	for k := range tx.ascend(ruledBucket, nil) {
		if len(out) == most || len(k) < 8 {
			break
		}
		id := binary.BigEndian.Uint64(k)
		if !old[id] {
			break
		}
		p, err := tx.parsePathKey(k[8:])
		if err != nil {
			return nil, err
		}
		out = append(out, index.Ruled{Ruling: id, Path: p})
	}
	return out, nil
}
