package looks

import (
	"time"

	"duet/store/index"
)

// Burst tells when what somebody does to the tree has come to its end for now, so
// that the peer, who has to count a mass deletion whole before it does any of it,
// need not guess from how long it hears nothing. The zero Burst is of a tree in
// which nothing has happened.
type Burst struct {
	last    time.Time     // that something happened
	gap     time.Duration // the longest time between two things of this burst
	through index.Seq     // where the journal ended when deletes were last written down
	told    index.Seq     // what of that the peer knows to be all
}

// How long nothing must have happened. It is what Rounds has as its own guess, but
// for its least: this node hears of everything at once, not in batches over a link.
const (
	quietLeast = 25 * time.Millisecond
	quietMost  = 2 * time.Second
	quietGaps  = 3 // times the longest gap of the burst
)

// Stir notes that something happened.
func (b *Burst) Stir(now time.Time) {
	if since := now.Sub(b.last); since < quietMost {
		b.gap = max(b.gap, since)
	} else {
		b.gap = 0
	}
	b.last = now
}

// Deleted notes that deletes of this node's own are in the journal, up to there.
func (b *Burst) Deleted(through index.Seq) { b.through = max(b.through, through) }

// Forget has the peer told again: it is another session.
func (b *Burst) Forget() { b.told = 0 }

// Owed returns up to where the journal has deletes that the peer does not know to
// be all there are, and when it may be told; 0 if there are none.
func (b *Burst) Owed() (index.Seq, time.Time) {
	if b.through <= b.told {
		return 0, time.Time{}
	}
	return b.through, b.last.Add(min(max(quietGaps*b.gap, quietLeast), quietMost))
}

// Told notes that the peer was told.
func (b *Burst) Told(through index.Seq) { b.told = max(b.told, through) }
