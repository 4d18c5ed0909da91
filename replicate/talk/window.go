package talk

import (
	"sync/atomic"
	"time"

	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// window bounds the contents that were told along with changes and that the peer
// has not taken yet. The peer keeps only so many of them until it gets to
// them: what does not fit it drops, and fetches later, so that it crosses
// twice. In a first sync of a million files that was all but the first.
//
// What the peer agrees on tells how far it has come: it works through what it
// has heard in about the order in which it heard it.
type window struct {
	most  int64         // in the peer's reckoning, see cost
	few   index.Seq     // so much of the journal is told without a wait
	taken atomic.Uint64 // our greatest position that the peer has said to agree on; Read writes it

	stands atomic.Bool // Feed waits for more to be taken

	// The rest is Feed's.
	out    int64
	sent   []sentAlong // oldest first
	seen   index.Seq   // taken when room was last asked for
	begun  bool        // looked is known
	looked index.Seq   // up to here the journal was looked through for what does not wait
	urgent index.Seq   // the last of that
	at     uint64      // taken when Feed began to wait
	since  time.Time   // and when that was; zero: it does not
}

// sentAlong is what went along in one message.
type sentAlong struct {
	through index.Seq
	cost    int64
}

// maxAlong is well below what the peer keeps.
const maxAlong = 24 << 20

// fewAhead is how much of the journal the peer may hear of before it gets to it: it
// takes no harm from that yet, and nobody waits for the other.
const fewAhead = 4 * wire.MaxChanges

// worthWaiting is the largest content that waits for room. To ask for a larger one
// costs little beside its bytes, and more of them are then on their way.
const worthWaiting = 4 << 10

// patience is how long nothing is told because nothing is taken.
const patience = 2 * time.Second

// tells returns up to where the journal behind from is told whether or not there is room for
// the contents that go along. What a scan found waits for room: a peer that hears
// of a million files long before it gets to them has to ask for each content,
// writes each record twice while others push it out of the caches, and would hold
// all of them up for the sake of none. Whatever else happens is told at once, and
// what was found before it with it; and so is all, while the peer takes nothing,
// which may wait for what it does not know of yet.
func (w *window) tells(tx *store.Tx, from index.Seq, now time.Time) (index.Seq, error) {
	if taken := w.taken.Load(); taken != w.at || w.since.IsZero() {
		w.at, w.since = taken, now
	}
	if now.Sub(w.since) >= patience || tx.Head() <= from+w.few {
		return tx.Head(), nil
	}
	if !w.begun { // what was there before the peer is told as it came
		w.begun, w.looked = true, tx.Head()
	}
	last, err := tx.LastSince(w.looked, func(g index.Glance) bool { return g.How != index.ByScan && g.How != index.ByRescan })
	w.looked, w.urgent = tx.Head(), max(w.urgent, last)
	return w.urgent, err
}

// waits takes note of whether Feed waits for room, and reports whether there is some
// already.
func (w *window) waits(it bool) (more bool) {
	w.stands.Store(it)
	if !it && time.Since(w.since) < patience {
		w.since = time.Time{}
	}
	return it && index.Seq(w.taken.Load()) != w.seen
}

// over tells when Feed has waited for long enough; nil: it does not wait.
func (w *window) over() <-chan time.Time {
	if !w.stands.Load() {
		return nil
	}
	return time.After(time.Until(w.since.Add(patience)))
}

// cost is what a content takes up at the peer until that gets to it.
func cost(p index.Path, size int64) int64 { return size + int64(len(p)) + 256 }

// heard takes note of how far the peer has come, and reports whether Feed waits for
// that.
func (w *window) heard(m *wire.Changes) bool {
	before := w.taken.Load()
	for i := range m.Changes {
		if pos := uint64(m.Changes[i].Agreed); pos > w.taken.Load() {
			w.taken.Store(pos)
		}
	}
	return w.taken.Load() != before && w.stands.Load()
}

// room is how much more may go along.
func (w *window) room() int64 {
	taken := index.Seq(w.taken.Load())
	w.seen = taken
	for len(w.sent) > 0 && w.sent[0].through <= taken {
		w.out -= w.sent[0].cost
		w.sent = w.sent[1:]
	}
	return w.most - w.out
}

// told notes what went along in a message.
func (w *window) told(through index.Seq, cost int64) {
	if cost > 0 {
		w.out += cost
		w.sent = append(w.sent, sentAlong{through, cost})
	}
}
