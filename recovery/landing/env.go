// Package landing writes down what has been done to a tree: it is what an
// install does after its verbs, and what a replay does after a crash, so that
// both end in the same index.
//
// Things in the stage have names that say what may be done with them.
// Everything there was made by Duet as a copy of something, with one
// exception: after a swap, the staged name holds what was in the tree. Only
// names made by OutName are ever swapped, so all other names in the stage are
// copies and may be removed; what has an OutName is removed only when it is
// proved to be a copy.
package landing

import (
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// Env is what the share knows and installing needs. The funcs may be called
// inside a transaction: they must not use the store.
type Env struct {
	Now  func() time.Time
	Node index.NodeID // this node, whose edit a raced save is

	// Meta is the metadata to set for want; was is the record before, with
	// no Ours if the path is new.
	Meta func(want *index.Entry, was *index.Record) vfs.Meta
	// Next says who has to move after r.Ours was installed. Not called when
	// both sides then have the same version.
	Next func(r *index.Record) index.Next
	// Doomed returns the tombstone that ours becomes if the live r is to be
	// deleted, nil if it is to stay.
	Doomed func(r *index.Record) *index.Entry
}

func (e Env) doomed(r *index.Record) *index.Entry {
	if e.Doomed == nil {
		return nil
	}
	return e.Doomed(r)
}
