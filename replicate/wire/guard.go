package wire

import (
	"fmt"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
	"duet/store/index/indexpb"
)

// Guard is what a node does not delete in its own tree without a person's approval.
// The peer's plans tell of it; it decides nothing there.
type Guard struct {
	Bounds []Bound
	Leaves []Leave // what people have said there of deletes that waited, oldest first
	Window int64   // ns: deletes within this time count together
}

// Bound is how many deletes at and below a directory may happen.
type Bound struct {
	Dir    index.Path // Root: the whole share
	Limit  string     // a count, or a percentage
	Lately int64      // deletes that count already
}

// Leave is what a person has said of deletes that waited: of those that had been
// heard up to a position of the receiver's journal.
type Leave struct {
	Under  index.Path
	Upto   index.Seq
	Reject bool
}

// MaxBounds and MaxLeaves bound a Guard.
const (
	MaxBounds = 65
	MaxLeaves = 65
)

func checkUnder(p index.Path) error {
	if p == index.Root {
		return nil
	}
	_, err := index.ParsePath(string(p))
	return err
}

func (g *Guard) check() error {
	if g == nil {
		return nil
	}
	if len(g.Bounds) > MaxBounds || len(g.Leaves) > MaxLeaves || g.Window < 0 {
		return fmt.Errorf("guard: %d bounds, %d leaves, %d ns", len(g.Bounds), len(g.Leaves), g.Window)
	}
	for i := range g.Bounds {
		b := &g.Bounds[i]
		if err := checkUnder(b.Dir); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
		if len(b.Limit) > 32 || b.Lately < 0 || b.Lately > 1<<48 {
			return fmt.Errorf("guard of %v: limit %.40q, %d lately", b.Dir, b.Limit, b.Lately)
		}
		if err := checkName(b.Limit); err != nil {
			return fmt.Errorf("guard of %v: %w", b.Dir, err)
		}
	}
	for i := range g.Leaves {
		if err := checkUnder(g.Leaves[i].Under); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
	}
	return nil
}

func (g *Guard) proto() *wirepb.Guard {
	if g == nil {
		return nil
	}
	p := &wirepb.Guard{WindowNs: g.Window}
	for _, b := range g.Bounds {
		p.Bounds = append(p.Bounds, &wirepb.Bound{Dir: []byte(b.Dir), Limit: b.Limit, Lately: uint64(b.Lately)})
	}
	for _, l := range g.Leaves {
		p.Leaves = append(p.Leaves, &indexpb.Leave{Under: []byte(l.Under), Upto: uint64(l.Upto), Reject: l.Reject})
	}
	return p
}

func guardFrom(p *wirepb.Guard) *Guard {
	if p == nil {
		return nil
	}
	g := &Guard{Window: p.WindowNs}
	for _, b := range p.Bounds {
		g.Bounds = append(g.Bounds, Bound{index.Path(b.Dir), b.Limit, int64(b.Lately)})
	}
	for _, l := range p.Leaves {
		g.Leaves = append(g.Leaves, Leave{index.Path(l.Under), index.Seq(l.Upto), l.Reject})
	}
	return g
}
