package talk

import (
	"cmp"
	"fmt"
	"slices"

	"duet/replicate/stock"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// ahead finds what is told ahead of its turn: what a person has just saved, while
// so much lies before it in the journal that it would not be on the peer in a
// second. It is told once more in its turn, so that nothing rests on this but the time
// that it takes. It is Feed's.
type ahead struct {
	behind index.Seq // so much of the journal is told first without harm, if a scan found it
	amid   index.Seq // and so much of what people do: a save is one of many then
	can    bool      // the peer knows wire.Ahead
	begun  bool      // looked is known
	looked index.Seq // up to here the journal was looked through
	urgent index.Seq // the last of what is told in its turn, but as soon as can be
}

// soonEnough is how much of what a scan found may be told before a save, with its contents,
// and amidOthers how much of what people do: each is a fraction of a second.
const (
	soonEnough = 256
	amidOthers = wire.MaxChanges
)

// Bounds of a message of what is told ahead. It makes way for one that is in turn, so
// that a storm of saves holds nothing up.
const (
	maxAhead      = 256
	maxAheadBytes = 256 << 10
	maxAbove      = 64 << 10 // of the directories above one file
)

func byScan(h index.How) bool { return h == index.ByScan || h == index.ByRescan }

// noticed picks what was not found by a scan. That it has what it told of the peer
// hears in its turn, unless that does not come.
func noticed(stands bool) func(index.Glance) bool {
	return func(g index.Glance) bool { return !byScan(g.How) && (stands || g.How != index.ByPeer) }
}

// look looks through what the journal has got since it last did, for what is not to
// wait. What can be told ahead of its turn it returns, with the directories that it is in
// and that the peer has not been told of. Anything else, such as what was deleted or
// moved, must not be told before what else happened to it: that is urgent.
// more says that it has not seen all.
func (a *ahead) look(tx *store.Tx, from index.Seq, stands bool) (out []wire.Change, more bool, err error) {
	head := tx.Head()
	if !a.begun { // what was there before the peer is told as it came
		a.begun, a.looked = true, head
	}
	if head <= from+a.behind {
		return nil, false, nil
	}
	near := from + a.behind
	if next, ok, err := tx.Event(from + 1); err != nil {
		return nil, false, err
	} else if ok && !byScan(next.How) {
		near = from + a.amid
	}
	bytes := 0
	for pos, err := range tx.PositionsSince(max(a.looked, from), noticed(stands)) {
		if err != nil {
			return nil, false, err
		}
		if len(out) >= maxAhead || bytes >= maxAheadBytes {
			more = true
			break
		}
		a.looked = pos
		if pos <= near {
			a.urgent = pos
			continue
		}
		r, err := tx.At(pos)
		if err != nil {
			return nil, false, err
		}
		if r == nil {
			continue // something else has become of it since
		}
		if a.can && r.Agreed() && r.Heard != 0 {
			out = append(out, wire.Change{Pos: r.Pos, Agreed: r.Heard})
			continue
		}
		c, err := a.save(tx, r, from)
		if err != nil {
			return nil, false, err
		}
		if len(c) == 0 {
			a.urgent = pos
			continue
		}
		for i := range c {
			bytes += size(&c[i])
		}
		out = append(out, c...)
	}
	if !more {
		a.looked = head
	}
	slices.SortFunc(out, func(a, b wire.Change) int { return cmp.Compare(a.Pos, b.Pos) })
	return slices.CompactFunc(out, func(a, b wire.Change) bool { return a.Pos == b.Pos }), more, nil
}

// save makes changes of a file that a person has saved, and of the directories above
// it that are still to be told; none, if it must not be told ahead.
func (a *ahead) save(tx *store.Tx, r *index.Record, from index.Seq) ([]wire.Change, error) {
	if !a.can || r.Next == index.Left || r.Ours.LiveKind() != index.File || !is(r.Theirs, index.File) {
		return nil, nil
	}
	seen, err := tx.Sighting(r)
	if err != nil || seen.How != index.ByWatch || seen.Other != index.Root {
		return nil, err
	}
	out := []wire.Change{{Pos: r.Pos, Path: r.Path, Entry: r.Ours, Noticed: seen}}
	above := 0
	for dir := r.Path.Parent(); dir != index.Root; dir = dir.Parent() {
		d, err := tx.Get(dir)
		if err != nil {
			return nil, err
		}
		if d == nil || d.Ours.LiveKind() != index.Dir || !is(d.Theirs, index.Dir) {
			return nil, nil
		}
		if d.Pos <= from || d.Agreed() {
			continue
		}
		c := wire.Change{Pos: d.Pos, Path: dir, Entry: d.Ours}
		if c.Noticed, err = tx.Sighting(d); err != nil || c.Noticed.Other != index.Root {
			return nil, err
		}
		if above += size(&c); above > maxAbove {
			return nil, nil
		}
		out = append(out, c)
	}
	return out, nil
}

// size is about how many bytes c takes in a message, with its content if that can go along.
func size(c *wire.Change) int {
	n := len(c.Path) + len(c.Noticed.Other) + 200
	if c.Entry != nil && goesAlong(c.Entry) {
		n += int(c.Entry.Size)
	}
	return n
}

// is reports whether e is of that kind, if there is anything.
func is(e *index.Entry, kind index.Kind) bool { return !e.Live() || e.Kind == kind }

// hurry makes a message of what goes ahead of its turn, which is behind from; nil, if
// there is none.
func (sess *Session) hurry(files vfs.Files, read *stock.Contents, from index.Seq) (*wire.Changes, error) {
	m := &wire.Changes{Through: from, Ahead: true}
	err := sess.book.Store.View(func(tx *store.Tx) (err error) {
		var more bool
		m.Changes, more, err = sess.ahead.look(tx, from, sess.window.stands.Load())
		if err != nil || len(m.Changes) == 0 {
			return err
		}
		if more {
			sess.Wake()
		}
		meta, err := tx.Meta()
		m.Head, m.Run = tx.Head(), index.RunAt(meta.Runs, m.Changes[len(m.Changes)-1].Pos)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for what is not to wait: %w", err)
	}
	if len(m.Changes) == 0 {
		return nil, nil
	}
	for i := range m.Changes {
		if c := &m.Changes[i]; c.Entry != nil && goesAlong(c.Entry) {
			sess.fill(c, files, read)
		}
	}
	return m, nil
}
