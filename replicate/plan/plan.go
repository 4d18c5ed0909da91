// Package plan says what a share is going to do, on both nodes, before it does
// it: for each path that differs the outcome by the rules of the share, or by
// what a person wants otherwise, and what waits and why.
//
// A plan is a look at the index in one transaction: it is emitted step by step,
// in walk order, and nowhere held as a whole. What the peer does is what this
// node would do in its place, as it decides from the same two entries. What a
// plan cannot know is said to be so: what the peer's own max_delete withholds, if
// the peer has not said what that is, and what fails.
//
// The same walk carries a plan out, as far as it differs from the rules: see
// Settling.
package plan

import (
	"duet/diff"
	"duet/recovery"
	"duet/replicate/book"
	"duet/store"
	"duet/store/index"
)

// Frame is what of a share a plan is made of.
type Frame struct {
	Share, Self, Peer string // names
	Book              *book.Book
	Bounds            recovery.Bounds
	Lately            []int64 // removals of each bound done lately, which count
	There             *Guard  // the peer's; nil: nobody has said
}

// Planner makes one plan, in one transaction.
type Planner struct {
	*Frame
	orders *Orders
	tx     *store.Tx
	guards [2]guard
	up     [2]upward
	inner  inner
	said   said
}

// side is on which node something happens.
type side int

const (
	here side = iota
	there
)

func (s side) other() side { return 1 - s }

// New makes a planner in a transaction.
func New(f *Frame, o *Orders, tx *store.Tx) (*Planner, error) {
	m, err := tx.Meta()
	if err != nil {
		return nil, err
	}
	p := &Planner{Frame: f, orders: o, tx: tx}
	p.guards = [2]guard{{Guard: &Guard{f.Bounds, f.Lately, book.LeavesIn(m)}}, {Guard: f.There}}
	return p, nil
}

// Fate is what becomes of one path.
type Fate struct {
	Line     string // of the decision table
	Conflict bool
	Take     Take   // what a person wants of it, if that is not what the rules make of it
	By       string // how the person said so
	Waits    string // why nothing is done
	excluded bool   // because --path does not select it
	held     bool   // by the rule of the share: a person has to decide
	revived  bool   // a directory that stays for what is in it

	moves [2]*Move // what happens on each node
}

// Move is what becomes of one path in one tree.
type Move struct{ Was, Is *index.Entry }

func (m *Move) removes() bool { return m != nil && m.Was.Live() && !m.Is.Live() }

// change makes a move of two states; nil if nothing is to be done in the tree.
func change(was, is *index.Entry) *Move {
	if !was.Live() && !is.Live() || index.Same(was, is) {
		return nil
	}
	return &Move{was, is}
}

// byRule is what the rules make of r.
func (p *Planner) byRule(r *index.Record) (f Fate) {
	if r.Agreed() || p.Book.Ignores(r) {
		return f
	}
	v := p.Book.Decide(r)
	f.Line, f.Conflict = v.Line, v.Conflict
	switch v.Act {
	case diff.Take, diff.TakeOver:
		f.moves[here] = change(r.Ours, v.Entry)
	case diff.Hold:
		f.Waits, f.held = waitsHeld, true
		f.moves[here] = &Move{r.Ours, r.Theirs}
	case diff.Wait, diff.Win, diff.Revive:
		// The peer has yet to hear of this; then it decides as we do here.
		won := r.Ours
		if v.Entry != nil {
			won = v.Entry
		}
		mirror := diff.Decide(r.Theirs, won, p.Book.Policy.Mirror())
		f.Conflict = f.Conflict || mirror.Conflict
		switch mirror.Act {
		case diff.Take, diff.TakeOver:
			f.moves[there] = change(r.Theirs, mirror.Entry)
		case diff.Revive: // it does not follow our delete
			f.moves[here] = change(r.Ours, mirror.Entry)
			f.Line = mirror.Line
		}
	}
	for _, at := range []side{here, there} {
		if !f.moves[at].removes() {
			continue
		}
		if _, rejected := p.left(r, at, &f); rejected { // it goes back to where it was deleted
			f.moves = [2]*Move{}
			f.moves[at.other()] = change(now(r, at.other()), now(r, at))
			f.Line = diff.LineRejected
			break
		}
	}
	return f
}

// Why something waits.
const (
	waitsHeld      = "the share holds conflicts until a person decides"
	waitsPath      = "--path does not select it"
	waitsSkipped   = "skipped"
	waitsDeletes   = "--deletes hold"
	waitsConflicts = "--conflict hold"
	waitsMany      = "more than max_delete: waits for approval"
	waitsManyThere = "more than the peer's max_delete: waits for approval there"
	waitsInside    = "something in it waits"
	waitsAbove     = "a directory above it waits"
	waitsStays     = "something in it is to stay: choose for that, too"
	waitsFirst     = "it is not empty, and what is in it goes first: choose again when it has"
	waitsNewest    = "neither is newer"
	waitsNoTime    = "a directory has no time to go by: choose ours or theirs"
	waitsBoth      = "both can only be kept of two different files or links"
	waitsNever     = "the share follows no deletes"
	waitsName      = "the second name would be ignored, or is too long"
)

// alone is what becomes of r, but for what depends on other paths; on those above
// it only in that it goes along with a directory that a person chooses.
func (p *Planner) alone(r *index.Record) (Fate, error) {
	f := p.byRule(r)
	w, err := p.goesAlong(r)
	if err != nil {
		return Fate{}, err
	}
	_, own := p.orders.choices[r.Path]
	switch {
	case w != nil && !(own && w.dir):
		f.By = "choice"
		p.take(r, &f, w.take)
	case f.moves == [2]*Move{}:
		return Fate{}, nil
	default:
		p.choose(r, &f)
	}
	if f.moves == [2]*Move{} {
		return f, nil
	}
	removes := f.moves[here].removes() || f.moves[there].removes()
	chosen := f.moves[here] != nil && book.Chosen(r.Ours, r.Theirs) || f.moves[there] != nil && book.Chosen(r.Theirs, r.Ours)
	rs := &p.orders.reserve
	byRule := f.Take == ByRule
	switch {
	case rs.Excludes(r.Path):
		f.Waits, f.excluded = waitsPath, true
	case rs.Skips(r.Path):
		f.Waits = waitsSkipped
	case f.Waits != "":
	case byRule && rs.Conflicts && f.Conflict && !chosen:
		f.Waits = waitsConflicts
	case byRule && rs.Deletes && removes && !chosen:
		f.Waits = waitsDeletes
	case byRule && f.moves[here].removes() && p.withholds(r, here, &f):
		f.Waits = waitsMany
	case f.moves[there].removes() && p.withholds(r, there, &f):
		f.Waits = waitsManyThere
	}
	return f, nil
}

// choose applies what a person wants of r.
func (p *Planner) choose(r *index.Record, f *Fate) {
	take, chosen := p.orders.choices[r.Path]
	dirs := r.Ours.LiveKind() == index.Dir || r.Theirs.LiveKind() == index.Dir
	switch {
	case chosen:
		f.By = "choice"
	case p.orders.other && f.Conflict && !dirs:
		take, f.By = p.byPolicy(r), "--conflict"
		if take == Skip {
			f.By = ""
			return
		}
	default:
		return
	}
	if take == Both {
		p.both(r, f)
		return
	}
	if take == Newest {
		if dirs {
			f.Waits = waitsNoTime
			return
		}
		ours, err := diff.Newest(r.Ours, r.Theirs)
		if err != nil {
			f.Waits = waitsNewest
			return
		}
		if take = Theirs; ours {
			take = Ours
		}
	}
	p.take(r, f, take)
}

// byPolicy is which side the policy of this plan wants.
func (p *Planner) byPolicy(r *index.Record) Take {
	v := diff.Decide(r.Ours, r.Theirs, p.orders.policy)
	switch v.Act {
	case diff.Win, diff.Wait, diff.Revive:
		return Ours
	case diff.Take, diff.TakeOver:
		return Theirs
	}
	return Skip
}

// take makes one side of r what it is to be. Where the rules make the same of
// it, nobody needs to be overruled.
func (p *Planner) take(r *index.Record, f *Fate, take Take) {
	var moves [2]*Move
	if take == Ours {
		moves[there] = change(r.Theirs, orGone(r.Ours))
	} else {
		moves[here] = change(r.Ours, orGone(r.Theirs))
	}
	w := p.wholeOf(r)
	first := w != nil && w.dir && w.take == Theirs // what goes along needs a directory to go to
	if !first && f.Waits == "" && same(moves[here], f.moves[here]) && same(moves[there], f.moves[there]) {
		f.By = ""
		return
	}
	if moves[there].removes() && p.Book.Policy.Deletes == diff.Never {
		f.Waits = waitsNever
		return
	}
	f.moves, f.Take, f.Waits, f.Line = moves, take, "", diff.LineRuled
}

func orGone(e *index.Entry) *index.Entry {
	if e == nil {
		return &index.Entry{Kind: index.Gone}
	}
	return e
}

func same(a, b *Move) bool {
	if a == nil || b == nil {
		return a == b
	}
	return index.Same(a.Was, b.Was) && index.Same(a.Is, b.Is)
}
