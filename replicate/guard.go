package replicate

import (
	"slices"
	"time"

	"duet/recovery"
	"duet/replicate/plan"
	"duet/replicate/wire"
	"duet/store"
)

// guard is what this node does not delete without approval, for the peer's plans.
func (l *loop) guard(now time.Time) *wire.Guard {
	g := &wire.Guard{Window: int64(l.s.cfg.MaxDeleteWindow)}
	lately := l.rounds.Lately(now)
	for i, b := range l.s.bounds {
		g.Bounds = append(g.Bounds, wire.Bound{Dir: b.Dir, Limit: b.Limit.String(), Lately: lately[i]})
	}
	for _, leave := range l.rounds.Leaves() {
		g.Leaves = append(g.Leaves, wire.Leave{Under: leave.Under, Upto: leave.Upto, Reject: leave.Reject})
	}
	return g
}

// guarded returns what the peer is to hear of that now: nil if it has.
func (l *loop) guarded(now time.Time) *wire.Guard {
	g, said := l.guard(now), l.talk.saidGuard
	if said != nil && slices.Equal(g.Bounds, said.Bounds) && slices.Equal(g.Leaves, said.Leaves) && g.Window == said.Window {
		return nil
	}
	return g
}

// hearGuard takes note of what the peer does not delete without approval.
func (l *loop) hearGuard(g *wire.Guard, now time.Time) {
	if g != nil {
		l.talk.guard, l.talk.guardAt = g, now
	}
}

// guardThere is the same for a plan; nil if the peer has not said.
func (t *conversation) guardThere(now time.Time) *plan.Guard {
	if t.guard == nil {
		return nil
	}
	out := &plan.Guard{}
	over := now.Sub(t.guardAt) > time.Duration(t.guard.Window)
	for _, b := range t.guard.Bounds {
		limit, err := recovery.ParseLimit(b.Limit)
		if err != nil {
			return nil // of a newer version: it is not known what it means
		}
		out.Bounds = append(out.Bounds, recovery.Bound{Dir: b.Dir, Limit: limit})
		if over {
			b.Lately = 0
		}
		out.Lately = append(out.Lately, b.Lately)
	}
	for _, leave := range t.guard.Leaves {
		out.Leaves = append(out.Leaves, store.Leave{Under: leave.Under, Upto: leave.Upto, Reject: leave.Reject})
	}
	return out
}
