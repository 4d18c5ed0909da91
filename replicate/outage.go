package replicate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"duet/replicate/link"
	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store"
	"duet/store/index"
)

// outage is the last time apart; nil if there was none. crash is how the run
// before ended, if it did not stop.
func outage(m store.Meta, crash *report.Outage) *report.Outage {
	if crash != nil && crash.From.UnixNano() >= m.Parted {
		out := *crash
		if m.Connected > out.From.UnixNano() {
			out.To = time.Unix(0, m.Connected)
		}
		return &out
	}
	if m.Parted == 0 {
		return nil
	}
	out := &report.Outage{From: time.Unix(0, m.Parted), Why: m.PartedWhy, Kind: m.PartedHow.String()}
	if m.Connected > m.Parted {
		out.To = time.Unix(0, m.Connected)
	}
	return out
}

// ending is why this node ends a session.
type ending struct {
	how  index.Ending
	say  link.Reason // to the peer; 0: nothing
	text string
}

func (e ending) Error() string { return e.text }

// howEnded tells from its error how a session ended, as far as this node can know
// by then: what the peer said, what its kernel did, or nothing at all. See
// knowBetter.
func howEnded(err error) index.Ending {
	var own ending
	switch {
	case errors.As(err, &own):
		return own.how
	case wire.IsImpossible(err):
		return index.EndedRefused
	case errors.Is(err, link.ErrHungUp):
		return index.EndedCrashed
	}
	switch link.ReasonOf(err) {
	case link.Stops:
		return index.EndedStopped
	case link.Halts, link.Anew:
		return index.EndedHalted
	}
	return index.EndedCut
}

// before is the last session of this process.
type before struct {
	how  index.Ending
	life uint64 // the peer's
}

// knowBetter corrects how the last session ended by what the peer says now: a
// connection that was closed without a word was cut if the process there lived
// on, and a host that fell silent may have lost its power.
func (l *loop) knowBetter(theirs *wire.Hello) {
	was, peer := l.talk.before, l.s.cfg.PeerName
	l.talk.before = before{}
	how, why := was.how, ""
	switch {
	case was.life == 0 || theirs.Life == 0 || how != index.EndedCut && how != index.EndedCrashed:
	case theirs.Life == was.life && how == index.EndedCrashed:
		how, why = index.EndedCut, "duet went on running on both hosts"
	case theirs.Life == was.life:
	case theirs.Before == index.EndedCrashed:
		how, why = index.EndedCrashed, "duet ended on "+peer+" without stopping (a crash, a kill, or a power failure)"
	case theirs.Before == index.EndedStopped && how == index.EndedCrashed:
		how, why = index.EndedStopped, "duet was stopped on "+peer
	}
	if why == "" {
		return
	}
	l.remember(func(m *store.Meta) { m.PartedHow, m.PartedWhy = how, why })
}

// endedBefore is how the run before this one ended; m is as that run left it.
func endedBefore(m store.Meta) index.Ending {
	switch {
	case m.Root == index.Identity{}: // there was none, or it never saw its root
		return index.EndedSomehow
	case m.Clean:
		return index.EndedStopped
	}
	return index.EndedCrashed
}

// crashed says how the run before ended, if that was while the nodes were
// connected and without a stop: when the journal was last written to, or later.
func crashed(tx *store.Tx, m store.Meta) *report.Outage {
	if m.Clean || m.Connected == 0 || m.Connected <= m.Parted {
		return nil
	}
	from := m.Apart()
	if e, ok, err := tx.Event(tx.Head()); err == nil && ok {
		from = max(from, e.Time)
	}
	return &report.Outage{
		From: time.Unix(0, from), Kind: "crashed",
		Why: "duet here ended without stopping (a crash, a kill, or a power failure), at that time or later",
	}
}

// leftOutText says what was left out of a plan.
func leftOutText(st report.Status) string {
	lo := st.LeftOut
	var what []string
	if len(lo.Paths) > 0 {
		what = append(what, "all but "+strings.Join(lo.Paths, ", "))
	}
	if lo.Deletes {
		what = append(what, "deletes")
	}
	if lo.Conflicts {
		what = append(what, "conflicts")
	}
	if lo.Skipped > 0 {
		what = append(what, report.Count(lo.Skipped, "path")+" by name")
	}
	return fmt.Sprintf("plan %s was applied on %s without %s: these wait (%d here, %d on the peer); look at them and apply the rest with 'duet recover %s'",
		lo.Plan, lo.On, strings.Join(what, ", "), st.PendingIn, st.PendingOut, st.Name)
}
