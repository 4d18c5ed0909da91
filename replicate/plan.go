package replicate

import (
	"context"
	"time"

	"duet/replicate/plan"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// Plan says what will be done, on both sides, as far as this node has heard, and
// as a person wants it otherwise (asked may be nil). It is emitted from within
// one transaction: whoever takes it must not be slow.
func (s *Share) Plan(ctx context.Context, asked *report.Orders, emit plan.Emit) (*report.Plan, *report.Sum, error) {
	if s.st == nil {
		return nil, nil, s.broken
	}
	orders, err := plan.ParseOrders(asked, s.policy, s.cfg.NodeName, s.cfg.PeerName)
	if err != nil {
		return nil, nil, err
	}
	head, frame, err := s.frame(ctx)
	if err != nil {
		return nil, nil, err
	}
	var sum *report.Sum
	err = s.st.View(func(tx *store.Tx) error {
		p, err := plan.New(frame, orders, tx)
		if err != nil {
			return err
		}
		sum, err = p.Run(ctx, head, emit)
		return err
	})
	if err == nil {
		s.loop.plans.remember(head)
	}
	return head, sum, err
}

// frame is what a plan is made of, besides the index.
func (s *Share) frame(ctx context.Context) (*report.Plan, *plan.Frame, error) {
	f := &plan.Frame{Share: s.cfg.Name, Self: s.cfg.NodeName, Peer: s.cfg.PeerName, Book: s.book, Bounds: s.bounds}
	p := &report.Plan{Conflict: s.cfg.Conflict, Deletes: s.cfg.Deletes}
	err := s.do(ctx, func(l *loop, done chan<- error) {
		st := s.Status()
		p.Made, p.Connected, p.Outage, p.Waiting, p.LeftOut = s.now(), st.Connected, st.Outage, st.Waiting, st.LeftOut
		p.ClockSkewMS, p.Behind, p.Dirty = st.ClockSkewMS, st.Behind, st.Dirty
		if p.Held = l.talk.held; p.Held {
			p.HeldWhy = l.talk.heldWhy
		} else if p.LeftOut != nil {
			p.Held, p.HeldWhy = true, "left out of plan "+p.LeftOut.Plan
		}
		now := time.Now()
		f.Lately, f.There = l.rounds.Lately(now), l.talk.guardThere(now)
		done <- nil
	})
	return p, f, err
}

// plans are those that were made lately: what has moved since can be said of
// them, and they can be applied by their id. It is used from any goroutine.
type plans struct {
	lane chan []report.Plan // of one element, which whoever uses it has
}

// maxPlans bounds the plans that are remembered, and maxRemembered the choices
// in each.
const (
	maxPlans      = 32
	maxRemembered = 1000
)

func newPlans() plans {
	p := plans{make(chan []report.Plan, 1)}
	p.lane <- nil
	return p
}

func (p plans) remember(made *report.Plan) {
	if made.Changes != nil && len(made.Changes.Choices) > maxRemembered {
		return
	}
	list := <-p.lane
	kept := list[:0]
	for _, old := range list {
		if old.ID != made.ID {
			kept = append(kept, old)
		}
	}
	kept = append(kept, report.Plan{ID: made.ID, Pin: made.Pin, Changes: made.Changes})
	p.lane <- kept[max(0, len(kept)-maxPlans):]
}

// find returns a plan of this id; nil if none is remembered.
func (p plans) find(id string) *report.Plan {
	list := <-p.lane
	defer func() { p.lane <- list }()
	for i := range list {
		if list[i].ID == id {
			found := list[i]
			return &found
		}
	}
	return nil
}

// leftOut is what people have left out of a plan, for people; nil if nothing.
func (l *loop) leftOut() *report.LeftOut {
	t := &l.talk
	s, on := t.reserve, l.s.cfg.NodeName
	if s.Empty() {
		s, on = t.theirReserve, l.s.cfg.PeerName
	}
	if s.Empty() {
		return nil
	}
	out := &report.LeftOut{
		Plan: s.Plan, On: on, Since: time.Unix(0, s.Time), Deletes: s.Deletes, Conflicts: s.Conflicts, Skipped: int64(len(s.Skip)),
	}
	for _, o := range s.Only {
		out.Paths = append(out.Paths, index.Quote(o.Text()))
	}
	return out
}
