// Package rounds decides what a share does next to become what its peer has. It
// walks through the paths on which this node has to act, in walk order, and
// makes batches of them: contents first, found here or fetched; then links, and
// what stops being a directory; last, once all has been heard and nothing else
// is left, the removals, bottom-up.
//
// It also holds removals back: until the peer has been quiet for a moment, so
// that a mass deletion is counted as a whole, and when they are more than may
// happen without a person's approval.
//
// A Rounds belongs to the loop of its share, which asks for the next batch,
// stages it elsewhere, has the writer lane install it, and says what came of
// it. Where a path is decided by a person, or otherwise than by policy, the
// decision is made in package book; what follows from it is done here.
package rounds

import (
	"fmt"
	"log/slog"
	"time"

	"duet/recovery"
	"duet/replicate/book"
	"duet/replicate/gauge"
	"duet/replicate/install"
	"duet/replicate/report"
	"duet/replicate/room"
	"duet/replicate/stock"
	"duet/replicate/trouble"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// Bounds of what is on its way at once.
const (
	maxBatch      = 2048     // paths fetched and installed together
	maxMoves      = 8192     // paths moved, or removed, together
	maxBatchAlong = 8 << 20  // of their contents, those that came along
	maxSmall      = 32 << 20 // of these, until they are in a batch
	maxBatchBytes = 64 << 20 // contents fetched and installed together
	maxBatches    = 3        // batches on their way
	maxPassed     = 8192     // paths that are passed in one turn
	maxBehind     = 16384    // paths that the walk passes before it looks at what is behind it again
	bigFile       = 4 << 20  // a file of this size has a batch of its own
	maxBig        = 2        // of those batches

	restEach = 16 * time.Microsecond // after a walk for nothing, for each record on the way: a few times what it took
	restTold = 3                     // times as long while the peer has more to say that it has announced
	restMost = 100 * time.Millisecond
)

// Options are what a Rounds has to know of its share.
type Options struct {
	Share, Peer string // names, for people
	Book        *book.Book
	Trouble     *trouble.Paths  // paths that are left alone for now
	Bounds      recovery.Bounds // of removals that nobody approved
	Window      time.Duration   // removals within this time are counted together; 0: a minute
	Delta       int64           // contents of so many bytes are made from what is like them
	Names       uint64          // random: names in the stage of one process never meet another's
	Meta        func(want *index.Entry, was *index.Record) vfs.Meta
	Revive      func(index.Path)                // keeps a directory alive
	Spare       func([]index.Path, book.Leaves) // keeps alive what a person wants to stay
	Journal     func(what index.What, how index.How, by index.NodeID, note string)
	Log         *slog.Logger
}

// Rounds is what a share has on its way, and where its walk has come to.
type Rounds struct {
	Options

	cursor   index.Path          // the walk through what is to do goes on behind here
	walking  bool                // the walk has begun, and not come to its end
	heard    index.Seq           // Moment.Heard when it began
	drained  bool                // and Moment.Drained: what it passed was not all there is, if not
	later    bool                // the walk passed links, which come after contents
	untold   bool                // the walk passed losers that the peer has not heard of
	links    bool                // it is at links, which come after contents
	paused   bool                // it has passed enough for one turn
	missed   bool                // something may have become possible behind it since then
	kick     bool                // something may have become possible since the walk began
	passed   int                 // records that the walk came by
	fore     int                 // of these, the ones that no walk before it came by
	mark     index.Path          // up to here one did, that turned back there
	rest     time.Time           // no other walk before this
	hastened time.Time           // when a rest was last cut short
	flying   map[index.Path]bool // paths in a batch
	fetching map[index.Hash]bool // contents in a batch
	batches  int                 // staging or ready
	big      int                 // of those, the ones of a big file
	along    stock.Contents      // that came with their changes
	fresh    []fresh             // at most maxFresh
	met      met
	room     *room.Promises // of the batches on their way
	serial   uint64         // for names in the stage

	apart map[index.Path]time.Time // directories that could not be moved with all that is in them, and when

	leaves  book.Leaves    // what people said of deletes that waited
	deleted []gauge.Lately // removals done that nobody approved, for each bound
	waiting *report.Waiting
	groups  []group         // what waits
	needed  needed          // of what waits, directories that cannot go: when that was last looked at
	told    map[string]bool // ids of the last groups that were journalled
	seen    int64           // removals that waited when last counted
	grown   time.Time       // when they last were more than before
	quiet   time.Time       // removals wait until then, for more to be heard
	noisy   time.Time       // since when they have been growing

	removing time.Time // when removals that are on their way were launched
	again    time.Time // no others before this, unless those are all

	done  int64 // paths of the work since the last time in sync
	began time.Time
}

// Moment is what has to be known of a share as it is now.
type Moment struct {
	Now      time.Time
	Drained  bool      // we have heard all that the peer had to say
	Scanning bool      // what is here may not be what the index says
	Told     index.Seq // the peer has heard our journal up to here
	Heard    index.Seq // we have heard the peer's up to here
	Whole    index.Seq // up to here it has all that was deleted there, as the peer says
}

// New returns a Rounds that has nothing on its way. leaves is what was said of
// deletes already.
func New(o Options, leaves book.Leaves) *Rounds {
	r := &Rounds{Options: o, leaves: leaves}
	for range o.Bounds {
		r.deleted = append(r.deleted, gauge.Lately{Span: o.Window})
	}
	r.Reset()
	return r
}

// Reset forgets what is on its way, when a root is opened.
func (r *Rounds) Reset() {
	*r = Rounds{
		Options: r.Options, kick: true, flying: map[index.Path]bool{}, fetching: map[index.Hash]bool{},
		along:  stock.Contents{Most: maxSmall},
		leaves: r.leaves, deleted: r.deleted, room: &room.Promises{},
	}
}

// Parted forgets what only the session could bring.
func (r *Rounds) Parted() {
	r.waiting, r.seen, r.grown, r.quiet, r.noisy = nil, 0, time.Time{}, time.Time{}, time.Time{}
	r.fresh = nil
	r.Kick()
}

// Kick says that something may have become possible.
func (r *Rounds) Kick() { r.kick, r.missed = true, true }

// Paused reports whether Next has stopped on its way, with nothing found yet, so
// that others have their turn.
func (r *Rounds) Paused() bool { return r.paused }

// HeardWhole says that the peer has nothing more to delete for now: what waits for
// that is looked at without a rest, though not again and again.
func (r *Rounds) HeardWhole(now time.Time) {
	r.kick = true
	if now.Sub(r.hastened) >= restMost {
		r.hastened, r.rest = now, time.Time{}
	}
}

// Remember keeps contents that came along with changes until they are staged.
// What does not fit is fetched later.
func (r *Rounds) Remember(m *wire.Changes) {
	r.hasten(m)
	for i := range m.Changes {
		if c := &m.Changes[i]; len(c.Content) > 0 {
			r.along.Put(stock.Content{Path: c.Path, Hash: c.Entry.Hash, Bytes: c.Content})
			c.Content = nil
		}
	}
}

// Due returns when there is to be another look by time alone: at removals that
// wait for more to be heard, or because there was one just now. Zero: not.
func (r *Rounds) Due() time.Time {
	if r.kick && !r.rest.IsZero() && (r.quiet.IsZero() || r.rest.Before(r.quiet)) {
		return r.rest
	}
	return r.quiet
}

// Busy returns how many batches are on their way.
func (r *Rounds) Busy() int { return r.batches }

// Progress returns how many paths have been done since there was nothing to do,
// and when that was.
func (r *Rounds) Progress() (done int64, began time.Time) { return r.done, r.began }

// Rest begins counting for Progress anew.
func (r *Rounds) Rest() { r.done, r.began = 0, time.Time{} }

// Wake looks whether the time for something has come.
func (r *Rounds) Wake(now time.Time) {
	if !r.quiet.IsZero() && !now.Before(r.quiet) {
		r.quiet = time.Time{}
		r.Kick()
	}
	if !now.Before(r.rest) {
		r.rest = time.Time{}
	}
}

// More reports whether there is something to look for, and room to do it.
func (r *Rounds) More() bool { return r.kick && r.batches < maxBatches && r.rest.IsZero() }

// Next makes the next batch, nil if there is none to be had on the way to where
// the walk pauses. idle reports that all has been looked at and nothing is on
// its way. Call it while More.
func (r *Rounds) Next(m Moment) (b *Batch, idle bool, err error) {
	if r.turns() {
		r.walking, r.cursor, r.mark = false, index.Root, r.cursor
	}
	if !r.walking {
		r.fore = 0
		r.walking, r.heard, r.drained, r.passed, r.missed = true, m.Heard, m.Drained, 0, false
	}
	// What waited for all to be heard when the walk came by is found by the next
	// one: to remove what that is to be made of, meanwhile, would be too soon.
	m.Drained = m.Drained && r.drained
	b, end, err := r.pick(m)
	last := end && (r.links || !r.later) // nothing that can be done now comes after b
	r.paused = err == nil && b == nil && !end
	if err != nil {
		return nil, false, fmt.Errorf("look for what is to do: %w", err)
	}
	if end {
		r.cursor, r.mark = index.Root, index.Root
		r.kick, r.walking, r.links = r.missed, false, false
		r.Trouble.Walked(r.heard, m.Now)
	}
	idle = end && r.batches == 0
	switch {
	case b == nil && idle:
		b, err = r.pickRemovals(m, nil)
	case b != nil && last && r.joins(b):
		err = r.join(b, m)
	}
	if err != nil {
		return nil, false, fmt.Errorf("look for what is to be deleted: %w", err)
	}
	if end {
		r.met = met{}
	}
	if end && b == nil && r.passed > 0 {
		// Whatever is heard or noticed is a reason for a walk. While much is to
		// do that cannot be done yet, such as removals of which more are being
		// heard, walks would take all the time of the loop.
		each := restEach
		if !m.Drained {
			each *= restTold
		}
		r.rest = m.Now.Add(min(time.Duration(r.passed)*each, restMost))
		if !r.quiet.IsZero() { // removals wait, until the peer says that those are all
			r.rest = m.Now.Add(min(r.quiet.Sub(m.Now), restMost))
		}
	}
	return b, idle && b == nil, nil
}

// turns reports whether the walk is to begin anew before it has come to its end.
// While much is coming in, that end is far away or goes before it, and what was not
// ready when it came by, did not fit, or has been heard of since would wait for
// everything else. Before the next turn it comes by as much that is new as lies
// behind it: what cannot be done is not passed again and again. What the end of a
// walk stands for, only a walk that comes to it tells.
func (r *Rounds) turns() bool {
	return r.walking && r.missed && !r.links && !r.Trouble.Crowding() && r.fore >= max(maxBehind, r.passed-r.fore)
}

// Launch notes that b is on its way.
func (r *Rounds) Launch(b *Batch, files vfs.Files, now time.Time) {
	r.batches++
	if b.big {
		r.big++
	}
	if b.onlyRemoves() {
		r.removing = now
	}
	if r.began.IsZero() {
		r.began = now
	}
	b.Files, b.room, b.launched = files, r.room, now
	for i := range b.Jobs {
		j := &b.Jobs[i]
		r.flying[j.Path] = true
		if j.From != "" {
			r.flying[j.From] = true
		}
		if b.Waits() { // by then the index is another one
			j.Known, j.KnownFrom = nil, nil
		}
		r.along.Drop(j.Path)
	}
	for _, p := range b.Settle {
		r.flying[p] = true
	}
	for _, w := range b.wants {
		r.fetching[w.Hash] = true
	}
}

// Landed notes that b is not on its way any more.
func (r *Rounds) Landed(b *Batch, now time.Time) {
	r.batches--
	if b.onlyRemoves() {
		r.again = now.Add(min(removalRest*now.Sub(r.removing), removalMost))
	}
	if b.big {
		r.big--
	}
	for i := range b.Jobs {
		delete(r.flying, b.Jobs[i].Path)
		delete(r.flying, b.Jobs[i].From)
	}
	for _, p := range b.Settle {
		delete(r.flying, p)
	}
	for _, w := range b.wants {
		delete(r.fetching, w.Hash)
	}
	r.Kick()
}

// Done counts a path of b that was installed.
func (r *Rounds) Done(b *Batch, o *install.Outcome, now time.Time) {
	r.done++
	vacated := b.vacated[o.Path]
	for i := range r.deleted {
		if b.removals[o.Path] && !b.approved[o.Path] && r.Bounds[i].Holds(o.Path) {
			r.deleted[i].Add(1, now)
		}
		if vacated != nil && vacated[i] > 0 {
			r.deleted[i].Add(vacated[i], now)
		}
	}
}

// Flying reports whether p is in a batch.
func (r *Rounds) Flying(p index.Path) bool { return r.flying[p] }

// Hold keeps p out of batches until Free. It reports whether p was in none.
func (r *Rounds) Hold(p index.Path) bool {
	if r.flying[p] {
		return false
	}
	r.flying[p] = true
	return true
}

// Free ends Hold.
func (r *Rounds) Free(p index.Path) {
	delete(r.flying, p)
	r.Kick()
}
