package plan

import (
	"slices"

	"duet/replicate/report"
	"duet/replicate/ruling"
	"duet/store"
	"duet/store/index"
)

// Settling is what a plan settles otherwise than by the rules, path by path, as
// the index is now: a person's choices, and the conflicts that the policy of the
// plan decides another way.
type Settling struct {
	frame   *Frame
	orders  *Orders
	pin     report.Pin
	seconds bool // the second names of what is to be kept twice; else what keeps the name
}

// NewSettling returns what a plan of this state settles.
func NewSettling(f *Frame, o *Orders, pin report.Pin) *Settling {
	return &Settling{frame: f, orders: o, pin: pin}
}

// Seconds is the part that has to be done first: nothing gives up its name
// before it has another one.
func (s *Settling) Seconds() *Settling {
	out := *s
	out.seconds = true
	return &out
}

// maxLooked is how many records one transaction looks at.
const maxLooked = 20_000

// Next is ruling.Wisher's.
func (s *Settling) Next(tx *store.Tx, after index.Path) (wishes []ruling.Wish, last index.Path, more bool, err error) {
	p, err := New(s.frame, s.orders, tx)
	if err != nil {
		return nil, after, false, err
	}
	last = after
	looked := 0
	for r, err := range tx.Range(after, after != index.Root) {
		if err != nil {
			return nil, last, false, err
		}
		if looked == maxLooked || len(wishes) == ruling.ChunkPaths {
			return wishes, last, true, nil
		}
		looked++
		last = r.Path
		w, err := s.wish(p, r)
		if err != nil {
			return nil, last, false, err
		}
		if w != nil {
			wishes = append(wishes, *w)
		}
	}
	return wishes, last, false, nil
}

// Again is ruling.Wisher's.
func (s *Settling) Again(tx *store.Tx, path index.Path) (*ruling.Wish, error) {
	p, err := New(s.frame, s.orders, tx)
	if err != nil {
		return nil, err
	}
	r, err := tx.Get(path)
	if err != nil || r == nil {
		return nil, err
	}
	return s.wish(p, r)
}

// wish is what is wanted of r; nil if the rules do it.
func (s *Settling) wish(p *Planner, r *index.Record) (*ruling.Wish, error) {
	if r.Agreed() || p.Book.Ignores(r) {
		return nil, nil
	}
	_, chosen := s.orders.choices[r.Path]
	f, err := p.Of(r)
	if err != nil {
		return nil, err
	}
	along, err := p.goesAlong(r)
	if err != nil || along != nil && !along.dir {
		return nil, err // whoever makes a file of its directory sees to it
	}
	switch {
	case !chosen && f.Take == ByRule:
		return nil, nil
	case s.stale(r):
		return &ruling.Wish{Path: r.Path, Skip: "it has changed since the plan was made"}, nil
	case f.Waits != "" && f.Waits != waitsManyThere && (chosen || f.Take != ByRule):
		return &ruling.Wish{Path: r.Path, Skip: f.Waits}, nil
	case f.Take == ByRule:
		return nil, nil // what the peer's max_delete withholds is settled here, and waits there
	}
	w := s.aim(r, &f)
	if whole := p.wholeOf(r); whole != nil {
		w.Whole = !whole.dir
	}
	if f.Take != Both {
		if s.seconds {
			return nil, nil
		}
		return w, nil
	}
	second, ok, err := p.Second(r, w.Ours)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return &ruling.Wish{Path: r.Path, Skip: waitsName}, nil
	case !s.seconds && !second.Was.Live():
		return &ruling.Wish{Path: r.Path, Skip: "its second name could not be made"}, nil
	case !s.seconds:
		return w, nil
	case second.Was.Live():
		return nil, nil // from a run that was interrupted
	}
	return &ruling.Wish{Path: second.Path, Want: second.Is, Ours: second.Ours, From: r.Path}, nil
}

// stale reports whether r has changed since the plan was made.
func (s *Settling) stale(r *index.Record) bool {
	return uint64(r.Pos) > s.pin.Head || uint64(r.Heard) > s.pin.Heard
}

// aim is the wish for the path itself.
func (s *Settling) aim(r *index.Record, f *Fate) *ruling.Wish {
	w := &ruling.Wish{Path: r.Path, Ours: f.moves[here] == nil}
	if w.Ours {
		w.Want = orGone(r.Ours)
	} else {
		w.Want = orGone(r.Theirs)
	}
	if !w.Want.Live() {
		w.Want = &index.Entry{Kind: index.Gone, Origin: w.Want.Origin} // by a person, who is here: not while apart
	}
	for _, e := range []*index.Entry{r.Ours, r.Theirs} {
		if e != nil {
			w.Upto = w.Upto.Join(e.Version)
		}
	}
	if f.Conflict && r.Ours.Live() && r.Theirs.Live() {
		w.Rival = r.Theirs
	}
	return w
}

// Merge joins two sorted lists of paths.
func Merge(a, b []index.Path) []index.Path {
	all := slices.Concat(a, b)
	slices.SortFunc(all, index.Path.Compare)
	return slices.Compact(all)
}
