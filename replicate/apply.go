package replicate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duet/replicate/plan"
	"duet/replicate/report"
	"duet/replicate/ruling"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// ErrMoved means that a plan is of a state that is over.
var ErrMoved = errors.New("is out of date")

// Application is what came of applying a plan.
type Application struct {
	Plan    string         `json:"plan"`
	Ruled   *ruling.Result `json:"ruled,omitempty"` // what was settled otherwise than by the rules
	Skipped int64          `json:"skipped"`         // paths that could not be settled as they were chosen, and wait
}

// Applying is a plan that a person wants to be applied: by its id, or with what
// was asked for and the state that it is of.
type Applying struct {
	ID    string
	Asked *report.Orders // nil: nothing, or what a plan of that id was asked with
	Pin   *report.Pin    // nil: that of the id
}

// Apply does what a plan says, on both nodes, if nothing has moved since it was
// made: it settles what the person wants otherwise than the rules, then lets
// both nodes go on, but for what was left out. Interrupted before that, nothing
// goes on, and the next plan has the rest. progress may be nil.
func (s *Share) Apply(ctx context.Context, a Applying, progress func(done, total int)) (*Application, error) {
	if s.st == nil {
		return nil, s.broken
	}
	remembered := false
	if known := s.loop.plans.find(a.ID); known != nil && a.Pin == nil {
		a.Pin, remembered = &known.Pin, true
		if a.Asked == nil {
			a.Asked = known.Changes
		}
	}
	orders, err := plan.ParseOrders(a.Asked, s.policy, s.cfg.NodeName, s.cfg.PeerName)
	if err != nil {
		return nil, err
	}
	_, frame, err := s.frame(ctx)
	if err != nil {
		return nil, err
	}
	if given := a.Pin; given != nil && !remembered {
		pin := *given
		pin.Orders = orders.Digest() // what is wanted may have been edited since; the state may not
		a.Pin = &pin
	}
	pin, err := s.unmoved(ctx, frame, orders, a)
	if err != nil {
		return nil, err
	}
	out := &Application{Plan: plan.ID(s.cfg.Name, pin)}
	left := orders.Reserve()
	left.Plan, left.Time = out.Plan, s.now().UnixNano()
	if orders.Rules() {
		res, skip, err := s.overrule(ctx, plan.NewSettling(frame, orders, pin), out.Plan, progress)
		out.Ruled, out.Skipped = &res, int64(len(skip))
		if err != nil {
			return out, fmt.Errorf("apply plan %s: %w; nothing goes on before a plan is applied as a whole: look at the rest with 'duet recover %s'", out.Plan, err, s.cfg.Name)
		}
		left.Skip = plan.Merge(left.Skip, skip)
	}
	if err := left.Check(); err != nil {
		return out, fmt.Errorf("apply plan %s: what could not be settled as it was chosen: %w; look at the rest with 'duet recover %s'", out.Plan, err, s.cfg.Name)
	}
	return out, s.release(ctx, &left)
}

// unmoved checks, in the writer lane, that the plan is of the present state.
func (s *Share) unmoved(ctx context.Context, f *plan.Frame, o *plan.Orders, a Applying) (report.Pin, error) {
	var pin report.Pin
	err := s.do(ctx, func(l *loop, done chan<- error) {
		t := &l.talk
		if t.sess == nil || !t.greeted {
			done <- fmt.Errorf("%s %w: a plan needs both sides; see 'duet status'", s.cfg.PeerName, ErrApart)
			return
		}
		l.ask(func() func() {
			var moved string
			err := s.st.View(func(tx *store.Tx) (err error) {
				if pin, err = f.PinOf(tx, o); err == nil {
					moved, err = s.moved(tx, f, a, pin)
				}
				return err
			})
			if err == nil && moved != "" {
				err = fmt.Errorf("plan %s %w: %s; nothing was applied: make a new one with 'duet recover %s --dry-run'", a.ID, ErrMoved, moved, s.cfg.Name)
			}
			return func() { done <- err }
		})
	})
	return pin, err
}

// moved says what has moved since a plan was made, if the state is now at pin; nothing
// if it is the same.
func (s *Share) moved(tx *store.Tx, f *plan.Frame, a Applying, pin report.Pin) (string, error) {
	id := plan.ID(s.cfg.Name, pin)
	switch {
	case a.Pin == nil && id == a.ID, a.Pin != nil && id == plan.ID(s.cfg.Name, *a.Pin):
		return "", nil
	case a.Pin == nil:
		return fmt.Sprintf("this daemon does not know it: it remembers the last %d, and none across a restart, "+
			"and what was asked for (--path, --choose and the like) has to be asked for again; "+
			"a file that was made with --plan has all of it", maxPlans), nil
	}
	what, err := f.Moved(tx, *a.Pin, pin)
	if what == "" {
		what = "it was made with other options"
	}
	return what, err
}

// release lets both nodes go on, but for what is left out.
func (s *Share) release(ctx context.Context, left *index.Reserve) error {
	return s.do(ctx, func(l *loop, done chan<- error) {
		t := &l.talk
		switch {
		case t.sess == nil || !t.greeted:
			done <- fmt.Errorf("%s %w any more: a plan needs both sides; see 'duet status'", s.cfg.PeerName, ErrApart)
			return
		case !left.Empty() && !t.theirs.Reserves:
			done <- fmt.Errorf("%s runs duet %s, which cannot leave anything out of a plan: upgrade duet there, or apply all of it", s.cfg.PeerName, t.theirs.Version)
			return
		case !t.held && left.Empty() && t.reserve.Empty() && t.theirReserve.Empty():
			done <- nil
			return
		}
		note := "plan " + left.Plan
		if !left.Empty() {
			note += ", but for what was left out"
		} else {
			left = nil
		}
		// What is left out is written down before anything goes on: a crash in
		// between must not let it happen.
		l.ask(func() func() {
			err := s.book.Order(index.Applied, note, func(m *store.Meta) { m.Reserve = left })
			return func() {
				if err != nil {
					done <- err
					return
				}
				l.talk.wake()
				if t.sess == nil || !t.greeted || !t.sess.Say(&wire.Control{Kind: wire.Release, Text: "released on " + s.cfg.NodeName, Reserve: left}) {
					l.remember(func(m *store.Meta) { m.Reserve = t.reserve })
					done <- fmt.Errorf("%s could not be told just now: nothing was applied; try again with 'duet recover %s'", s.cfg.PeerName, s.cfg.Name)
					return
				}
				t.theirStuck = wire.Stuck{}
				l.leaveOut(left, nil)
				l.released(s.cfg.NodeName)
				done <- nil
			}
		})
	})
}

// leaveOut is told what people on both nodes have left out of plans.
func (l *loop) leaveOut(ours, theirs *index.Reserve) {
	t := &l.talk
	t.reserve, t.theirReserve = ours, theirs
	l.s.book.Reserve(ours, theirs)
	l.rounds.Kick()
}

// maxOrders is how often within a minute the peer may ask to hold, or to go on: a
// person asks once in a while, and each time costs a commit and a line of log.
const maxOrders = 60

// ordered counts what the peer asks for. It reports whether that is too much.
func (l *loop) ordered() bool {
	t, now := &l.talk, time.Now()
	if t.orders.Sum(now) < maxOrders {
		t.orders.Add(1, now)
		return false
	}
	l.misheard(t.sess, wire.Impossible("peer asks to hold and to go on again and again: %d times within a minute", maxOrders))
	return true
}

// heldBy is the peer asking to apply nothing for now.
func (l *loop) heldBy() {
	if !l.ordered() {
		l.talk.held, l.talk.goesOn = true, nil
	}
}

// releasedBy is what the peer's person wants: the last order of a person, on
// either node, stands. It lets happen what only waited for somebody to look at
// the plan, and nothing else: neither deletes that wait for approval, nor a share
// that is paused or halted here.
//
// The peer has said before what was settled there. That is heard first: else it
// would be decided here once more.
func (l *loop) releasedBy(theirs *index.Reserve) {
	if l.ordered() {
		return
	}
	l.talk.goesOn = func() { l.goOn(theirs) }
	l.talk.theirStuck = wire.Stuck{} // what still is comes behind this
	l.heardBefore()
}

// heardBefore goes on if all is heard that came before the peer wanted it.
func (l *loop) heardBefore() {
	if t := &l.talk; t.goesOn != nil && t.heard >= t.came {
		goOn := t.goesOn
		t.goesOn = nil
		goOn()
	}
}

func (l *loop) goOn(theirs *index.Reserve) {
	if !l.talk.reserve.Empty() {
		l.log.Info("what was left out of a plan here goes on", "peer", l.s.cfg.PeerName, "by", l.s.cfg.PeerName)
		l.ask(func() func() {
			err := l.s.book.Amend(func(m *store.Meta) { m.Reserve = nil })
			return func() {
				if err != nil {
					l.indexFailed("forget what was left out of a plan", err)
				}
			}
		})
	}
	l.leaveOut(nil, theirs)
	l.released(l.s.cfg.PeerName)
}
