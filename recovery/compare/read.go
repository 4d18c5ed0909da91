package compare

import (
	"context"

	"duet/store"
	"duet/store/index"
)

// chunk is how many records one read transaction looks at. A long one would
// keep bbolt from reusing pages, and so make the file grow.
const chunk = 2000

// Index is one node's index, read a piece at a time while others write it.
type Index struct {
	View   func(func(*store.Tx) error) error
	Owners bool // owners are compared too: both nodes record them
}

// At is the state of a node that an answer is of: the last position of its
// journal, and how far it has heard the other's.
type At struct {
	Head, Heard index.Seq
}

// Item is what a node has at one path.
type Item struct {
	Path  index.Path
	Entry *index.Entry // nil: only heard of from the other node
	Pos   index.Seq    // journal position that last carried Entry
	Next  index.Next
}

// Bytes is about how much the item takes in a message, at most 12 KiB.
func (i *Item) Bytes() int {
	e := i.Entry
	return len(i.Path) + len(e.Target) + len(e.Owner) + len(e.Group) + 22*(len(e.Version)+len(e.Over)) + 100
}

func atOf(tx *store.Tx) (At, error) {
	m, err := tx.Meta()
	return At{Head: tx.Head(), Heard: m.Heard}, err
}

// records calls f for each record of a range, in pieces of one transaction
// each, and between with the state that the piece was read in. It ends early
// when f returns false.
func (x Index) records(ctx context.Context, r Range, piece func(At) error, f func(*index.Record) (bool, error)) error {
	from, after := r.start()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var at At
		err := x.View(func(tx *store.Tx) (err error) {
			if at, err = atOf(tx); err != nil {
				return err
			}
			n := 0
			for rec, err := range tx.Range(from, after) {
				if err != nil {
					return err
				}
				if r.ends(rec.Path) {
					done = true
					return nil
				}
				more, err := f(rec)
				if err != nil {
					return err
				}
				if !more {
					done = true
					return nil
				}
				if n++; n == chunk {
					from, after = rec.Path, true
					return nil
				}
			}
			done = true
			return nil
		})
		if err == nil && piece != nil {
			err = piece(at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Digests returns the digest of each part into which the cuts divide a range,
// and the state that it begins with.
func (x Index) Digests(ctx context.Context, r Range, cuts []index.Path) ([]Digest, At, error) {
	if err := r.Check(cuts); err != nil {
		return nil, At{}, err
	}
	var first *At
	sum := newSummer(x.Owners)
	out := make([]Digest, 0, len(cuts)+1)
	err := x.records(ctx, r, func(at At) error {
		if first == nil {
			first = &at
		}
		return nil
	}, func(rec *index.Record) (bool, error) {
		for len(out) < len(cuts) && rec.Path.Compare(cuts[len(out)]) > 0 {
			out = append(out, sum.take())
		}
		if counted(rec) {
			sum.add(rec.Path, rec.Ours)
		}
		return true, nil
	})
	if err != nil {
		return nil, At{}, err
	}
	for len(out) <= len(cuts) {
		out = append(out, sum.take())
	}
	return out, *first, nil
}

// List calls f with what the node has in a range, in walk order and in pieces,
// each with the state that it was read in. The last piece may be empty.
// Tombstones are part of it; what one of the nodes ignores is not.
func (x Index) List(ctx context.Context, r Range, f func([]Item, At) error) error {
	if err := r.Check(nil); err != nil {
		return err
	}
	var items []Item
	return x.records(ctx, r, func(at At) error {
		err := f(items, at)
		items = nil
		return err
	}, func(rec *index.Record) (bool, error) {
		if rec.Ours != nil && rec.Next != index.Left {
			items = append(items, itemOf(rec))
		}
		return true, nil
	})
}

func itemOf(r *index.Record) Item { return Item{Path: r.Path, Entry: r.Ours, Pos: r.Pos, Next: r.Next} }

// block is a part of a range, as the node that cuts it knows it.
type block struct {
	Range
	digest Digest
	weight int // records, of whatever kind
}

// Bounds of one cut.
const (
	maxCuts     = 1023      // so that one message has all the digests
	maxCutBytes = 256 << 10 // of paths, well below the size of a message
	minBlock    = 512       // records
)

// cut divides a range into blocks of this many records. The last one may have
// more.
func (x Index) cut(ctx context.Context, r Range, size int) (blocks []block, at At, err error) {
	sum := newSummer(x.Owners)
	b := block{Range: r}
	var last index.Path
	bytes, first := 0, true
	err = x.records(ctx, r, func(now At) error {
		if first {
			at, first = now, false
		}
		return nil
	}, func(rec *index.Record) (bool, error) {
		if b.weight >= size && len(blocks) < maxCuts && bytes+len(last) <= maxCutBytes {
			b.Through, b.digest = last, sum.take()
			blocks = append(blocks, b)
			bytes += len(last)
			b = block{Range: Range{Under: r.Under, After: last, Through: r.Through}}
		}
		last = rec.Path
		b.weight++
		if counted(rec) {
			sum.add(rec.Path, rec.Ours)
		}
		return true, nil
	})
	b.digest = sum.take()
	return append(blocks, b), at, err
}

// few reads all that a list of a range has here, and what was only heard of, in
// one transaction. ok is false if there are more than most records.
func (x Index) few(r Range, most int) (items []Item, at At, ok bool, err error) {
	err = x.View(func(tx *store.Tx) (err error) {
		items, ok = nil, false
		if at, err = atOf(tx); err != nil {
			return err
		}
		n := 0
		for rec, err := range tx.Range(r.start()) {
			switch {
			case err != nil:
				return err
			case r.ends(rec.Path):
				ok = true
				return nil
			case n == most:
				return nil
			}
			if n++; rec.Next != index.Left {
				items = append(items, itemOf(rec))
			}
		}
		ok = true
		return nil
	})
	return items, at, ok, err
}

// get reads one path again.
func (x Index) get(p index.Path) (item *Item, at At, err error) {
	err = x.View(func(tx *store.Tx) error {
		if at, err = atOf(tx); err != nil {
			return err
		}
		rec, err := tx.Get(p)
		if rec != nil && rec.Next != index.Left {
			i := itemOf(rec)
			item = &i
		}
		return err
	})
	return item, at, err
}
