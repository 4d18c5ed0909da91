package talk

import (
	"sync/atomic"

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
	taken atomic.Uint64 // our greatest position that the peer has said to agree on; Read writes it

	// The rest is Feed's.
	out  int64
	sent []sentAlong // oldest first
}

// sentAlong is what went along in one message.
type sentAlong struct {
	through index.Seq
	cost    int64
}

// maxAlong is well below what the peer keeps.
const maxAlong = 24 << 20

// cost is what a content takes up at the peer until that gets to it.
func cost(p index.Path, size int64) int64 { return size + int64(len(p)) + 256 }

// heard takes note of how far the peer has come.
func (w *window) heard(m *wire.Changes) {
	for i := range m.Changes {
		if pos := uint64(m.Changes[i].Agreed); pos > w.taken.Load() {
			w.taken.Store(pos)
		}
	}
}

// room is how much more may go along.
func (w *window) room() int64 {
	taken := index.Seq(w.taken.Load())
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
