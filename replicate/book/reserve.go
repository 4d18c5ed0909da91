package book

import (
	"duet/diff"
	"duet/store"
	"duet/store/index"
)

// Reserves are what people on either node have left out of a plan.
type Reserves []*index.Reserve

// Reserve says what is left out from here on. Call it from the loop; what was
// decided before is not touched.
func (b *Book) Reserve(all ...*index.Reserve) {
	var in Reserves
	for _, s := range all {
		if !s.Empty() {
			in = append(in, s)
		}
	}
	b.reserves.Store(&in)
}

// Reserves returns what is left out now.
func (b *Book) Reserves() Reserves {
	if in := b.reserves.Load(); in != nil {
		return *in
	}
	return nil
}

// Holds reports whether what is to be done at p waits, see index.Reserve.
func (rs Reserves) Holds(p index.Path, removal, conflict bool) bool {
	for _, s := range rs {
		if s.Holds(p, removal, conflict) {
			return true
		}
	}
	return false
}

// skips reports whether p is left out by its name: then nothing makes it needed.
func (rs Reserves) skips(p index.Path) bool {
	for _, s := range rs {
		if s.Skips(p) {
			return true
		}
	}
	return false
}

// Chosen reports whether a person has chosen the other side's state knowing this
// one: then no rule holds it back.
func Chosen(this, other *index.Entry) bool {
	return this != nil && other != nil && other.Settled.Covers(this.Version)
}

// Reserved reports whether v, the verdict on r, waits because a person has left
// it out of a plan. A directory is made all the same where something in it does
// not wait: see Needed.
func (b *Book) Reserved(r *index.Record, v diff.Verdict) bool {
	chosen := Chosen(r.Ours, r.Theirs)
	return b.Reserves().Holds(r.Path, v.Removes() && !chosen, v.Conflict && !chosen)
}

// Postponed reports whether not even the index may be changed by v, because a
// person has left r out of a plan. That a directory stays alive may be said: what
// follows on the peer is for the peer to leave out, or not, if something in it is
// selected.
func (b *Book) Postponed(r *index.Record, v diff.Verdict) bool {
	if v.Act == diff.Revive && r.Ours.LiveKind() == index.Dir && !b.Reserves().skips(r.Path) {
		return false
	}
	return b.Reserved(r, v)
}

// Needed reports whether the directory that r is to become is needed although it
// is left out, because something below it is to be placed.
func (b *Book) Needed(tx *store.Tx, r *index.Record, v diff.Verdict) (bool, error) {
	if v.Entry.LiveKind() != index.Dir || r.Ours.Live() || v.Conflict || b.Reserves().skips(r.Path) {
		return false, nil
	}
	for c, err := range tx.Under(r.Path) {
		if err != nil {
			return false, err
		}
		if c.Next != index.Take {
			continue
		}
		cv := b.Decide(c)
		if (cv.Act == diff.Take || cv.Act == diff.TakeOver) && cv.Entry.Live() && !b.Reserved(c, cv) {
			return true, nil
		}
	}
	return false, nil
}

// LeftOut is what a person on this node has left out of a plan, as it is written
// down.
func (b *Book) LeftOut() (own *index.Reserve, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		own = m.Reserve
		return err
	})
	return own, err
}
