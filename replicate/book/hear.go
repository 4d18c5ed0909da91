package book

import (
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// Heard is what became of what the peer said.
type Heard struct {
	Through index.Seq
	Acked   index.Seq    // how far the peer's acknowledgement has been dealt with
	Agreed  []index.Path // paths that the peer is known to have as we do
	Noted   bool         // our journal has grown
}

// Hear commits what the peer said of its index, with the position up to which
// we have heard it and the one up to which it heard us, and decides each path.
func (b *Book) Hear(msgs []*wire.Changes, acked index.Seq, now int64, hold bool) (Heard, error) {
	var out Heard
	err := b.Store.Update(func(tx *store.Tx) error {
		out = Heard{}
		w, err := b.begin(tx, index.ByPeer, now)
		if err != nil {
			return err
		}
		w.hold = hold
		head := tx.Head()
		if err := w.ack(acked); err != nil {
			return err
		}
		for _, m := range msgs {
			if m.Through < w.meta.Heard {
				return wire.Impossible("peer's journal runs backwards: position %d after %d", m.Through, w.meta.Heard)
			}
			for i := range m.Changes {
				if err := w.change(&m.Changes[i], &out); err != nil {
					return err
				}
			}
			w.heard(m)
		}
		out.Through, out.Acked, out.Noted = w.meta.Heard, w.meta.Acked, tx.Head() != head
		return tx.PutMeta(w.meta)
	})
	return out, err
}

// heard takes note of how far the peer's journal has been heard with m. What comes ahead
// of its turn moves nothing: all before it is still to be heard, and the peer drops no
// tombstone for it. But that it was heard at all must not be forgotten: if the
// peer's index is put back to before it, that is how it shows.
func (w *writing) heard(m *wire.Changes) {
	if !m.Ahead {
		w.meta.Heard, w.meta.PeerRun = m.Through, m.Run
	} else if last := m.Changes[len(m.Changes)-1].Pos; last > w.meta.Ahead {
		w.meta.Ahead, w.meta.AheadRun = last, m.Run
	}
	if w.meta.Ahead <= w.meta.Heard {
		w.meta.Ahead, w.meta.AheadRun = 0, 0
	}
}

// change commits one change of the peer's.
func (w *writing) change(c *wire.Change, out *Heard) error {
	if c.Pos <= w.meta.Heard {
		return wire.Impossible("peer sent journal position %d after %d", c.Pos, w.meta.Heard)
	}
	if c.Agreed != 0 {
		return w.confirmed(c, out)
	}
	seen := max(c.Entry.Version.At(w.meta.Epoch), c.Entry.Over.At(w.meta.Epoch))
	if head := w.tx.Head(); seen > head {
		return wire.Impossible("peer claims an edit of ours to %v at position %d, our journal ends at %d", c.Path, seen, head)
	}
	r, err := w.tx.Get(c.Path)
	if err != nil {
		return err
	}
	if r == nil {
		r = &index.Record{Path: c.Path}
	}
	if c.Pos < r.Heard {
		return wire.Impossible("peer sent %v of journal position %d after %d", c.Path, c.Pos, r.Heard)
	}
	if err := w.overtaken(r, c.Entry); err != nil {
		return err
	}
	r.Theirs, r.Heard, r.Noticed = c.Entry, c.Pos, c.Noticed
	if err := w.settle(r); err != nil {
		return err
	}
	if r.Agreed() {
		out.Agreed = append(out.Agreed, c.Path)
	}
	return w.forget(r)
}

// confirmed marks that the peer has what we had at our position c.Agreed. If
// we have moved on since, the peer will hear of that, and this says nothing.
func (w *writing) confirmed(c *wire.Change, out *Heard) error {
	if head := w.tx.Head(); c.Agreed > head {
		return wire.Impossible("peer confirms position %d, our journal ends at %d", c.Agreed, head)
	}
	r, err := w.tx.At(c.Agreed)
	if err != nil || r == nil {
		return err
	}
	if c.Pos < r.Heard {
		return wire.Impossible("peer confirms %v at journal position %d after %d", r.Path, c.Pos, r.Heard)
	}
	r.Theirs, r.Heard = r.Ours, c.Pos
	w.agree(r)
	out.Agreed = append(out.Agreed, r.Path)
	if w.forgettable(r) {
		return w.tx.Delete(r.Path)
	}
	return w.tx.Put(r)
}

// forget drops a tombstone that has served.
func (w *writing) forget(r *index.Record) error {
	if !w.forgettable(r) {
		return nil
	}
	return w.tx.Delete(r.Path)
}

// What one transaction deals with of an acknowledgement. A peer may first
// acknowledge nothing for long, and then a million tombstones at once; what a
// transaction changes is in memory until it ends.
const (
	ackLooks = 20_000          // records
	ackDrops = wire.MaxChanges // of them dropped
)

// ack takes note of how far the peer has heard us, and drops the tombstones
// that waited for that: as many as a transaction should.
func (w *writing) ack(through index.Seq) error {
	if head := w.tx.Head(); through > head {
		return wire.Impossible("peer acknowledges position %d, our journal ends at %d", through, head)
	}
	if through <= w.meta.Acked {
		return nil
	}
	counts, err := w.tx.Counts()
	if err != nil {
		return err
	}
	from, upto := w.meta.Acked, through
	w.meta.Acked = through
	var served []index.Path
	looked := 0
	for r, err := range w.tx.Since(from) {
		if err != nil {
			return err
		}
		if r.Pos > through || counts.Tombstones == 0 {
			break
		}
		if looked++; looked > ackLooks || len(served) == ackDrops {
			upto = r.Pos - 1
			break
		}
		if w.forgettable(r) {
			served = append(served, r.Path)
		}
	}
	w.meta.Acked = upto
	for _, p := range served {
		if err := w.tx.Delete(p); err != nil {
			return err
		}
	}
	return w.tx.PutMeta(w.meta)
}
