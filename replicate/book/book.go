// Package book keeps a share's index: what it notices here and what it hears
// from the peer is written down, decided and settled, in one commit each.
//
// The record of a path has two sides, ours and theirs. Whatever changes one of
// them ends in settle, which asks package diff for the verdict and does at once
// what needs no change to the tree: two equal sides agree, a tombstone for what
// is not here is adopted, a won conflict is joined, a live thing that the peer
// deleted is revived. What does need one is left with Next == Take, for the
// share to fetch and install. So an index never holds a record that nobody has
// decided, and a crash after any commit leaves nothing to decide again.
//
// What comes in, and where it is:
//
//	an own edit, found by a scan    Record   record.go
//	what the peer said              Hear     hear.go
//	the peer's hello                Meet     meet.go
//	other ignore rules, here or on  Resettle rules.go
//	the peer
//	a path left for later           Settle   settle.go
//
// A Book knows no loop, no session and no clock but the one it is given, and
// touches no file of the tree. Its writing methods belong in the writer lane of
// a share, one at a time; the others may be called from anywhere.
package book

import (
	"sync/atomic"
	"time"

	"duet/diff"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// Book is the index of a share, with the rules by which it is kept.
type Book struct {
	Store  *store.Store
	Policy diff.Policy
	Rules  *scan.Rules // what this node ignores
	Ignore []string    // the same, as it is written
	Now    func() time.Time

	Undone Undone // what an install put back as it was

	peerRules atomic.Pointer[scan.Rules] // what the peer ignores, as last heard; written in the writer lane
	reserves  atomic.Pointer[Reserves]   // what people have left out of a plan; written by the loop
}

// Decide is diff.Decide with this share's policy.
func (b *Book) Decide(r *index.Record) diff.Verdict { return diff.Decide(r.Ours, r.Theirs, b.Policy) }

// Ignores reports whether r is to be left alone, because its path is ignored
// here or on the peer, or is Duet's own, such as a holding area in the root.
func (b *Book) Ignores(r *index.Record) bool {
	dir := r.Ours.LiveKind() == index.Dir || r.Theirs.LiveKind() == index.Dir
	return b.Rules.Ignored(r.Path, dir) || b.peerRules.Load().Ignored(r.Path, dir)
}

// Next says who has to move on r, as settle would.
func (b *Book) Next(r *index.Record) index.Next {
	n := diff.Next(b.Decide(r))
	if n != index.Nothing && b.Ignores(r) {
		return index.Left
	}
	return n
}

// Doomed reports whether what is live here is to be deleted.
func (b *Book) Doomed(r *index.Record) bool { return b.Decide(r).Removes() && !b.Ignores(r) }

// Movable reports whether what is live here is to be deleted, and may be moved
// away instead: the loser of a conflict is kept as such, and what a person has left
// out of a plan stays.
func (b *Book) Movable(r *index.Record) bool {
	v := b.Decide(r)
	return b.Doomed(r) && !v.Conflict && !b.Reserved(r, v)
}

// Get returns the record of a path, nil if there is none.
func (b *Book) Get(p index.Path) (r *index.Record, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		r, err = tx.Get(p)
		return err
	})
	return r, err
}

// Lookup is scan.Lookup.
func (b *Book) Lookup(from, under index.Path, n int) (rs []index.Sealed, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		rs, err = tx.Portion(from, under, n)
		return err
	})
	return rs, err
}

// Head is the last position of the journal.
func (b *Book) Head() (head index.Seq, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		head = tx.Head()
		return nil
	})
	return head, err
}

// Counts counts what is in the index.
func (b *Book) Counts() (c store.Counts, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		c, err = tx.Counts()
		return err
	})
	return c, err
}

// Amend changes what the index says of itself.
func (b *Book) Amend(change func(*store.Meta)) error {
	return b.Store.Update(func(tx *store.Tx) error { return amend(tx, change) })
}

func amend(tx *store.Tx, change func(*store.Meta)) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	change(&m)
	return tx.PutMeta(m)
}

// Journal writes down a decision about the whole share: see index.What.OfShare.
func (b *Book) Journal(what index.What, how index.How, by index.NodeID, note string) error {
	return b.Store.Update(func(tx *store.Tx) error { return b.ofShare(tx, what, how, by, note) })
}

func (b *Book) ofShare(tx *store.Tx, what index.What, how index.How, by index.NodeID, note string) error {
	_, err := tx.Note(index.Event{What: what, How: how, Node: by, Time: b.Now().UnixNano(), Note: note})
	return err
}

// Order is Amend because a person said so, which the journal then says too.
func (b *Book) Order(what index.What, note string, change func(*store.Meta)) error {
	return b.Store.Update(func(tx *store.Tx) error {
		if err := amend(tx, change); err != nil {
			return err
		}
		return b.ofShare(tx, what, index.ByUser, b.Policy.Self, note)
	})
}
