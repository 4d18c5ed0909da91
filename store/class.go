package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"duet/store/index"
)

// maxClasses bounds the classes of an index, which are kept in memory. It is
// far beyond what owners, modes and epochs make on real hosts; a record that
// finds no room among them is written in full.
const maxClasses = 4096

// classes are those of one state of the index; they are never changed, only
// replaced.
type classes struct {
	list   []index.Class // number 1 first
	number map[index.Class]uint32
}

func (c *classes) get(n uint32) (index.Class, bool) {
	if n == 0 || int64(n) > int64(len(c.list)) {
		return index.Class{}, false
	}
	return c.list[n-1], true
}

func (tx *Tx) loadClasses() error {
	if tx.bolt.Bucket(classBucket) == nil {
		return nil // an older format; look or migrate says more
	}
	loaded := &classes{number: make(map[index.Class]uint32)}
	for k, v := range tx.ascend(classBucket, nil) {
		c, err := index.UnmarshalClass(v)
		if err != nil {
			return tx.damaged(err)
		}
		loaded.list = append(loaded.list, c)
		n := uint32(len(loaded.list))
		if len(k) != 4 || binary.BigEndian.Uint32(k) != n {
			return tx.damaged(fmt.Errorf("class %d has key %x", n, k))
		}
		loaded.number[c] = n
	}
	tx.classes = loaded
	tx.store.classes.Store(loaded)
	return nil
}

// classOf returns the number of r's class, after writing a new one if need be;
// 0 if r has none.
func (tx *Tx) classOf(r *index.Record) (uint32, error) {
	c, ok := index.ClassOf(r)
	if !ok {
		return 0, nil
	}
	if n, ok := tx.classes.number[c]; ok {
		return n, nil
	}
	if len(tx.classes.list) == maxClasses {
		return 0, nil
	}
	raw, err := index.MarshalClass(c)
	if err != nil {
		return 0, err
	}
	n := uint32(len(tx.classes.list) + 1)
	if err := tx.put(classBucket, binary.BigEndian.AppendUint32(nil, n), raw); err != nil {
		return 0, err
	}
	next := &classes{list: append(slices.Clip(tx.classes.list), c), number: maps.Clone(tx.classes.number)}
	if next.number == nil {
		next.number = make(map[index.Class]uint32)
	}
	next.number[c] = n
	tx.classes = next
	return n, nil
}
