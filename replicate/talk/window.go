package talk

import (
	"sync"
	"sync/atomic"
	"time"

	"duet/replicate/wire"
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

	mu    sync.Mutex
	saved map[index.Seq]bool // what was saved, is told, and the peer has not said that it has

	heardUs atomic.Uint64 // up to here the peer has heard us; Read writes it
	full    atomic.Bool   // Feed waits for more to be heard

	// The rest is Feed's.
	out   int64
	sent  []sentAlong // oldest first
	on    []onTheWay  // likewise
	count int         // of changes in on
	seen  index.Seq   // taken when room was last asked for
	at    uint64      // taken when Feed began to wait
	since time.Time   // and when that was; zero: it does not
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

// tells returns up to where the journal behind from is told whether or not there is room
// for the contents that go along. What a scan found waits for room: a peer that
// hears of a million files long before it gets to them has to ask for each
// content, writes each record twice while others push it out of the caches, and
// would hold all of them up for the sake of none. What is urgent is told at once,
// and what was found before it with it; and so is all, while the peer takes
// nothing, which may wait for what it does not know of yet.
func (w *window) tells(head, from, urgent index.Seq, now time.Time) index.Seq {
	if taken := w.taken.Load(); taken != w.at || w.since.IsZero() {
		w.at, w.since = taken, now
	}
	if now.Sub(w.since) >= patience || head <= from+w.few {
		return head
	}
	return urgent
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

// heard takes note of how far the peer has come with what it was told up to told in its
// turn, and reports whether Feed waits for that. What was saved goes before all else
// there, and tells nothing of how far it has come.
func (w *window) heard(m *wire.Changes, told uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.taken.Load()
	for i := range m.Changes {
		pos := uint64(m.Changes[i].Agreed)
		if pos > w.taken.Load() && pos <= told && !w.saved[index.Seq(pos)] {
			w.taken.Store(pos)
		}
		delete(w.saved, index.Seq(pos))
	}
	return w.taken.Load() != before && w.stands.Load()
}

// maxSaved bounds the saves that are remembered until the peer has them.
const maxSaved = 4096

// hastes notes what of m goes before all else at the peer.
func (w *window) hastes(m *wire.Changes) {
	saves := m.Saves()
	if len(saves) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.saved == nil || len(w.saved) > maxSaved {
		w.saved = map[index.Seq]bool{}
	}
	for _, c := range saves {
		w.saved[c.Pos] = true
	}
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

// told notes a message of n changes, and what went along in it.
func (w *window) told(through index.Seq, n int, cost int64) {
	if cost > 0 {
		w.out += cost
		w.sent = append(w.sent, sentAlong{through, cost})
	}
	w.on = append(w.on, onTheWay{through, n})
	w.count += n
}

// onTheWay is a message that the peer has not acknowledged.
type onTheWay struct {
	through index.Seq
	n       int
}

// maxOnTheWay bounds the changes that are told and not acknowledged: what is told ahead
// of its turn waits for those after all.
const maxOnTheWay = 4 * wire.MaxChanges

// deaf reports whether the peer is to hear what it was told before it is told more.
func (w *window) deaf() bool {
	for range 2 { // it may say that it has just when this is noted
		heard := index.Seq(w.heardUs.Load())
		for len(w.on) > 0 && w.on[0].through <= heard {
			w.count -= w.on[0].n
			w.on = w.on[1:]
		}
		w.full.Store(w.count >= maxOnTheWay)
		if !w.full.Load() {
			break
		}
	}
	return w.full.Load()
}

// hears takes note of how far the peer has heard us, and reports whether Feed waits
// for that.
func (w *window) hears(upto index.Seq) bool {
	w.heardUs.Store(uint64(upto))
	return w.full.Load()
}
