package landing

import (
	"errors"
	"fmt"

	"duet/store"
	"duet/store/index"
)

// Landing is one thing that was done to the tree and is to be written down.
type Landing struct {
	Path    index.Path
	Record  *index.Record // as it is; nil: to be read
	Intents []uint64      // to drop

	// Entry is ours from here on, Stamp what lstat says of it. With a nil
	// Entry the record keeps its own; a Stamp then replaces only the record's.
	Entry *index.Entry
	Stamp index.Stamp

	What index.What
	How  index.How
	By   index.NodeID
	From index.Path
	To   index.Path
	Rule string
	Note string

	// Said, with a nil Entry, journals the above all the same: it was an edit of
	// this node's own, which the next look finds.
	Said bool

	Out      *Displaced      // what came out of the tree; nil: nothing
	Conflict *index.Conflict // Path, Time and Kept are filled in, and Loser if it is nil
}

// Displaced is what came out of the tree.
type Displaced struct {
	Path   index.Path   // where it was; Root: the Landing's
	Held   string       // its name among the kept; "": an empty directory
	Entry  *index.Entry // what it is
	Reason index.Reason
}

// Commit writes l down and returns the id of the kept version, 0 if there is none.
func (e Env) Commit(tx *store.Tx, l *Landing) (kept uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("record %v: %w", l.Path, err)
		}
	}()
	for _, id := range l.Intents {
		if err := tx.DropIntent(id); err != nil {
			return 0, err
		}
	}
	if l.Said {
		if _, err := tx.Note(e.event(l)); err != nil {
			return 0, err
		}
	}
	if l.Entry == nil && l.Out == nil && l.Stamp == (index.Stamp{}) {
		return 0, nil
	}
	r := l.Record
	if r == nil {
		if r, err = tx.Get(l.Path); err != nil {
			return 0, err
		}
	}
	if r == nil {
		r = &index.Record{Path: l.Path}
	}
	if l.Out != nil {
		if kept, err = e.keep(tx, l); err != nil {
			return 0, err
		}
	}
	if l.Conflict != nil {
		c := *l.Conflict
		c.Path, c.Time, c.Kept = l.Path, e.Now().UnixNano(), kept
		if c.Loser == nil {
			c.Loser = r.Ours
		}
		if _, err := tx.AddConflict(c); err != nil {
			return 0, err
		}
	}
	return kept, e.become(tx, r, l)
}

func (e Env) keep(tx *store.Tx, l *Landing) (uint64, error) {
	k := index.Kept{
		Path: l.Out.Path, Entry: l.Out.Entry, Reason: l.Out.Reason,
		By: l.By, Time: e.Now().UnixNano(), Held: l.Out.Held,
	}
	if k.Path == index.Root {
		k.Path = l.Path
	}
	return tx.AddKept(k)
}

func (e Env) event(l *Landing) index.Event {
	return index.Event{
		Path: l.Path, What: l.What, How: l.How, Node: l.By, Time: e.Now().UnixNano(),
		From: l.From, To: l.To, Entry: l.Entry, Rule: l.Rule, Note: l.Note,
	}
}

// become makes l.Entry ours, and the base if the peer has the same version.
func (e Env) become(tx *store.Tx, r *index.Record, l *Landing) error {
	if l.Entry == nil {
		if l.Stamp == (index.Stamp{}) || !r.Ours.Live() {
			return nil
		}
		r.Stamp = l.Stamp
		return tx.Put(r)
	}
	if !l.Entry.Live() && l.Stamp != (index.Stamp{}) {
		return errors.New("a tombstone with a stamp")
	}
	ev := e.event(l)
	ev.SetSeen(r.SeenOf(l.Entry))
	pos, err := tx.Note(ev)
	if err != nil {
		return err
	}
	r.Ours, r.Stamp, r.Pos = l.Entry, l.Stamp, pos
	if r.Agreed() {
		r.Theirs, r.Base, r.Next = r.Ours, r.Ours, index.Nothing
	} else {
		r.Next = e.Next(r)
	}
	return tx.Put(r)
}
