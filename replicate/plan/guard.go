package plan

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"slices"

	"duet/recovery"
	"duet/replicate/book"
	"duet/replicate/report"
	"duet/store/index"
)

// Guard is what a node does not delete in its own tree without a person's approval.
type Guard struct {
	Bounds recovery.Bounds
	Lately []int64 // deletes of each bound done lately, which count
	Leaves book.Leaves
}

// guard is a Guard, and what this plan makes of it.
type guard struct {
	*Guard
	shut    []bool   // bounds that what is to be deleted exceeds
	renamed []uint64 // what is to be deleted and is moved instead, see mark; sorted
}

// left reports what a person has said of the delete of r on a node. What is only
// about to become a delete nobody has seen.
func (p *Planner) left(r *index.Record, at side, f *Fate) (approved, rejected bool) {
	g := &p.guards[at]
	switch {
	case g.Guard == nil || f.Take != ByRule:
		return false, false
	case at == here:
		return g.Leaves.Of(r)
	}
	heard := *r
	heard.Heard = r.Pos // this is what the peer hears
	return g.Leaves.Of(&heard)
}

// withholds reports whether a removal waits for approval on the node.
func (p *Planner) withholds(r *index.Record, at side, f *Fate) bool {
	g := &p.guards[at]
	for i, shut := range g.shut {
		if shut && g.Bounds[i].Holds(r.Path) {
			approved, _ := p.left(r, at, f)
			return !approved && !g.moves(r.Path)
		}
	}
	return false
}

// moves reports whether what is to be deleted at q is moved instead.
func (g *guard) moves(q index.Path) bool {
	_, found := slices.BinarySearch(g.renamed, mark(string(q)))
	return found
}

// mark stands for something of which there may be a million: a path, or a content.
func mark(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

func markOf(e *index.Entry) uint64 { return binary.LittleEndian.Uint64(e.Hash[:8]) }

// tally is what is to be deleted on a node, for each bound, and what there is.
type tally struct {
	removals []int64
	live     []int64 // at and below each bound, once everything else is done
}

// forecast finds out what will wait for approval on each node. Removals come last
// there: what is placed counts, and what was renamed is no removal.
func (p *Planner) forecast(ctx context.Context, tallies [2]tally) (out []report.Foreseen, err error) {
	for _, at := range []side{here, there} {
		t, g := &tallies[at], &p.guards[at]
		if !p.exceeds(at, t) {
			continue
		}
		if err := errors.Join(p.refine(ctx, at, t), p.matchRenames(ctx, at, t)); err != nil {
			return nil, err
		}
		shut := make([]bool, len(g.Bounds))
		for i, b := range g.Bounds {
			within := false
			for j := range i {
				within = within || shut[j] && g.Bounds[j].Holds(b.Dir)
			}
			if deletes, total := g.sum(t, i); !within && t.removals[i] > 0 && b.Limit.Exceeded(deletes, total) {
				shut[i] = true
				f := report.Foreseen{Under: under(b.Dir), Deletes: t.removals[i], Lately: deletes - t.removals[i], Total: total, Limit: b.Limit.String(), Node: p.Self}
				if at == there {
					f.Node = p.Peer
				}
				out = append(out, f)
			}
		}
		g.shut = shut
	}
	return out, nil
}

// exceeds reports whether so many removals may exceed a bound, if none of them is
// a rename.
func (p *Planner) exceeds(at side, t *tally) bool {
	g := &p.guards[at]
	if g.Guard == nil {
		return false
	}
	for i, b := range g.Bounds {
		if deletes, total := g.sum(t, i); t.removals[i] > 0 && b.Limit.Exceeded(deletes, total) {
			return true
		}
	}
	return false
}

func (g *guard) sum(t *tally, i int) (deletes, total int64) {
	deletes, total = t.removals[i], t.live[i]
	if i < len(g.Lately) {
		deletes, total = deletes+g.Lately[i], total+g.Lately[i]
	}
	return deletes, total
}

// maxRenames bounds the contents that are remembered to find renames, at eight
// bytes each. What is beyond counts as deleted.
const maxRenames = 4 << 20

// refine takes from the tally the directories that stay for what is in them.
func (p *Planner) refine(ctx context.Context, at side, t *tally) error {
	return p.each(ctx, func(r *index.Record) error {
		f, err := p.alone(r)
		if err != nil || !p.counts(r, at, &f) || f.moves[at].Was.Kind != index.Dir {
			return err
		}
		if f, err = p.Of(r); f.revived {
			p.guards[at].add(t, r.Path, -1, 0)
		}
		return err
	})
}

// matchRenames takes from the tally what is moved instead of being deleted: for
// each file that is placed, one that has its content and is to go.
func (p *Planner) matchRenames(ctx context.Context, at side, t *tally) error {
	var placed []uint64
	err := p.each(ctx, func(r *index.Record) error {
		f, err := p.alone(r)
		m := f.moves[at]
		if err != nil || m == nil || m.Was.Live() || !moved(m.Is) || at == here && f.Take != ByRule {
			return err
		}
		if f, err = p.Of(r); err != nil || f.Waits != "" || len(placed) == maxRenames {
			return err
		}
		late, err := p.comesLate(r.Path.Parent(), at)
		if err == nil && !late {
			placed = append(placed, markOf(m.Is))
		}
		return err
	})
	if err != nil || len(placed) == 0 {
		return err
	}
	slices.Sort(placed)
	used := make([]bool, len(placed))
	g := &p.guards[at]
	err = p.each(ctx, func(r *index.Record) error {
		f, err := p.alone(r)
		if err != nil || !p.counts(r, at, &f) || f.Conflict || !moved(f.moves[at].Was) {
			return err
		}
		want := markOf(f.moves[at].Was)
		i, _ := slices.BinarySearch(placed, want)
		for i < len(placed) && placed[i] == want && used[i] {
			i++
		}
		if i == len(placed) || placed[i] != want {
			return nil
		}
		used[i] = true
		g.renamed = append(g.renamed, mark(string(r.Path)))
		g.add(t, r.Path, -1, -1)
		return nil
	})
	slices.Sort(g.renamed)
	return err
}

// comesLate reports whether a directory is one that the other node has yet to keep
// alive, for what is in it: what comes into it comes after the removals were
// counted, and is not made of one of them.
func (p *Planner) comesLate(dir index.Path, at side) (bool, error) {
	for ; dir != index.Root; dir = dir.Parent() {
		r, err := p.tx.Get(dir)
		if err != nil || r == nil || now(r, at).Live() {
			return false, err
		}
		if f, err := p.Of(r); err != nil || f.revived {
			return f.revived, err
		}
	}
	return false, nil
}

// moved reports whether a file is moved rather than made anew: an empty one is
// not worth it.
func moved(e *index.Entry) bool { return e.LiveKind() == index.File && e.Size > 0 }

// counts reports whether a removal counts against the bounds of a node.
func (p *Planner) counts(r *index.Record, at side, f *Fate) bool {
	if f.Waits != "" || at == here && f.Take != ByRule || !f.moves[at].removes() {
		return false
	}
	approved, _ := p.left(r, at, f)
	return !approved
}

// add adds to what is to be removed, and to what there is.
func (g *guard) add(t *tally, q index.Path, removals, live int64) {
	for i, b := range g.Bounds {
		if b.Holds(q) {
			t.removals[i] += removals
			t.live[i] += live
		}
	}
}

func under(dir index.Path) string {
	if dir == index.Root {
		return ""
	}
	return dir.String()
}
