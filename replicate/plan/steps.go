package plan

import (
	"context"
	"fmt"

	"duet/diff"
	"duet/replicate/report"
	"duet/store/index"
)

// Emit is where a plan goes, row by row. Fields may be nil.
type Emit struct {
	Did  func(report.DidPath) error // every path that a side changed
	Plan func(*report.Plan) error
	Step func(*report.Step) error
}

// Run makes the plan: what each side did, then the plan's head, then its steps.
// plan brings what is known of the share; Run fills in the rest.
func (p *Planner) Run(ctx context.Context, plan *report.Plan, emit Emit) (*report.Sum, error) {
	pin, err := p.PinOf(p.tx, p.orders)
	if err != nil {
		return nil, err
	}
	plan.ID, plan.Share, plan.Pin, plan.Changes = ID(p.Share, pin), p.Share, pin, p.orders.Asked()
	plan.Node, plan.Peer = p.Self, p.Peer
	if err := p.report(ctx, plan, emit); err != nil {
		return nil, err
	}
	if emit.Plan != nil {
		if err := emit.Plan(plan); err != nil {
			return nil, err
		}
	}
	sum := &report.Sum{ID: plan.ID}
	err = p.each(ctx, func(r *index.Record) error {
		f, err := p.Of(r)
		if err != nil {
			return err
		}
		return p.steps(r, &f, func(s *report.Step) error {
			sum.Add(s)
			if emit.Step == nil {
				return nil
			}
			return emit.Step(s)
		})
	})
	sum.Done = err == nil
	return sum, err
}

// each calls f for every record on which the sides differ.
func (p *Planner) each(ctx context.Context, f func(*index.Record) error) error {
	return p.eachOf(ctx, func(r *index.Record) error {
		if r.Agreed() || p.Book.Ignores(r) {
			return nil
		}
		return f(r)
	})
}

// eachOf calls f for every record.
func (p *Planner) eachOf(ctx context.Context, f func(*index.Record) error) error {
	n := 0
	for r, err := range p.tx.Range(index.Root, false) {
		if err != nil {
			return err
		}
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// report counts what each side did, and what of it max_delete will withhold.
func (p *Planner) report(ctx context.Context, plan *report.Plan, emit Emit) error {
	plan.Ours, plan.Theirs = empty(), empty()
	var tallies [2]tally
	for at := range p.guards {
		if g := p.guards[at].Guard; g != nil {
			tallies[at] = tally{make([]int64, len(g.Bounds)), make([]int64, len(g.Bounds))}
		}
	}
	err := p.eachOf(ctx, func(r *index.Record) error {
		for _, at := range []side{here, there} {
			if g := &p.guards[at]; g.Guard != nil && now(r, at).Live() {
				g.add(&tallies[at], r.Path, 0, 1)
			}
		}
		if r.Agreed() || p.Book.Ignores(r) {
			return nil
		}
		if err := p.tell(r, plan, emit); err != nil {
			return err
		}
		return p.tally(r, &tallies)
	})
	if err != nil {
		return err
	}
	plan.PeerGuard = p.guards[there].Guard != nil
	plan.Foreseen, err = p.forecast(ctx, tallies)
	return err
}

// tell says what each side did at a path.
func (p *Planner) tell(r *index.Record, plan *report.Plan, emit Emit) error {
	for _, at := range []side{here, there} {
		d, ok, err := p.did(r, at)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if at == here {
			plan.Ours.Add(d)
		} else {
			plan.Theirs.Add(d)
		}
		if emit.Did != nil {
			if err := emit.Did(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// tally counts what becomes of a path on each node.
func (p *Planner) tally(r *index.Record, tallies *[2]tally) error {
	f, err := p.alone(r)
	if err != nil || f.Waits != "" {
		return err
	}
	for _, at := range []side{here, there} {
		m, g := f.moves[at], &p.guards[at]
		switch {
		case m == nil || g.Guard == nil:
		case p.counts(r, at, &f):
			g.add(&tallies[at], r.Path, 1, 0)
		case !m.Was.Live() && m.Is.Live():
			g.add(&tallies[at], r.Path, 0, 1)
		}
	}
	return nil
}

func empty() report.Did { return report.Did{First: []string{}, Largest: []report.Sized{}} }

// did says what one side did at a path since both agreed.
func (p *Planner) did(r *index.Record, at side) (d report.DidPath, ok bool, err error) {
	is := now(r, at)
	class := diff.Since(r.Base, is)
	if class == diff.Unchanged {
		return d, false, nil
	}
	saw := r.Noticed
	d.Node = p.Peer
	if at == here {
		d.Node = p.Self
		if saw, err = p.tx.Sighting(r); err != nil {
			return d, false, err
		}
	}
	what := is
	if class == diff.Deleted {
		what = r.Base
	}
	d.Path, d.Did, d.Kind, d.Size = r.Path.String(), class.String(), what.Kind.String(), what.Size
	if saw.Other != index.Root {
		switch class {
		case diff.Created:
			d.Did, d.From = "renamed", saw.Other.String()
		case diff.Deleted:
			return d, false, nil // its new name says it all
		}
	}
	return d, true, nil
}

// steps says in words what a fate comes to.
func (p *Planner) steps(r *index.Record, f *Fate, emit func(*report.Step) error) error {
	for _, at := range []side{here, there} {
		m := f.moves[at]
		if m == nil {
			continue
		}
		s := p.step(r.Path, at, m)
		s.Rule, s.Conflict, s.Waits, s.By = f.Line, f.Conflict, f.Waits, f.By
		if f.Take != ByRule {
			s.Take = f.Take.String()
		}
		if f.held && f.Waits != "" {
			s.Do = "hold"
		}
		s.Detail = p.detail(f, m)
		if to, err := p.renamedTo(r, at, m); err != nil {
			return err
		} else if to != index.Root && f.Waits == "" {
			s.Detail = "renamed to " + to.String()
		}
		if f.Conflict || f.By != "" {
			s.Ours, s.Theirs = p.aspect(r.Ours), p.aspect(r.Theirs)
		}
		if err := emit(s); err != nil {
			return err
		}
	}
	if f.Take != Both || f.Waits != "" {
		return nil
	}
	second, ok, err := p.Second(r, f.moves[here] == nil)
	if err != nil || !ok {
		return err
	}
	for _, at := range []side{here, there} {
		if at == here && second.Was.Live() {
			continue // it is there already
		}
		s := p.step(second.Path, at, &Move{nil, second.Is})
		s.Rule, s.Take, s.By, s.Of = diff.LineRuled, Both.String(), f.By, r.Path.String()
		s.Detail = "the second name of what loses at " + s.Of
		if err := emit(s); err != nil {
			return err
		}
	}
	return nil
}

// renamedTo is where what is to be deleted at r is by now on the node that deleted
// it; Root if nobody saw that.
func (p *Planner) renamedTo(r *index.Record, at side, m *Move) (index.Path, error) {
	if !m.removes() {
		return index.Root, nil
	}
	if at == here {
		return r.Noticed.Other, nil
	}
	saw, err := p.tx.Sighting(r)
	return saw.Other, err
}

func (p *Planner) detail(f *Fate, m *Move) string {
	switch {
	case f.revived:
		return "something in it is to stay"
	case f.Line == diff.LineRejected:
		return "a person rejected its removal; it is put back"
	case f.Waits != "":
		return ""
	case f.Conflict && m.Was.Live():
		return "both sides changed it; the loser is kept"
	case m.Was.Live() && !index.SameContent(m.Was, m.Is):
		return "what is there is kept"
	}
	return ""
}

// step says what a move is.
func (p *Planner) step(path index.Path, at side, m *Move) *report.Step {
	s := &report.Step{Path: path.String(), Node: p.Self, Here: at == here, Item: item(at, m)}
	if at == there {
		s.Node = p.Peer
	}
	s.Kind, s.Size = m.Is.Kind.String(), m.Is.Size
	switch {
	case !m.Is.Live():
		s.Do, s.Kind, s.Size = "delete", m.Was.Kind.String(), m.Was.Size
	case !m.Was.Live():
		s.Do = "place"
	case index.SameContent(m.Was, m.Is):
		s.Do = "set metadata"
	default:
		s.Do = "replace"
	}
	return s
}

// aspect is what a node has at a path.
func (p *Planner) aspect(e *index.Entry) *report.Side {
	if e == nil {
		return &report.Side{Kind: "none"}
	}
	s := &report.Side{Kind: e.Kind.String(), Size: e.Size, MTime: e.ModTime, Origin: p.name(e.Origin)}
	if e.Kind == index.File || e.Kind == index.Dir {
		s.Mode = fmt.Sprintf("%04o", e.Mode)
	}
	return s
}

func (p *Planner) name(id index.NodeID) string {
	switch id {
	case p.Book.Policy.Self:
		return p.Self
	case p.Book.Policy.Peer:
		return p.Peer
	}
	return id.String()
}
