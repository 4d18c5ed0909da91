package store

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"duet/store/index"
)

// Todo yields the records whose Next is Take, in walk order, from one path on.
func (tx *Tx) Todo(from index.Path) iter.Seq2[*index.Record, error] {
	return tx.records(tx.staying(tx.ascend(todoBucket, from.Key())))
}

// TodoBack yields the records whose Next is Take, in reverse walk order, from
// one path down; Root is the end.
func (tx *Tx) TodoBack(from index.Path) iter.Seq2[*index.Record, error] {
	var seek []byte
	if from != index.Root {
		seek = from.Key()
	}
	return tx.records(tx.staying(tx.descend(todoBucket, seek)))
}

// TodoPaths yields the paths of Todo from Root on, or back, those of TodoBack.
func (tx *Tx) TodoPaths(back bool) iter.Seq2[index.Path, error] {
	keys := tx.ascend(todoBucket, nil)
	if back {
		keys = tx.descend(todoBucket, nil)
	}
	return func(yield func(index.Path, error) bool) {
		for k := range tx.staying(keys) {
			if !yield(tx.parsePathKey(k)) {
				return
			}
		}
	}
}

// Held yields the records whose Next is Held, in walk order.
func (tx *Tx) Held() iter.Seq2[*index.Record, error] {
	return tx.records(tx.ascend(heldBucket, nil))
}

// records yields the records of the paths in a set.
func (tx *Tx) records(keys iter.Seq2[[]byte, []byte]) iter.Seq2[*index.Record, error] {
	return func(yield func(*index.Record, error) bool) {
		for k := range keys {
			v := tx.bucket(recordBucket).Get(k)
			if v == nil {
				if !yield(nil, tx.damaged(fmt.Errorf("a listed path %q has no record", k))) {
					return
				}
				continue
			}
			if !tx.yieldRecord(k, v, yield) {
				return
			}
		}
	}
}

// followTodo makes key be listed, or not. What leaves the list stays in the
// bucket until the transaction commits, see descend.
func (tx *Tx) followTodo(key []byte, was, is bool) error {
	switch {
	case is && tx.leaving[string(key)]:
		delete(tx.leaving, string(key))
	case is && !was:
		return tx.put(todoBucket, key, nil)
	case was && !is:
		if tx.leaving == nil {
			tx.leaving = make(map[string]bool)
		}
		tx.leaving[string(key)] = true
	}
	return nil
}

// staying leaves out the keys that are to be dropped.
func (tx *Tx) staying(keys iter.Seq2[[]byte, []byte]) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		for k, v := range keys {
			if !tx.leaving[string(k)] && !yield(k, v) {
				return
			}
		}
	}
}

func (tx *Tx) flushTodo() error {
	for _, key := range slices.Sorted(maps.Keys(tx.leaving)) {
		if err := tx.drop(todoBucket, []byte(key)); err != nil {
			return err
		}
	}
	tx.leaving = nil
	return nil
}
